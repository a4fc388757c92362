"""A Gaussian mixture with random centres and rotated, unequal axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.data._mixture import Mixture

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class RandomMixture(Mixture):
    """`components` equal Gaussians in `dimensions`-D, centred at random.

    All share one covariance, whose standard deviations run evenly from `std_min` to `std_max` along axes turned
    by a random rotation, so that nothing is axis-aligned. The overall root mean square per coordinate is 1.
    `draw` picks another mixture.
    """

    components: Annotated[int, Field(ge=2)] = 8
    dimensions: Annotated[int, Field(ge=1, le=4096)] = 10
    std_min: PositiveFloat = 0.1
    std_max: PositiveFloat = 0.2
    draw: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.std_min <= self.std_max < 1:
            raise ValueError(f"std_min {self.std_min} <= std_max {self.std_max} < 1 must hold")
        return self

    def dimension(self) -> int:
        """As given."""
        return self.dimensions

    def target(self) -> GaussianMixture:
        """The mixture."""
        import torch

        from scorebench.streams import seed_of
        from scorebench.targets import GaussianMixture

        K, d = self.components, self.dimensions
        generator = torch.Generator().manual_seed(seed_of("random_mixture", self.draw))
        means = torch.randn(K, d, generator=generator, dtype=torch.float64)
        rotation, _ = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
        variance = torch.linspace(self.std_min, self.std_max, d, dtype=torch.float64).square()
        covariance = rotation @ torch.diag(variance) @ rotation.T
        covariance = (covariance + covariance.T) / 2
        means = means - means.mean(0)
        means = means * ((1 - variance.mean()) / means.square().mean()).sqrt()
        return GaussianMixture(torch.ones(K), means, covariances=covariance.expand(K, d, d))
