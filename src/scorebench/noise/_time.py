"""Schedules that are a process in time: t uniform, sigma a rising function of it; and those with a linear rate."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.noise._schedule import Schedule
from scorebench.streams import uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class _Time(Schedule):
    """t ~ U(t_0, t_1), sigma = sigma(t).

    Where the process also scales the data, x_t = c(t) (x + sigma epsilon), sigma is the noise in units of the data;
    the network's preconditioning scales its input.
    """

    levels: Annotated[int, Field(ge=2)] = 20
    """Levels of the ladder for sampling, at even steps of t; the training density has no levels."""

    @property
    @abstractmethod
    def times(self) -> tuple[float, float]:
        """t_0 and t_1."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Noise level at times t, of the shape of t."""

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """sigma(U(t_0, t_1)) of this shape."""
        first, last = self.times
        return self.sigma(first + (last - first) * uniform(shape, generator, like))

    def ladder(self, levels: int | None = None) -> Tensor:
        """sigma at even steps of t from t_1 down to t_0, (levels,)."""
        import torch

        first, last = self.times
        return self.sigma(torch.linspace(last, first, levels or self.levels, dtype=torch.float64)).float()


class _LinearRate(_Time):
    """beta(t) = beta_min + (beta_max - beta_min) t, t ~ U(t_min, 1); the defaults are those of Song et al. (2021)."""

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

    def integral(self, t: Tensor) -> Tensor:
        """Integral of beta from 0 to t, of the shape of t."""
        return self.beta_min * t + (self.beta_max - self.beta_min) / 2 * t.square()

    def beta(self, B: Tensor) -> Tensor:
        """The rate at the time when its integral is B, of the shape of B."""
        return (self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * B).sqrt()
