"""Target score matching: regress on the exact score of the clean point."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import half_square
from scorebench.parts import Unsuitable
from scorebench.scores import checked

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class TargetScoreMatching(Objective):
    """Target score matching (TSM): what can be reached where the clean score is known.

    l(x, epsilon) = 1/2 ||s(y) - [(1 - kappa) grad log p_0(x) - kappa epsilon / sigma]||^2

    De Bortoli et al. (2024), arXiv:2402.08667: E[grad log p_0(x) | y] = grad log p_sigma(y). Its variance vanishes as
    sigma -> 0, where that of DSM explodes, and stays at large sigma, where that of DSM vanishes. kappa = 0, unless
    `tau` is given: then

        kappa(sigma) = sigma^2 / (sigma^2 + tau^2),

    the mixture with DSM that has no variance at all on N(mu, tau^2 I). Known-score targets only; defined at
    sigma = 0, where it is ESM.
    """

    requires_target: ClassVar[bool] = True
    tau: PositiveFloat | None = None

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError where batch.target is missing."""
        if batch.target is None:
            raise Unsuitable("tsm needs the exact score: Batch(..., target=...) is missing")
        sigma, scale = batch.sigma, batch.scale
        target = checked(batch.target.score, "the target's score")(batch.clean, sigma.new_zeros(sigma.shape))
        if self.tau is not None:
            total = scale.square() + self.tau**2
            target = (self.tau**2 * target - scale * batch.noise) / total  # kappa / sigma = sigma / total
        return half_square(score(batch.noisy, sigma) - target, sigma)
