"""A Gaussian mixture near a low-dimensional subspace of a high-dimensional space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.data._mixture import Mixture

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class LowRankMixture(Mixture):
    """`components` equal Gaussians in `dimensions`-D near a random subspace of dimension `rank`.

    The centres lie in the subspace, at random; the components have the standard deviation `std` along it and
    `std_perpendicular` across. The root mean square per coordinate of the whole space is 1, so along the subspace the
    data spread over about sqrt(dimensions / rank). `draw` picks another mixture.
    """

    components: Annotated[int, Field(ge=2, le=1000)] = 8
    dimensions: Annotated[int, Field(ge=2, le=4096)] = 100
    rank: Annotated[int, Field(ge=1)] = 2
    std: PositiveFloat = 1.0
    std_perpendicular: PositiveFloat = 0.01
    draw: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.rank >= self.dimensions:
            raise ValueError(f"rank {self.rank} must be below dimensions {self.dimensions}")
        if self._width() >= 1:
            raise ValueError(
                f"std {self.std} and std_perpendicular {self.std_perpendicular} alone give a mean square of"
                f" {self._width():.3g} per coordinate, which leaves nothing of 1 for the centres"
            )
        return self

    def _width(self) -> float:
        """Mean square per coordinate of one component."""
        across = self.dimensions - self.rank
        return (self.rank * self.std**2 + across * self.std_perpendicular**2) / self.dimensions

    def dimension(self) -> int:
        """Of the whole space."""
        return self.dimensions

    def target(self) -> GaussianMixture:
        """The mixture."""
        import torch

        from scorebench.streams import seed_of
        from scorebench.targets import GaussianMixture

        K, d = self.components, self.dimensions
        generator = torch.Generator().manual_seed(seed_of("low_rank_mixture", self.draw))
        along, _ = torch.linalg.qr(torch.randn(d, self.rank, generator=generator, dtype=torch.float64))
        places = torch.randn(K, self.rank, generator=generator, dtype=torch.float64)
        places = places - places.mean(0)
        places = places * ((1 - self._width()) * d / self.rank / places.square().mean()).sqrt()
        plane = along @ along.T
        covariance = self.std_perpendicular**2 * torch.eye(d, dtype=torch.float64)
        covariance = covariance + (self.std**2 - self.std_perpendicular**2) * (plane + plane.T) / 2
        return GaussianMixture(torch.ones(K), places @ along.T, covariances=covariance.expand(K, d, d))
