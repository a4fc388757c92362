"""EDM's log-normal training noise and its ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveFloat

from scorebench.noise._range import _Range
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class EDM(_Range):
    """ln sigma ~ N(P_mean + ln(sigma_data / 0.5), P_std^2).

    Karras et al. (2022), Table 1. P_mean and P_std were chosen for images of standard deviation 0.5; other data are
    their images times sigma_data / 0.5, and so is the noise. `sigma_data: 0.5` leaves P_mean as it is.
    sigma_max and sigma_min are the ends of the ladder; the training density has none.
    """

    sigma_max: PositiveFloat = 80.0
    sigma_min: PositiveFloat = 0.002
    P_mean: float = -1.2
    P_std: PositiveFloat = 1.2
    sigma_data: PositiveFloat = 1.0
    """Standard deviation of the data; prepared data have 1."""
    rho: PositiveFloat = 7.0
    levels: Annotated[int, Field(ge=2)] = 18
    """Levels of the ladder for sampling."""

    @property
    def mean(self) -> float:
        """Mean of ln sigma."""
        return self.P_mean + math.log(self.sigma_data / 0.5)

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """exp(N(mean, P_std^2)) of this shape."""
        return (self.mean + self.P_std * normal(shape, generator, like)).exp()

    def density(self, sigma: Tensor) -> Tensor:
        """Of N(mean, P_std^2) at ln sigma."""
        z = (sigma.log() - self.mean) / self.P_std
        return (-z.square() / 2).exp() / (self.P_std * math.sqrt(2 * math.pi))

    def ladder(self, levels: int | None = None) -> Tensor:
        """sigma_max ... sigma_min at even steps of sigma^(1 / rho), (levels,): their eq. 5."""
        import torch

        ends = self.sigma_max ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        return torch.linspace(*ends, levels or self.levels, dtype=torch.float64).pow(self.rho).float()
