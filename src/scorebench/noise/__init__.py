"""Noise schedules: a training density over ln sigma, a weight w(sigma), and a descending ladder for sampling.

sigma is the standard deviation of the noise in the units of the prepared data. A training loss is
E_{sigma ~ schedule} w(sigma) l(sigma), where l estimates 1/2 ||s - s*||^2 + const.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scorebench.noise._weights import Weighting, weigh
from scorebench.parts import Part, build

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Schedule(Part):
    """Base of all noise schedules."""

    weighting: Weighting = "sigma2"

    @property
    def levels_trained(self) -> int | None:
        """How many noise levels it trains; None where sigma is continuous."""
        return None

    @property
    def noise_free(self) -> bool:
        """Whether it trains at sigma = 0."""
        return False

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """Noise levels of this shape from the training density."""
        raise TypeError(f"{type(self).__name__} defines no density")

    def weight(self, sigma: Tensor) -> Tensor:
        """w(sigma), of the shape of sigma."""
        return weigh(self.weighting, sigma, self.density)

    def density(self, sigma: Tensor) -> Tensor:
        """Training density over ln sigma up to a constant, of the shape of sigma; even where nothing else is said."""
        return sigma.new_ones(sigma.shape)

    def ladder(self, levels: int | None = None) -> Tensor:
        """Descending noise levels for sampling, (levels,); without a number, the schedule's own."""
        raise TypeError(f"{type(self).__name__} defines no ladder")


def geometric_ladder(sigma_max: float, sigma_min: float, levels: int) -> Tensor:
    """`levels` levels from sigma_max down to sigma_min with a constant ratio, (levels,)."""
    import torch

    ladder = torch.logspace(0, 1, levels, base=sigma_min / sigma_max, dtype=torch.float64) * sigma_max
    return ladder.to(torch.float32)


def schedule(name: str, **options: Any) -> Schedule:
    """The schedule of this name: `schedule("geometric", sigma_max=50, sigma_min=0.01, levels=232)`.

    Raises:
        UnknownPart, BadOptions: no such schedule, or options that it does not take.
    """
    built: Schedule = build("schedule", name, options)
    return built


def __getattr__(name: str) -> Any:
    """`advise`, which stands on the schedules: found when asked for, so that they don't depend on it."""
    if name == "advise":
        return importlib.import_module("scorebench.advisor").advise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
