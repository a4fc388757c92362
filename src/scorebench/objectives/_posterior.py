"""The score of the noised data seen through a reference set: posterior-mean targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.parts import Unsuitable
from scorebench.streams import integers

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.objectives import Batch
    from scorebench.streams import Generators

CHUNK = 2**21
"""Pairs of a noisy and a reference point whose weights are held at once (16 MB of float64)."""
CACHED = 2**17
"""The same on a processor: 1 MB stays in its cache, where the weights are read six times."""
LEAST = -80.0
"""Smallest logit, relative to the largest, that is told from others: exp of less takes ten times as long, to give what
float32 holds as a subnormal number or as 0. Weights of e^-80 = 2e-35 are far below its resolution of a sum."""


def require_reference(batch: Batch, method: str) -> Tensor:
    """The reference points of a batch. Raises Unsuitable where there are none."""
    if batch.reference is None:
        raise Unsuitable(f"{method} needs clean points to compare with: Batch(..., reference=...) is missing")
    return batch.reference


def posterior_score(
    y: Tensor,
    sigma: Tensor,
    reference: Tensor,
    own: Tensor,
    generator: Generators = None,
    size: int | None = None,
) -> Tensor:
    """The score of p_sigma estimated from clean points (Xu, Tong, Jaakkola 2023, eq. 7).

    sum_j w_j (x_j - y) / sigma^2,   w = softmax_j(-||y - x_j||^2 / (2 sigma^2)),

    over the generating point `own`, always and once, and the reference points. Without `own` the estimate is biased
    and its error grows without bound as sigma -> 0.

    All of the reference: a copy of `own` in it is that point itself and is left out; where it holds several copies,
    one is left out and the others count as points of their own, so that with the training set as reference this is
    the score of the noised empirical distribution. `size` points: drawn from the reference independently, a copy of
    `own` among them counts. Then `own` and the drawn points are exchangeable, so given all of them and y, w_j is the
    probability that y came from x_j: the mean over draws is the score of the noised empirical distribution again.

    Distances come from products of centred points in float64: in float32 they are off by 1e-7 ||x||^2 / sigma^2,
    the size of the logits themselves at small sigma.

    Args:
        y: noisy points, (..., *event).
        sigma: their noise levels, positive, (...).
        reference: clean points, (n, *event).
        own: the clean points that y was made from, (..., *event).
        generator: for the draw; a list gives each index of the leading axis (replicates) a draw of its own.
        size: how many reference points are drawn anew at every call; None, or not less than n: all, once each.

    Returns:
        (..., *event), a constant: no gradient runs through it.
    """
    import torch

    if not y.numel():
        return torch.zeros_like(y)
    n, event = len(reference), reference.shape[1:]
    points = reference.detach().to(y).reshape(n, -1)
    d = points.shape[1]
    if size is None or size >= n:
        size, points = None, points.unsqueeze(0)
    elif generator is None or isinstance(generator, torch.Generator):
        points = points[integers(n, (1, size), generator, points)]
    else:
        points = points[integers(n, (len(generator), size), generator, points)]
    noisy, clean = (part.detach().to(y).reshape(len(points), -1, d) for part in (y, own))
    level = sigma.detach().to(y).reshape(len(points), -1, 1)
    with torch.no_grad():
        return _rows(noisy, level, points, clean, drawn=size is not None).reshape(*sigma.shape, *event)


def _rows(y: Tensor, sigma: Tensor, points: Tensor, own: Tensor, drawn: bool) -> Tensor:
    """posterior_score of y (k, b, d), sigma (k, b, 1), points (k, n, d), own (k, b, d), some rows at a time."""
    import torch

    centre = points.double().mean(1, keepdim=True)
    centred = points.double() - centre
    noisy, clean, variance = y.double() - centre, own.double() - centre, sigma.double().square()
    # logits (u^T x_j - ||x_j||^2 / 2) / sigma^2, relative to that of `own`, as one product
    logit = ((noisy - 0.5 * clean) * clean).sum(-1, keepdim=True)
    left = torch.cat([noisy, torch.ones_like(logit), -logit], -1) / variance
    right = torch.cat([centred, -0.5 * centred.square().sum(-1, keepdim=True), torch.ones_like(centred[..., :1])], -1)
    right, nearby, home = right.mT, centred.to(points.dtype), clean.to(points.dtype)
    step = max(1, (CACHED if y.device.type == "cpu" else CHUNK) // points.shape[:2].numel())
    pulls = []
    places = found = own.new_empty(0)
    if not drawn:
        places, found = _copies(points[0], own[0])
    for rows in (slice(i, i + step) for i in range(0, y.shape[1], step)):
        logits = left[:, rows] @ right
        if not drawn:
            copies, gone = places[rows, None], found[rows, None]
            logits[0].scatter_(1, copies, logits[0].gather(1, copies).masked_fill_(gone, -torch.inf))
        top = logits.amax(-1, keepdim=True).clamp_(min=0)
        weights = logits.sub_(top).clamp_(min=LEAST).to(points.dtype).exp_()
        others = weights.sum(-1, keepdim=True)
        pulls.append((weights @ nearby - others * home[:, rows]) / (others + (-top).exp().to(points.dtype)))
    return (own - y + torch.cat(pulls, 1)) / sigma.square()


def _copies(points: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Where in points (n, d) each row of own (b, d) stands, and whether it does: both (b,)."""
    import torch

    keys, order = _keys(points).sort()
    places = order[torch.searchsorted(keys, _keys(own)).clamp(max=len(keys) - 1)]
    return places, (points[places] == own).all(1)


def _keys(x: Tensor) -> Tensor:
    """A key of every row of x (b, d), int64: equal rows have equal keys, for integers add up in any order."""
    import torch

    half = x.element_size() == 2
    bits = (x + 0.0).contiguous().view(torch.int16 if half else torch.int32)  # -0.0 + 0.0 = 0.0
    generator = torch.Generator().manual_seed(1)
    factors = torch.randint(-(2**31), 2**31, bits.shape[1:], dtype=torch.int32, generator=generator)
    return (bits * factors.to(x.device).bitwise_or(1)).sum(1)
