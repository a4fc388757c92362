"""Antithetic DSM: the same point with the noise and with the noise turned round."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import evaluate, half_square, orthogonal, require_noise
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class AntitheticDSM(Objective):
    """Antithetic (two-sided) denoising score matching (A-DSM).

    l(x, epsilon) = 1/2 [l_DSM(x, epsilon) + l_DSM(x, -epsilon)]
                  = 1/4 (||s+||^2 + ||s-||^2) + (s+ - s-)^T epsilon / (2 sigma) + const,   s+- = s(x +- sigma epsilon)

    The middle term is a central finite difference of s along epsilon with step sigma, whose mean is exactly
    E[div s(y)] by Stein's identity: sliced score matching on p_sigma without a derivative and without bias. Its
    variance stays bounded as sigma -> 0. The mean over `pairs` pairs at the same x: the first has the noise of the
    batch, the others have noise orthogonal to it and to each other (in blocks of d), N(0, I) each. Cost: two
    evaluations of the network per pair.
    """

    requires_noise: ClassVar[bool] = True
    pairs: PositiveInt = 1

    def evaluations(self, dimension: int) -> int:
        """Two for every pair."""
        return 2 * self.pairs

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError at sigma = 0."""
        import torch

        sigma = batch.sigma
        require_noise(sigma, "antithetic_dsm is not defined at sigma = 0: use ism, ssm or ssm_vr on clean data")
        drawn = [batch.noise, *(normal(batch.noise.shape, generator, batch.noise) for _ in range(self.pairs - 1))]
        noises = orthogonal(torch.stack(drawn), sigma) if self.pairs > 1 else batch.noise[None]
        signed = [noise for one in noises for noise in (one, -one)]
        scores = evaluate(score, [batch.clean + batch.scale * noise for noise in signed], sigma)
        losses = [half_square(s + n / batch.scale, sigma) for s, n in zip(scores, signed, strict=True)]
        return torch.stack(losses).mean(0)
