"""DSM with a second-order term that also matches the divergence of the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import NonNegativeFloat, PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, draw_probes, half_square, require_noise, score_and_slices

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class SecondOrderDSM(Objective):
    """Second-order denoising score matching, trace version.

    l(x, epsilon) = 1/2 ||s(y) + epsilon / sigma||^2
                    + weight / (2 d sigma^2) |sigma^2 v^T (ds/dy) v + ||v||^2 - (v^T l_1)^2|^2

    l_1 = epsilon + sigma s(y) with s held constant, E[v v^T] = I; each product the mean over `probes` draws of v.
    Lu et al. (2022), arXiv:2206.08265, theorem 3.2 and its sliced form: E[l_1 l_1^T | y] = I + sigma^2 ds*/dy at
    s = s*, so the added term regresses on the divergence of the exact score. It CHANGES THE OBJECTIVE: the minimum
    over all fields is grad log p_sigma still, but the loss is no estimate of the score error, and where the network
    cannot hold the score the minimum moves. d orthogonal probes give the exact trace. Cost: that of SSM-VR.
    """

    requires_noise: ClassVar[bool] = True
    changes_objective: ClassVar[str | None] = "a second-order term is added to the score error"
    differentiates_score: ClassVar[bool] = True
    weight: NonNegativeFloat = 1.0
    probes: PositiveInt = 1
    probe: Probe = "rademacher"

    def evaluations(self, dimension: int) -> int:
        """The score and a product with its Jacobian for every probe."""
        return 1 + self.probes

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        sigma = batch.sigma
        require_noise(sigma, "second_order_dsm is not defined at sigma = 0: use ism, ssm or ssm_vr on clean data")
        v = draw_probes(self.probe, self.probes, batch.noise, sigma, generator)
        s, slices = score_and_slices(score, batch, v)
        first = batch.noise + batch.scale * s.detach()
        known = (v * v).flatten(sigma.ndim + 1).sum(-1) - (v * first).flatten(sigma.ndim + 1).sum(-1).square()
        second = (sigma.square() * slices + known).mean(0)
        d = s.flatten(sigma.ndim).shape[-1]
        factor = self.weight / (2 * d * sigma.square())
        return half_square(s + batch.noise / batch.scale, sigma) + factor * second.square()
