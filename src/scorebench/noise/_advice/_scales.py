"""The scale of the finest structure of data, from the distances between its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

QUERIES = 500
"""Points whose distances to all others are taken, at most; of few points more, so that there are as many pairs."""
PAIRS = 2e6
"""Pairs up to which distances are taken from more points than that: a small cluster's must be among them."""
WORK = 2e10
"""Products of numbers that this may cost; fewer points are taken where it would be more."""
STEP = 0.01
"""Resolution in ln r."""
FEWEST = 3000
"""Pairs that the nearest ones are averaged over, or a tenth of all."""


@dataclass(frozen=True)
class Distances:
    """Distances between points: what share lies below r, and the scales read off it."""

    r: np.ndarray
    """Distances, rising, (m,)."""
    share: np.ndarray
    """Share of pairs at most this far apart, (m,)."""
    nearest: float
    """Median distance from a point to its nearest neighbour."""
    local: float
    """Standard deviation of the finest structure: see `local_scale`."""


def distances(rows: np.ndarray, order: np.ndarray) -> Distances:
    """Distances from QUERIES rows or more, evenly spread in `order`, to all others; rows (n, d) without duplicates."""
    import numpy as np

    n, d = rows.shape
    count = int(min(n, max(QUERIES, PAIRS / n), max(100, WORK / (n * d))))
    queries = order[np.linspace(0, n - 1, count).round().astype(int)]
    centred = rows - rows.mean(0)
    square = np.einsum("ij,ij->i", centred, centred)
    lowest = np.log(square.max()) / 2 - 25  # ln of the smallest distance told from 0 in double precision, and less
    counts = np.zeros(int(27 / STEP), dtype=np.int64)
    nearest = np.empty(count)
    chunk = max(1, 4_000_000 // n)
    for start in range(0, count, chunk):
        at = queries[start : start + chunk]
        found = centred[at] @ centred.T
        found *= -2
        found += square
        found += square[at][:, None]
        found[np.arange(len(at)), at] = np.inf
        closest = rows[found.argmin(1)] - rows[at]
        nearest[start : start + chunk] = np.sqrt((closest**2).sum(1))
        np.maximum(found, np.exp(2 * lowest), out=found)
        found = np.log(found, out=found)[np.isfinite(found)]
        found /= 2
        found -= lowest
        found /= STEP
        counts += np.bincount(found.astype(np.int64), minlength=len(counts))[: len(counts)]
    used = np.flatnonzero(counts)
    first, last = used[0], used[-1] + 1
    r = np.exp(lowest + STEP * np.arange(first + 1, last + 1))
    pairs = np.cumsum(counts[first:last])
    return Distances(r, pairs / pairs[-1], float(np.median(nearest)), local_scale(r, pairs))


def local_scale(r: np.ndarray, pairs: np.ndarray) -> float:
    """tau, the standard deviation of a Gaussian cluster whose neighbours within r number `pairs`, at small r.

    Takens' estimate of dimension, m(r) = C(r) / int_0^r C(rho) d ln rho with C(r) the share of pairs within r, falls
    as r passes the size of the structure. For N(0, tau^2 I) in m dimensions C(r) = P(m / 2, r^2 / (4 tau^2)), the
    regularised incomplete gamma function. The r at which m(r) has fallen to half of its value among the nearest
    pairs, together with these two values, gives tau and m. Other clusters, farther away, play no part.
    """
    import numpy as np
    from scipy.optimize import brentq

    m = pairs / (STEP * (np.cumsum(pairs) - pairs / 2))
    start = int(np.searchsorted(pairs, min(FEWEST, 0.1 * pairs[-1])))
    below = np.flatnonzero(m[start:] <= m[start] / 2)
    end = start + int(below[0]) if below.size else len(r) - 1
    if end == start:
        return float(r[start]) / 2
    fraction = m[end] / m[start]

    def size(dimension: float) -> tuple[float, float]:
        """r / tau of a Gaussian where its m(r) is what was found at the start and at the end."""
        u, takens = _gaussian(dimension)
        first, last = np.interp([-m[start], -m[start] * fraction], -takens, np.log(u))
        return float(first), float(last)

    def excess(dimension: float) -> float:
        first, last = size(dimension)
        return (last - first) - float(np.log(r[end] / r[start]))

    low, high = 1.001 * m[start], 8 * m[start] + 8
    if excess(low) <= 0:
        dimension = low
    elif excess(high) >= 0:
        dimension = high
    else:
        dimension = float(brentq(excess, low, high, rtol=1e-4))
    return float(r[end] / np.exp(size(dimension)[1]))


def _gaussian(dimension: float) -> tuple[np.ndarray, np.ndarray]:
    """r / tau, rising, and m(r) of a Gaussian, falling."""
    import numpy as np
    from scipy.special import gammainc

    ln_w = np.linspace(-30, 8, 4000)  # w = r^2 / (4 tau^2), d ln r = 1/2 d ln w
    w = np.exp(ln_w)
    C = gammainc(dimension / 2, w)
    kept = C > 1e-250
    w, C, ln_w = w[kept], C[kept], ln_w[kept]
    steps = np.diff(ln_w) * (C[1:] + C[:-1]) / 2
    integral = C[0] / dimension + np.concatenate([[0.0], np.cumsum(steps)]) / 2
    return 2 * np.sqrt(w), np.minimum.accumulate(C / integral)
