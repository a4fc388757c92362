"""Schedules that are a process in time: t uniform, sigma a rising function of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.noise import Schedule
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
    def times(self) -> tuple[float, float]:
        """t_0 and t_1."""
        raise TypeError(f"{type(self).__name__} defines no times")

    def sigma(self, t: Tensor) -> Tensor:
        """Noise level at times t, of the shape of t."""
        raise TypeError(f"{type(self).__name__} defines no noise level")

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """sigma(U(t_0, t_1)) of this shape."""
        first, last = self.times
        return self.sigma(first + (last - first) * uniform(shape, generator, like))

    def ladder(self, levels: int | None = None) -> Tensor:
        """sigma at even steps of t from t_1 down to t_0, (levels,)."""
        import torch

        first, last = self.times
        return self.sigma(torch.linspace(last, first, levels or self.levels, dtype=torch.float64)).float()
