"""What every noise schedule is: a training density over ln sigma, a weight w(sigma), and a ladder for sampling."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scorebench.noise._border import BORDER, of_levels
from scorebench.noise._weights import Weighting, weigh
from scorebench.parts import Part

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Schedule(Part):
    """Base of all noise schedules. What their methods are given is checked at the border (`_border`)."""

    weighting: Weighting = "sigma2"

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        for name in BORDER.keys() & vars(cls).keys():
            setattr(cls, name, BORDER[name](vars(cls)[name]))

    @property
    def levels_trained(self) -> int | None:
        """How many noise levels it trains; None where sigma is continuous."""
        return None

    @property
    def noise_free(self) -> bool:
        """Whether it trains at sigma = 0."""
        return False

    @abstractmethod
    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """Noise levels of this shape from the training density."""

    @of_levels
    def weight(self, sigma: Tensor) -> Tensor:
        """w(sigma), of the shape of sigma."""
        return weigh(self.weighting, sigma, self.density)

    @of_levels
    def density(self, sigma: Tensor) -> Tensor:
        """Training density over ln sigma up to a constant, of the shape of sigma; even where nothing else is said."""
        return sigma.new_ones(sigma.shape)

    @abstractmethod
    def ladder(self, levels: int | None = None) -> Tensor:
        """Descending noise levels for sampling, (levels,); without a number, the schedule's own."""


def geometric_ladder(sigma_max: float, sigma_min: float, levels: int) -> Tensor:
    """`levels` levels from sigma_max down to sigma_min with a constant ratio, (levels,)."""
    import torch

    ladder = torch.logspace(0, 1, levels, base=sigma_min / sigma_max, dtype=torch.float64) * sigma_max
    return ladder.to(torch.float32)
