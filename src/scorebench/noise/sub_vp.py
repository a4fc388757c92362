"""The sub-variance-preserving process with a linear rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.noise._time import _LinearRate

if TYPE_CHECKING:
    from torch import Tensor


class SubVP(_LinearRate):
    """sigma(t) = 2 sinh(B(t) / 2),   B(t) = beta_min t + 1/2 (beta_max - beta_min) t^2,   t ~ U(t_min, 1).

    Song et al. (2021), eq. 29: x_t = exp(-B / 2) x + (1 - exp(-B)) epsilon, hence sigma = (1 - e^-B) / e^(-B / 2).
    With their 0.1, 20 and t_min = 1e-5, sigma goes from 1e-6 to 152.
    """

    def sigma(self, t: Tensor) -> Tensor:
        """2 sinh(B(t) / 2), by exp and expm1: torch's sinh differs in the last digit with the place in a batch."""
        B = self.integral(t)
        return -(-B).expm1() * (B / 2).exp()

    def density(self, sigma: Tensor) -> Tensor:
        """dt / d ln sigma over the length of time; d sigma / dt = beta cosh(B / 2)."""
        B = 2 * (sigma / 2).asinh()
        return sigma / (self.beta(B) * (1 + sigma.square() / 4).sqrt()) / (1 - self.t_min)
