"""A square grid of Gaussians in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.data._mixture import Mixture

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class Grid(Mixture):
    """`side` x `side` equal Gaussians on a square grid, scaled so that every coordinate has root mean square 1.

    With a side of 5 the centres are 0.71 apart, 14 standard deviations of 0.05.
    """

    side: Annotated[int, Field(ge=2, le=100)] = 5
    std: Annotated[float, Field(gt=0, lt=1)] = 0.05

    def dimension(self) -> int:
        """The plane."""
        return 2

    def target(self) -> GaussianMixture:
        """The mixture: mean square of the places along an axis + std^2 = 1."""
        import torch

        from scorebench.targets import GaussianMixture

        places = torch.linspace(-1, 1, self.side, dtype=torch.float64)
        places = places * ((1 - self.std**2) / places.square().mean()).sqrt()
        means = torch.cartesian_prod(places, places)
        return GaussianMixture(torch.ones(len(means)), means, stds=[self.std] * len(means))
