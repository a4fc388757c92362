"""The variance-preserving process with a linear rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.noise._time import _Time

if TYPE_CHECKING:
    from torch import Tensor


class VPLinear(_Time):
    """sigma(t) = sqrt(exp(B(t)) - 1),   B(t) = beta_min t + 1/2 (beta_max - beta_min) t^2,   t ~ U(t_min, 1).

    Song et al. (2021), eq. 32-33, which is DDPM (Ho et al. 2020) in continuous time: x_t = exp(-B / 2) (x + sigma
    epsilon). beta_min, beta_max = 0.1, 20 and t_min = 1e-5 are theirs, and give sigma from 0.001 to 152.
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
        """sqrt(exp(B(t)) - 1)."""
        return (self.beta_min * t + (self.beta_max - self.beta_min) / 2 * t.square()).expm1().sqrt()

    def density(self, sigma: Tensor) -> Tensor:
        """dt / d ln sigma over the length of time; d sigma^2 / dt = beta (1 + sigma^2)."""
        square = sigma.square()
        beta = (self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * square.log1p()).sqrt()
        return 2 * square / (beta * (1 + square)) / (1 - self.t_min)
