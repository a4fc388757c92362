"""The sub-variance-preserving process with a linear rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.noise._time import _Time

if TYPE_CHECKING:
    from torch import Tensor


class SubVP(_Time):
    """sigma(t) = 2 sinh(B(t) / 2),   B(t) = beta_min t + 1/2 (beta_max - beta_min) t^2,   t ~ U(t_min, 1).

    Song et al. (2021), eq. 29: x_t = exp(-B / 2) x + (1 - exp(-B)) epsilon, hence sigma = (1 - e^-B) / e^(-B / 2).
    With their 0.1, 20 and t_min = 1e-5, sigma goes from 1e-6 to 152.
    """

    beta_min: PositiveFloat = 0.1
    beta_max: PositiveFloat = 20.0
    t_min: Annotated[float, Field(gt=0, lt=1)] = 1e-5

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.beta_min > self.beta_max:
            raise ValueError(f"beta_min {self.beta_min} must not be above beta_max {self.beta_max}")
        return self

    @property
    def times(self) -> tuple[float, float]:
        """t_min and 1."""
        return self.t_min, 1.0

    def sigma(self, t: Tensor) -> Tensor:
        """2 sinh(B(t) / 2), by exp and expm1: torch's sinh differs in the last digit with the place in a batch."""
        B = self.beta_min * t + (self.beta_max - self.beta_min) / 2 * t.square()
        return -(-B).expm1() * (B / 2).exp()

    def density(self, sigma: Tensor) -> Tensor:
        """dt / d ln sigma over the length of time; d sigma / dt = beta cosh(B / 2)."""
        B = 2 * (sigma / 2).asinh()
        beta = (self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * B).sqrt()
        return sigma / (beta * (1 + sigma.square() / 4).sqrt()) / (1 - self.t_min)
