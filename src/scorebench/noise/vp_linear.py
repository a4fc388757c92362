"""The variance-preserving process with a linear rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.noise._time import _LinearRate

if TYPE_CHECKING:
    from torch import Tensor


class VPLinear(_LinearRate):
    """sigma(t) = sqrt(exp(B(t)) - 1),   B(t) = beta_min t + 1/2 (beta_max - beta_min) t^2,   t ~ U(t_min, 1).

    Song et al. (2021), eq. 32-33, which is DDPM (Ho et al. 2020) in continuous time: x_t = exp(-B / 2) (x + sigma
    epsilon). beta_min, beta_max = 0.1, 20 and t_min = 1e-5 are theirs, and give sigma from 0.001 to 152.
    """

    def sigma(self, t: Tensor) -> Tensor:
        """sqrt(exp(B(t)) - 1)."""
        return self.integral(t).expm1().sqrt()

    def density(self, sigma: Tensor) -> Tensor:
        """dt / d ln sigma over the length of time; d sigma^2 / dt = beta (1 + sigma^2)."""
        square = sigma.square()
        return 2 * square / (self.beta(square.log1p()) * (1 + square)) / (1 - self.t_min)
