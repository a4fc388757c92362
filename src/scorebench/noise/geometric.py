"""NCSN's geometric ladder of noise levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, PositiveInt, model_validator

from scorebench.noise._ncsnv2 import ladder_ratio, level_count
from scorebench.noise._range import _Range
from scorebench.noise._schedule import geometric_ladder
from scorebench.streams import integers

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


def _levels(options: dict[str, Any]) -> int:
    """NCSN's 10, or what the dimension asks for; `options` are those that are sound."""
    if options.get("dimension") is None or not {"sigma_max", "sigma_min", "overlap"} <= options.keys():
        return 10
    ratio = ladder_ratio(options["dimension"], options["overlap"])
    return level_count(options["sigma_max"], options["sigma_min"], ratio)


class Geometric(_Range):
    """sigma_1 > ... > sigma_L with a constant ratio, each as likely as the others (Song & Ermon 2019, sec. 4.2).

    Give `levels`, or the `dimension` of the data, from which NCSNv2's technique 2 (Song & Ermon 2020) takes their
    number: neighbouring levels share `overlap` of their radii. Below 9 dimensions the exact law of the radius stands in
    for the technique's normal approximation, which has no solution in 4 or fewer (see `_ncsnv2.ladder_ratio`).
    """

    dimension: PositiveInt | None = None
    overlap: Annotated[float, Field(gt=0, lt=0.997)] = 0.5
    levels: Annotated[int, Field(ge=2, default_factory=_levels)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.dimension is not None and self.levels != (count := _levels(dict(self))):
            raise ValueError(f"dimension {self.dimension} makes {count} levels, not {self.levels}: give one of the two")
        return self

    @property
    def levels_trained(self) -> int:
        """The number of rungs."""
        return self.levels

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """Rungs of the ladder, uniformly."""
        ladder = self.ladder()
        if like is not None:
            ladder = ladder.to(like)
        return ladder[integers(self.levels, shape, generator, like)]

    def ladder(self, levels: int | None = None) -> Tensor:
        """sigma_max ... sigma_min with a constant ratio, (levels,)."""
        return geometric_ladder(self.sigma_max, self.sigma_min, levels or self.levels)
