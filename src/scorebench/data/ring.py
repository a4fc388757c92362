"""A ring of Gaussians in the plane."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.data._mixture import Mixture

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class Ring(Mixture):
    """`components` equal Gaussians on a circle, scaled so that every coordinate has root mean square 1."""

    components: Annotated[int, Field(ge=2)] = 8
    std: Annotated[float, Field(gt=0, lt=1)] = 0.15

    def dimension(self) -> int:
        """The plane."""
        return 2

    def target(self) -> GaussianMixture:
        """The mixture: radius^2 / 2 + std^2 = 1."""
        import torch

        from scorebench.targets import GaussianMixture

        angle = 2 * math.pi * torch.arange(self.components, dtype=torch.float64) / self.components
        radius = math.sqrt(2 * (1 - self.std**2))
        means = radius * torch.stack([angle.cos(), angle.sin()], -1)
        return GaussianMixture(torch.ones(self.components), means, stds=[self.std] * self.components)
