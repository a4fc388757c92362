"""What sources share that draw from a Gaussian mixture."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from scorebench.data import SPLITS, Points, Source

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class Mixture(Source):
    """Base of sources that give independent draws from `target()`, whose score is known exactly at every sigma."""

    @property
    def known_score(self) -> bool:
        """A Gaussian mixture."""
        return True

    @abstractmethod
    def target(self) -> GaussianMixture:
        """The mixture."""

    def load(self, sizes: dict[str, int | None], seed: int) -> Points:
        """Draws from the mixture, 10,000 for a split whose size is not given."""
        import numpy as np
        import torch

        from scorebench.streams import seed_of

        target = self.target()
        splits = {}
        for split in SPLITS:
            generator = torch.Generator().manual_seed(seed_of(seed, "draw", split))
            splits[split] = target.sample(sizes.get(split) or 10_000, generator).numpy().astype(np.float32)
        return Points(splits, "drawn from a Gaussian mixture", "none needed", target.to_json())
