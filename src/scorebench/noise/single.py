"""One noise level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from scorebench.noise._schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Single(Schedule):
    """One sigma (Vincent 2011)."""

    sigma: PositiveFloat = 0.1

    @property
    def levels_trained(self) -> int:
        """One level."""
        return 1

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """sigma, everywhere."""
        import torch

        if like is None:
            return torch.full(tuple(shape), self.sigma)
        return like.new_full(tuple(shape), self.sigma)

    def ladder(self, levels: int | None = None) -> Tensor:
        """The one level."""
        import torch

        return torch.tensor([self.sigma])
