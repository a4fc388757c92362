"""What can be said about a score, scale by scale, where the exact one is not known.

All follow from Stein's identity on the noise, E[s(x + sigma epsilon)^T epsilon / sigma] = E div s, and from the loss
of denoising score matching. They need points x of the data that the score was not trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor

from scorebench.metrics._points import Points, as_count, as_levels
from scorebench.objectives import Batch
from scorebench.objectives._optimal_loss import optimal_denoising_loss
from scorebench.objectives._terms import draw_probes, event_sum
from scorebench.parts import pointwise, wording
from scorebench.scores import checked, steady_modules
from scorebench.streams import normal, seeded

if TYPE_CHECKING:
    from scorebench.parts import Score

PROBES = 4
"""Orthogonal probes of the divergence: its exact value up to as many dimensions."""


class Diagnostics(NamedTuple):
    """Values per replicate and noise level, (R, K)."""

    stein_alpha: Tensor
    """alpha = -E[s^T epsilon / sigma] / E||s||^2: the factor that s would have to be multiplied with. 1 for s*."""
    divergence_balance: Tensor
    """sigma^2 (E||s||^2 + E div s) = sigma^2 E s^T (s - s*), dimensionless as D(sigma) is. 0 for s*."""
    excess_loss: Tensor
    """2 sigma^2 (DSM loss - its estimated optimum), an estimate of D(sigma) itself. 0 for s*."""


def diagnostics(
    score: Score,
    points: Tensor,
    reference: Tensor,
    sigmas: Points,
    generator: torch.Generator | int,
    replicates: int | None = None,
) -> Diagnostics:
    """Stein calibration, divergence balance and excess loss of R scores at K noise levels.

    Each point is noised with epsilon and with -epsilon: without the odd terms, whose variance grows as 1 / sigma^2,
    alpha and the loss have bounded variance as sigma -> 0. The loss takes (||epsilon||^2 - d) / (2 sigma^2), whose mean
    is known, times the factor 1 / (1 + sigma^2)^2 that takes all of ||epsilon||^2 away for the score of N(0, I).
    The optimal loss is that of `optimal_denoising_loss` (after Xu et al. 2025, arXiv 2506.13763): too large where
    d is about 10 or more and sigma is small, so that the excess is too small there.

    Args:
        score: takes x (R, n, *event) and sigma (R, n), or (n, *event) and (n,) where no number of replicates is given.
        points: (n, *event), not those of the training.
        reference: clean points from which the optimal loss is estimated, (m, *event).
        sigmas: positive, (K,).
        generator: for the noise and the probes; the same for all replicates (common random numbers).
        replicates: R; 1 where none is given.

    Raises:
        TypeError, ValueError: points that are no floating-point tensor (n, *event), reference points of another event,
            noise levels that are not (K,), a score that does not return the shape of what it is given.
        Unsuitable: modules in training mode that depend on the batch or are random.
    """
    levels = as_levels(sigmas)
    if not (isinstance(points, Tensor) and isinstance(reference, Tensor) and points.ndim and len(points)):
        raise TypeError(
            "points (n, *event) and reference (m, *event) must be tensors, n at least 1; given:"
            f" {wording.kind(points)} and {wording.kind(reference)}"
        )
    Batch(points, points, points.new_ones(points.shape[:1]), reference=reference)  # checks what belongs together
    reference = reference.to(points.dtype)
    score, draws = checked(score), cast("torch.Generator", seeded(generator, points))
    leading = () if replicates is None else (as_count(replicates, "replicates"),)
    n, event = len(points), points.shape[1:]
    if lost := int((~points.isfinite()).sum()) + int((~reference.isfinite()).sum()):
        raise ValueError(f"points and reference must be finite; given: {lost} values that are not")
    noise = normal(points.shape, draws, points)
    flat = noise.flatten(1)
    both = torch.cat([noise, -noise])
    surplus = float(0.5 * (flat.square().sum(1) - flat.shape[1]).mean())
    v = draw_probes("orthogonal", min(PROBES, flat.shape[1]), both, both.new_empty(2 * n), draws)
    optimal = optimal_denoising_loss(reference, levels, draws)
    alphas, balances, excesses = [], [], []
    for sigma, best in zip(levels.tolist(), optimal.tolist(), strict=True):
        level = torch.full((*leading, 2 * n), sigma, dtype=points.dtype)
        y = (torch.cat([points, points]) + sigma * both).expand(*leading, 2 * n, *event)
        with torch.enable_grad(), steady_modules("the score is measured point by point, and so is its divergence"):
            y = y.clone().requires_grad_()
            if pointwise(score):
                s = score(y, level)
            else:  # the two noised points of each apart, so that a call has the points in their order
                halves = zip(y.chunk(2, len(leading)), level.chunk(2, -1), strict=True)
                s = torch.cat([score(half, its_level) for half, its_level in halves], len(leading))
            rows = [torch.autograd.grad(s, y, one.expand_as(s), retain_graph=True)[0] for one in v]
        products = torch.stack([event_sum(row * one, level) for row, one in zip(rows, v, strict=True)])
        divergence = products.mean((0, -1)).reshape(-1)
        s = s.detach()
        square = event_sum(s.square(), level).double().mean(-1).reshape(-1)
        along = event_sum(s * both / sigma, level).double().mean(-1).reshape(-1)
        loss = 0.5 * event_sum((s + both / sigma).square(), level).double().mean(-1).reshape(-1)
        loss = loss - surplus / (sigma * (1 + sigma**2)) ** 2
        alphas.append(-along / square)
        balances.append(sigma**2 * (square + divergence.double()))
        excesses.append(2 * sigma**2 * (loss - best))
    return Diagnostics(*(torch.stack(each, 1) for each in (alphas, balances, excesses)))
