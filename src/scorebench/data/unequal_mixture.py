"""A Gaussian mixture whose components differ in width and weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from scorebench.data._mixture import Mixture

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


class UnequalMixture(Mixture):
    """`components` round Gaussians in `dimensions`-D, centred at random, with unequal widths and weights.

    The widths run geometrically from `std_min` to `std_max` and are those of the data as they come out: the centres
    are scaled so that the overall root mean square per coordinate is 1. The weights fall geometrically from the widest
    to the narrowest component, `imbalance` to 1, so that the finest structure is also the rarest. No one noise
    level suits such data. `draw` picks other centres.
    """

    components: Annotated[int, Field(ge=2, le=1000)] = 4
    dimensions: Annotated[int, Field(ge=1, le=4096)] = 2
    std_min: PositiveFloat = 0.02
    std_max: PositiveFloat = 0.5
    imbalance: Annotated[float, Field(ge=1)] = 9.0
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
        """The mixture, widest component first."""
        import torch

        from scorebench.streams import seed_of
        from scorebench.targets import GaussianMixture

        K, d = self.components, self.dimensions
        generator = torch.Generator().manual_seed(seed_of("unequal_mixture", self.draw))
        means = torch.randn(K, d, generator=generator, dtype=torch.float64)
        part = torch.linspace(0, 1, K, dtype=torch.float64)
        stds = self.std_max * (self.std_min / self.std_max) ** part
        weights = self.imbalance**-part
        weights = weights / weights.sum()
        means = means - (weights[:, None] * means).sum(0)
        spread = (weights * means.square().mean(1)).sum()
        means = means * ((1 - (weights * stds.square()).sum()) / spread).sqrt()
        return GaussianMixture(weights, means, stds=stds)
