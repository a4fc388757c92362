"""Score errors per noise level, where the exact score is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scorebench.streams import Generators, normal

if TYPE_CHECKING:
    from scorebench.parts import Score
    from scorebench.targets import GaussianMixture


@torch.no_grad()
def fisher_errors(
    score: Score,
    target: GaussianMixture,
    sigmas: Tensor,
    n: int,
    generator: Generators = None,
    replicates: int = 1,
) -> tuple[Tensor, Tensor]:
    """E||s - s*||^2 and E||s*||^2 over p_sigma at every sigma: (replicates, levels) and (levels,).

    The n points are common to all noise levels and replicates (common random numbers): score gets
    x (replicates, n, d) and sigma (replicates, n).
    """
    clean = target.sample(n, generator)
    noise = normal(clean.shape, generator, clean)
    errors, norms = [], []
    for sigma in sigmas.tolist():
        y = (clean + sigma * noise).to(torch.float32)
        exact = target.score(y.double(), sigma)
        level = torch.full((replicates, n), sigma)
        s = score(y.expand(replicates, *y.shape), level)
        errors.append((s.double() - exact).square().sum(-1).mean(-1))
        norms.append(exact.square().sum(-1).mean())
    return torch.stack(errors, -1), torch.stack(norms)


def scale_errors(
    score: Score,
    target: GaussianMixture,
    sigmas: Tensor,
    n: int,
    generator: Generators = None,
    replicates: int = 1,
) -> Tensor:
    """D(sigma) = sigma^2 E_{p_sigma} ||s - s*||^2, dimensionless: (replicates, levels)."""
    errors, _ = fisher_errors(score, target, sigmas, n, generator, replicates)
    return sigmas.double().square() * errors


def integral(sigmas: Tensor, D: Tensor) -> Tensor:
    """The integral of D over ln sigma (trapezoidal), in nats: (..., levels) -> (...).

    Girsanov's theorem bounds KL(p_sigma_min || model) by it plus the error of the prior (Song, Durkan et al. 2021,
    theorem 1, for the variance-exploding process).
    """
    return torch.trapezoid(D, sigmas.double().log().expand_as(D), dim=-1)
