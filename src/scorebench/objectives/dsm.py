"""Denoising score matching: regress on the score of the noising kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import half_square, require_noise

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class DenoisingScoreMatching(Objective):
    """Denoising score matching (DSM).

    l(x, epsilon) = 1/2 ||s(y) + epsilon / sigma||^2,   y = x + sigma epsilon

    Vincent (2011), eq. 9: E[-epsilon / sigma | y] = grad log p_sigma(y). Not defined at sigma = 0, and its
    variance grows as d / sigma^2 towards it.
    """

    requires_noise: ClassVar[bool] = True

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        require_noise(batch.sigma, "dsm is not defined at sigma = 0: use esm, ism, ssm or ssm_vr on clean data")
        return half_square(score(batch.noisy, batch.sigma) + batch.noise / batch.scale, batch.sigma)
