"""The cosine schedule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scorebench.noise._range import _Range
from scorebench.noise._time import _Time

if TYPE_CHECKING:
    from torch import Tensor


class Cosine(_Time, _Range):
    """sigma(t) = tan(pi t / 2), t uniform where sigma_min <= sigma(t) <= sigma_max.

    Nichol & Dhariwal (2021), eq. 17: abar = cos^2(pi t / 2), sigma^2 = 1 / abar - 1. Their offset of 0.008 keeps sigma
    above 0.0125, their limit on beta keeps it finite; here the two ends are options.
    """

    @property
    def times(self) -> tuple[float, float]:
        """Where sigma is sigma_min and sigma_max."""
        return 2 / math.pi * math.atan(self.sigma_min), 2 / math.pi * math.atan(self.sigma_max)

    def sigma(self, t: Tensor) -> Tensor:
        """tan(pi t / 2)."""
        return (math.pi / 2 * t).tan()

    def density(self, sigma: Tensor) -> Tensor:
        """dt / d ln sigma over the length of time."""
        first, last = self.times
        return 2 / math.pi * sigma / (1 + sigma.square()) / (last - first)
