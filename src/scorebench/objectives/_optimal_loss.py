"""The smallest loss that DSM can have: what no score can take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.streams import normal, uniform

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SAMPLES, REFERENCES = 1024, 2048
"""Noised points, and clean points among which the posterior of each is taken."""


def optimal_denoising_loss(points: Tensor, sigma: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """1/2 E||s* + epsilon / sigma||^2 = E tr Cov(x | y) / (2 sigma^4), without the exact score s*.

    Cov(x | y) is half the mean square distance of two clean points from the posterior of one noised point y. The
    pairs are those of clean points j, k with the weights w_j w_k, w = softmax_j(-||y - x_j||^2 / (2 sigma^2)),
    pooled over all y, sum V / sum (1 - sum_j w_j^2), V = sum_j w_j ||x_j - m||^2, m = sum_j w_j x_j. A point is no
    pair with itself: where every y has one clean point near, the plain mean of V tends to 0 (the bias of the
    estimators of Xu et al. 2025, arXiv 2506.13763) while this one goes on as long as there are pairs.

    Where they run out (d of about 10 and more, at small sigma), it tends to its upper bound, the value for normal
    data of the same total variance d v: d v / (2 sigma^2 (v + sigma^2)), which is right to order sigma^2 for
    sigma -> 0. In between it is too large there.

    Args:
        points: clean points, (n, *event).
        sigma: positive, (K,).
        generator: for the choice of points and the noise.

    Returns:
        (K,)
    """
    import torch

    order = uniform((len(points),), generator, points).argsort()[:REFERENCES]
    clean = points[order].flatten(1).double()
    noise = normal(clean[:SAMPLES].shape, generator, clean)
    spread = (clean - clean.mean(0)).square().sum(1).mean() / clean.shape[1]
    losses = []
    for square in sigma.double().square():
        noisy = clean[:SAMPLES] + square.sqrt() * noise
        distance = torch.cdist(noisy, clean).square()
        weight = (-0.5 * distance / square).softmax(1)
        variance = ((weight * distance).sum(1) - (weight @ clean - noisy).square().sum(1)).sum()
        pairs = (1 - weight.square().sum(1)).sum()
        bound = clean.shape[1] * square * spread / (spread + square)
        losses.append(torch.minimum((variance + bound) / (pairs + 1), bound) / (2 * square.square()))
    return torch.stack(losses).to(sigma)
