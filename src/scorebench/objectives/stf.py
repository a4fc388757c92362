"""Stable target field: regress on the score of the noised data as reference points show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._posterior import posterior_score, require_reference
from scorebench.objectives._terms import half_square, require_noise

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class StableTargetField(Objective):
    """Stable target field (STF).

    l(y) = 1/2 ||s(y) - sum_j w_j (x_j - y) / sigma^2||^2,   w = softmax_j(-||y - x_j||^2 / (2 sigma^2))

    Xu, Tong, Jaakkola (2023), eq. 7: over `references` points of the reference set, drawn anew at every call (all of
    it where none are given), and the point that made y. Given these points and y, w_j is the probability that y
    came from x_j, so the target is the mean of the DSM target over them: it has the same mean given y, and less
    variance where several points share a y, none where just one does. Cost: that of DSM, and the distances.
    """

    requires_noise: ClassVar[bool] = True
    references: PositiveInt | None = None

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0 and without batch.reference."""
        y, sigma = batch.noisy, batch.sigma
        require_noise(sigma, "stf is not defined at sigma = 0: use ism, ssm or ssm_vr on clean data")
        reference = require_reference(batch, "stf")
        target = posterior_score(y, sigma, reference, batch.clean, generator, self.references)
        return half_square(score(y, sigma) - target, sigma)
