"""Score errors per noise level, where the exact score is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scorebench.metrics._points import Points, as_count, as_levels
from scorebench.parts import wording
from scorebench.scores import checked, steady_modules
from scorebench.streams import Generators, normal, seeded

if TYPE_CHECKING:
    from scorebench.parts import Score
    from scorebench.targets import GaussianMixture


@torch.no_grad()
def fisher_moments(
    score: Score,
    target: GaussianMixture,
    sigmas: Points,
    n: int,
    generator: Generators | int = None,
    replicates: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """E||s - s*||^2, E||s*||^2 and E||s||^2 over p_sigma at every sigma: (R, levels), (levels,) and (R, levels).

    The n points are common to all noise levels and replicates (common random numbers): score gets x (R, n, d) and
    sigma (R, n) for R replicates, and x (n, d) and sigma (n,) where no number of replicates is given; then R = 1. They
    are float32 numbers, in the dtype that the score takes. Modules in training mode that depend on the batch or are
    random are refused.

    Raises:
        TypeError, ValueError: noise levels that are not (levels,) and at least 0, n or replicates below 1, or a score
            that does not return the shape of x.
    """
    levels, n = as_levels(sigmas, zero=True), as_count(n, "n")
    score, generator = checked(score), seeded(generator)
    leading = () if replicates is None else (as_count(replicates, "replicates"),)
    clean = target.sample(n, generator)
    noise = normal(clean.shape, generator, clean)
    errors, norms, squares = [], [], []
    for sigma in levels.tolist():
        y = (clean + sigma * noise).to(torch.float32)
        exact = target.score(y.double(), sigma)
        level = torch.full((*leading, n), sigma)
        with steady_modules("the score is measured point by point"):
            s = score(y.expand(*leading, *y.shape), level).double()
        errors.append((s - exact).square().sum(-1).mean(-1).reshape(-1))
        norms.append(exact.square().sum(-1).mean())
        squares.append(s.square().sum(-1).mean(-1).reshape(-1))
    return torch.stack(errors, -1), torch.stack(norms), torch.stack(squares, -1)


def fisher_errors(
    score: Score,
    target: GaussianMixture,
    sigmas: Points,
    n: int,
    generator: Generators | int = None,
    replicates: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The first two of `fisher_moments`: E||s - s*||^2 (replicates, levels) and E||s*||^2 (levels,)."""
    errors, norms, _ = fisher_moments(score, target, sigmas, n, generator, replicates)
    return errors, norms


def cosines(errors: Tensor, norms: Tensor, squares: Tensor) -> Tensor:
    """E s.s* / sqrt(E||s||^2 E||s*||^2) from `fisher_moments`: 1 for a score that is right up to its length.

    Raises:
        ValueError: shapes other than (R, levels), (levels,) and (R, levels).
    """
    if errors.shape != squares.shape or norms.shape != errors.shape[-1:]:
        raise ValueError(
            "needs errors (R, levels), norms (levels,) and squares (R, levels);"
            f" given: {wording.shapes(errors=errors, norms=norms, squares=squares)}"
        )
    return (squares + norms - errors) / (2 * (squares * norms).sqrt())


def scale_errors(
    score: Score,
    target: GaussianMixture,
    sigmas: Points,
    n: int,
    generator: Generators | int = None,
    replicates: int | None = None,
) -> Tensor:
    """D(sigma) = sigma^2 E_{p_sigma} ||s - s*||^2, dimensionless: (replicates, levels)."""
    errors, _ = fisher_errors(score, target, sigmas, n, generator, replicates)
    return as_levels(sigmas, zero=True).square() * errors


def integral(sigmas: Points, D: Tensor) -> Tensor:
    """The integral of D over ln sigma (trapezoidal), in nats: (..., levels) -> (...); levels in any order.

    Girsanov's theorem bounds KL(p_sigma_min || model) by it plus the error of the prior (Song, Durkan et al. 2021,
    theorem 1, for the variance-exploding process).

    Raises:
        ValueError: noise levels that are not above 0, or not as many as the last axis of D has values.
    """
    levels = as_levels(sigmas)
    if D.ndim == 0 or D.shape[-1:] != levels.shape:
        raise ValueError(f"D must have a value for each of {len(levels)} levels, (..., {len(levels)}); "
                         f"given: shape {tuple(D.shape)}")  # fmt: skip
    order = levels.argsort()
    return torch.trapezoid(D[..., order], levels[order].log().expand_as(D), dim=-1)
