"""NCSN's geometric ladder of noise levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.noise import Schedule, geometric_ladder
from scorebench.streams import integers

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Geometric(Schedule):
    """sigma_1 > ... > sigma_L with a constant ratio, each as likely as the others (Song & Ermon 2019, sec. 4.2)."""

    sigma_max: PositiveFloat = 10.0
    sigma_min: PositiveFloat = 0.01
    levels: Annotated[int, Field(ge=2)] = 10

    @model_validator(mode="after")
    def _descends(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} must be below sigma_max {self.sigma_max}")
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
