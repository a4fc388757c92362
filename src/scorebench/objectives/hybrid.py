"""DSM and SSM-VR on the same noised points, weighted by lambda(sigma)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, differentiable, draw_probe, half_square, sliced_divergence

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class Hybrid(Objective):
    """The convex combination of DSM and SSM-VR on p_sigma.

    l(x, epsilon) = (1 - lambda) 1/2 ||s(y) + epsilon / sigma||^2 + lambda [1/2 ||s(y)||^2 + v^T (ds/dy) v]

    At the optimum the two gradients are uncorrelated, so the best weight on SSM-VR is
    lambda* = V_DSM / (V_DSM + V_SSM). For linear scores on N(0, tau^2 I) that is

        lambda*(sigma) = tau^2 / (tau^2 + 2 sigma^2),

    used here with tau the local scale of the data (the width of its finest structure), unless `fixed` gives one
    lambda for every sigma. Cost: that of SSM-VR; the DSM term is free.
    """

    requires_noise: ClassVar[bool] = True
    differentiates_score: ClassVar[bool] = True
    tau: PositiveFloat = 1.0
    fixed: Annotated[float, Field(ge=0, le=1)] | None = None
    probe: Probe = "rademacher"

    def weight(self, sigma: Tensor) -> Tensor:
        """lambda(sigma), the weight on SSM-VR, of the shape of sigma."""
        import torch

        if self.fixed is not None:
            return torch.full_like(sigma, self.fixed)
        return self.tau**2 / (self.tau**2 + 2 * sigma.square())

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        sigma = batch.sigma
        if not bool((sigma > 0).all()):
            raise ValueError("hybrid holds a DSM term, which is not defined at sigma = 0")
        y = differentiable(batch)
        s = score(y, sigma)
        v = draw_probe(self.probe, s, sigma, generator)
        dsm = half_square(s + batch.noise / batch.scale, sigma)
        ssm = half_square(s, sigma) + sliced_divergence(s, y, v, sigma)
        lam = self.weight(sigma)
        return (1 - lam) * dsm + lam * ssm
