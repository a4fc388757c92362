"""The standard deviation of the thinnest local direction of data: a bound on the scale of the finest structure.

Distances between points see the size of structures and not that they may be thin: a ring, a sheet, a plane in many
dimensions. Principal components of neighbourhoods do. Of a neighbourhood that is cut out of something larger they say
how large the neighbourhood is; so the neighbourhood of a point grows until it is wide beside its own thinnest
direction, and then this width is that of the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

QUERIES = 100
"""Points whose neighbourhoods are looked at, at most."""
SMALLEST = 48
"""Points of the smallest neighbourhood; at least 8 for every direction."""
LARGEST = 500
"""Points of a neighbourhood that its directions are taken from; at least 10 for every direction."""
WIDE = 2.0
"""Radius of a neighbourhood over that which a ball has whose standard deviation is that of the thinnest direction."""
LOW = 0.25
"""Quantile over the neighbourhoods that stands for the thinnest: thin in a quarter of them is thin."""
WORK = 2e10
"""Products of numbers that this may cost, about."""
DEGENERATE = 1e-6
"""Of the largest standard deviation: directions below have none, to the rounding of single precision."""


class Thinnest(NamedTuple):
    """The thinnest local direction.

    std: its standard deviation; None where there are too few points, too many values, or no spread. dependent: how many
    directions of the whole have no spread at all, for the values of a point depend on each other; they are left out.
    flat: whether many neighbourhoods have such a direction though the whole has none: a surface without thickness.
    """

    std: float | None
    dependent: int = 0
    flat: bool = False


def thinnest(rows: np.ndarray, order: np.ndarray, directions: int) -> Thinnest:
    """The thinnest local direction of rows (n, d), within the space of their first `directions` principal components.

    order: of the rows, by which neighbourhoods are chosen.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    n, d = rows.shape
    if d == 0 or d**3 > WORK:
        return Thinnest(None)
    centred = rows - rows.mean(0)
    scale = float(np.abs(centred).max())
    variances, axes = np.linalg.eigh(centred.T @ centred / scale**2)
    kept = variances > DEGENERATE**2 * variances[-1]
    beyond = max(0, d - directions)
    dependent = max(0, int((~kept).sum()) - beyond) if n > d else 0  # few points span few directions of any density
    kept[:beyond] = False
    m = int(kept.sum())
    if n < 2 * (m + 2):
        return Thinnest(None, dependent)
    x = centred @ axes[:, kept]
    sizes = _sizes(n, max(SMALLEST, 8 * (m + 1)))
    whole = _crossed(x[order[np.linspace(0, n - 1, min(n, max(LARGEST, 10 * m))).round().astype(int)]])
    count = int(min(n, QUERIES, max(8, WORK / (len(sizes) * (m**3 + 1) * 20 + n * m))))
    with threadpool_limits(1, "blas"):  # thousands of small matrices, over which threads only wait for each other
        found = [_width(x, q, sizes, m) for q in order[np.linspace(0, n - 1, count).round().astype(int)]]
    thick = [width for width in found if width > DEGENERATE * scale * float(variances[-1] / n) ** 0.5]
    flat = len(thick) < (1 - LOW) * len(found)
    return Thinnest(min(whole, float(np.quantile(thick, LOW))) if thick else None, dependent, flat)


def _sizes(n: int, smallest: int) -> list[int]:
    """Numbers of neighbours, each 1.4 times the one before, up to all."""
    import numpy as np

    count = max(1, int(np.ceil(2 * np.log2(n / smallest)))) if n > smallest else 0
    return [*np.geomspace(smallest, n, count + 1).round().astype(int)[:-1].tolist(), n]


def _width(x: np.ndarray, query: int, sizes: list[int], m: int) -> float:
    """Standard deviation of the thinnest direction about one point: of the first neighbourhood that is wide."""
    import numpy as np

    square = ((x - x[query]) ** 2).sum(1)
    near = np.argsort(square, kind="stable")
    width = np.inf
    for size in sizes:
        some = near[np.linspace(0, size - 1, min(size, max(LARGEST, 10 * m))).round().astype(int)]
        width = _crossed(x[some])
        if size == len(x) or square[near[size - 1]] >= (WIDE * width) ** 2 * (m + 2):
            break
    return width


def _crossed(x: np.ndarray) -> float:
    """The thinnest direction of one half of some points, measured on the other half, and the other way round.

    On the points that it was found by it would look thinner than it is.
    """
    import numpy as np

    halves, total = (x[::2], x[1::2]), 0.0
    for a, b in (halves, halves[::-1]):
        _, axes = np.linalg.eigh(np.cov(a.T, ddof=0).reshape(x.shape[1], -1))
        total += float((b @ axes[:, 0]).var(ddof=1))
    return float((total / 2) ** 0.5)
