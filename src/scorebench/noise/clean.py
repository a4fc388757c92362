"""No noise: sigma = 0, the data as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scorebench.noise._schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Clean(Schedule):
    """sigma = 0 (Hyvärinen 2005): ESM, ISM and SSM are defined here, DSM is not."""

    @property
    def levels_trained(self) -> int:
        """One level."""
        return 1

    @property
    def noise_free(self) -> bool:
        """It is."""
        return True

    def sample(self, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
        """Zeros of this shape."""
        import torch

        return torch.zeros(tuple(shape)) if like is None else like.new_zeros(tuple(shape))

    def ladder(self, levels: int | None = None) -> Tensor:
        """The one level, 0."""
        import torch

        return torch.zeros(1)
