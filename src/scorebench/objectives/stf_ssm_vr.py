"""STF and SSM-VR on the same noised points, weighted by lambda(sigma)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._posterior import posterior_score, require_reference
from scorebench.objectives._terms import Probe, draw_probe, half_square, require_noise, score_and_slices

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class StableTargetFieldSSMVR(Objective):
    """The convex combination of STF and SSM-VR on p_sigma.

    l(y) = (1 - lambda) 1/2 ||s(y) - s_STF(y)||^2 + lambda [1/2 ||s(y)||^2 + v^T (ds/dy) v]

    As for DSM, the two gradients are uncorrelated at the optimum and lambda* = V_STF / (V_STF + V_SSM). Averaging
    over reference points divides the variance of DSM by the effective number n_eff of points that share a y, so with
    rho = sigma^2 / tau^2 and n reference points of N(0, tau^2 I), for linear scores,

        lambda*(sigma) = 1 / (1 + 2 rho n_eff),
        n_eff = 1 + n (E w)^2 / E w^2 = 1 + n [sqrt(rho (rho + 2)) / (rho + 1)]^d exp(-d / (rho + 2))

    with w = exp(-||y - x||^2 / (2 sigma^2)), x ~ N(0, tau^2 I), at ||y||^2 = d (tau^2 + sigma^2): on that Gaussian the
    variance is within 25 % of the least (measured, d = 1 to 10, n = 16 and 256). tau is the local scale of the data
    (the width of its finest structure), unless `fixed` gives one lambda for every sigma. Cost: that of SSM-VR, and
    the distances.
    """

    requires_noise: ClassVar[bool] = True
    differentiates_score: ClassVar[bool] = True
    combines: ClassVar[tuple[str, ...]] = ("stf", "ssm_vr")
    references: PositiveInt | None = None
    tau: PositiveFloat = 1.0
    fixed: Annotated[float, Field(ge=0, le=1)] | None = None
    probe: Probe = "rademacher"

    def weight(self, sigma: Tensor, d: int, n: int) -> Tensor:
        """lambda(sigma), the weight on SSM-VR, for n reference points in d dimensions, of the shape of sigma."""
        import torch

        if self.fixed is not None:
            return torch.full_like(sigma, self.fixed)
        rho = (sigma / self.tau).square()
        overlap = (rho * (rho + 2)).log() / 2 - rho.log1p() - 1 / (rho + 2)
        return 1 / (1 + 2 * rho * (1 + n * (d * overlap).exp()))

    def evaluations(self, dimension: int) -> int:
        """The score and a product with its Jacobian."""
        return 2

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0 and without batch.reference."""
        sigma = batch.sigma
        require_noise(sigma, "stf_ssm_vr holds an STF term, which is not defined at sigma = 0")
        reference = require_reference(batch, "stf_ssm_vr")
        v = draw_probe(self.probe, batch.noise, sigma, generator)
        s, (slice_,) = score_and_slices(score, batch, v[None])
        target = posterior_score(batch.noisy, sigma, reference, batch.clean, generator, self.references)
        n = min(len(reference), self.references or len(reference))
        lam = self.weight(sigma, reference[0].numel(), n)
        ssm = half_square(s, sigma) + slice_
        mixed: Tensor = (1 - lam) * half_square(s - target, sigma) + lam * ssm
        return mixed
