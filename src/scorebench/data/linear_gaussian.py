"""One Gaussian with a spectrum: the case in which everything has a closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat

from scorebench.data._mixture import Mixture

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class LinearGaussian(Mixture):
    """N(0, C) in `dimensions`-D; the variance along the k-th principal axis is proportional to k^-`exponent`.

    The axes are turned by a random rotation, `draw` picks another. The root mean square per coordinate is 1. Exponent 0
    is the isotropic Gaussian; 2 is what natural images are near to. Its score at every sigma is linear.
    """

    dimensions: Annotated[int, Field(ge=1, le=4096)] = 2
    exponent: NonNegativeFloat = 2.0
    draw: Annotated[int, Field(ge=0)] = 0

    def dimension(self) -> int:
        """As given."""
        return self.dimensions

    def target(self) -> GaussianMixture:
        """The Gaussian, as a mixture of one."""
        import torch

        from scorebench.streams import seed_of
        from scorebench.targets import GaussianMixture

        d = self.dimensions
        generator = torch.Generator().manual_seed(seed_of("linear_gaussian", self.draw))
        rotation, _ = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
        variance = torch.arange(1, d + 1, dtype=torch.float64) ** -self.exponent
        variance = variance / variance.mean()
        covariance = rotation @ torch.diag(variance) @ rotation.T
        covariance = (covariance + covariance.T) / 2
        return GaussianMixture(torch.ones(1), torch.zeros(1, d), covariances=covariance[None])
