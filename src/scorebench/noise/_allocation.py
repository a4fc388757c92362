"""Noise levels drawn from a learned density over ln sigma that is constant in every bin."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.learning import Bins, Learner
from scorebench.noise.log_uniform import LogUniform
from scorebench.streams import uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Allocation(LogUniform, Learner):
    """Base of schedules that learn where to train: the mass of `bins` bins of equal width in ln sigma.

    ln sigma is uniform at first and without training. `density`, on which some weightings depend, stays that one: what
    is learned is no reason to weigh otherwise.
    """

    bins: Bins = 12
    floor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The part of the samples that stays spread evenly, so that no noise level is starved."""

    @abstractmethod
    def mass(self) -> Tensor | None:
        """The learned probability of every bin, (R, K), ascending in sigma; None before anything was learned."""

    def learned(self) -> dict[str, Tensor]:
        """The mass of the bins."""
        mass = self.mass()
        return {} if mass is None else {"mass": mass}

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """Noise levels of this shape, (R, ...) once learned; from the same uniform numbers as `log_uniform`."""
        import torch

        mass = self.mass()
        if mass is None:
            return super().sample(shape, generator, like)
        u = uniform(shape, generator, like).flatten(1)
        edges = mass.to(u).cumsum(1)
        bin_ = torch.searchsorted(edges[:, :-1].contiguous(), u, right=True)
        width = mass.to(u).gather(1, bin_)
        within = ((u - edges.gather(1, bin_)) / width + 1).clamp(0, 1)
        position = ((bin_ + within) / self.bins).reshape(tuple(shape))
        return (math.log(self.sigma_min) + position * math.log(self.sigma_max / self.sigma_min)).exp()
