"""Local curvature smoothing: another objective, whose minimum is not the score of p_sigma."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import evaluate, event_sum, half_square, require_noise

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class LocalCurvatureSmoothing(Objective):
    """Local curvature smoothing with Stein's identity (LCSS).

    l(x, epsilon) = 1/2 ||s(x)||^2 + s(y)^T epsilon / sigma,   both s at (., sigma)

    Osada, Shing, Nishide (2024), arXiv:2412.03962: the divergence of score matching on clean data, smoothed by sigma
    and written without derivatives, E[s(y)^T epsilon / sigma] = E[div s(y)]. It CHANGES THE OBJECTIVE: the norm is
    taken over p_0 and the divergence over p_sigma, so its minimum is grad p_sigma / p_0, not grad log p_sigma. Among
    linear scores of N(0, tau^2 I) it is at -x / tau^2, the score of the clean data, at every sigma; it tends to
    score matching on clean data as sigma -> 0. Cost: two evaluations of the network per point.
    """

    requires_noise: ClassVar[bool] = True
    changes_objective: ClassVar[str | None] = "its norm is taken over clean data, its divergence over noised data"

    def evaluations(self, dimension: int) -> int:
        """At the noised and at the clean point."""
        return 2

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        sigma = batch.sigma
        require_noise(sigma, "lcss is not defined at sigma = 0: use ism, ssm or ssm_vr on clean data")
        clean, noisy = evaluate(score, [batch.clean, batch.noisy], sigma)
        return half_square(clean, sigma) + event_sum(noisy * batch.noise / batch.scale, sigma)
