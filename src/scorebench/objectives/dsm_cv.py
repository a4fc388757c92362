"""DSM without the part of its noise that grows as sigma -> 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import evaluate, event_sum, half_square, require_noise

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class DenoisingScoreMatchingCV(Objective):
    """Denoising score matching with a control variate (C1-DSM).

    l(x, epsilon) = 1/2 ||s(y) + epsilon / sigma||^2 - beta s(x)^T epsilon / sigma

    s(x) = s(x, sigma) is the score at the clean point; the term has mean zero given x. With beta = 1 it cancels what
    makes the variance of the DSM gradient grow as 1 / sigma^2, and the loss tends to sliced score matching on clean
    data with probe epsilon: Wang et al. (2020); Song and Kingma (2021), sec. 3.4; Jeha et al. (2024). Cost: two
    evaluations of the network per point. `antithetic_dsm` has less variance at the same cost.
    """

    requires_noise: ClassVar[bool] = True
    beta: float = 1.0

    def evaluations(self, dimension: int) -> int:
        """At the noised and at the clean point."""
        return 2

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        sigma = batch.sigma
        require_noise(sigma, "dsm_cv is not defined at sigma = 0: use ism, ssm or ssm_vr on clean data")
        noisy, clean = evaluate(score, [batch.noisy, batch.clean], sigma)
        pull = batch.noise / batch.scale
        return half_square(noisy + pull, sigma) - self.beta * event_sum(clean * pull, sigma)
