"""Rows of numbers from whatever holds them, and the largest distance between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from scorebench.parts import wording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike
    from torch import Tensor

Data: TypeAlias = "ArrayLike | Tensor"
"""An array, a tensor or nested lists of numbers."""
LARGEST = 1e100
"""Absolute value up to which products of three numbers and their sums are finite; its inverse is the least spread."""
BLOCK = 1024
"""Rows whose distances are held at once, squared: 4 MB in single precision."""


def as_rows(data: Data) -> np.ndarray:
    """Data (n, d) or (n, C, H, W) as rows of doubles, (n, d).

    Raises:
        ValueError: another shape, fewer than two rows, values that are not real numbers, not finite, or so large or
            so close that squares of their distances are no numbers.
    """
    import numpy as np

    array = np.asarray(data.detach().cpu() if hasattr(data, "detach") else data)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"the data must be real numbers; given: {array.dtype}")
    if array.ndim not in (2, 4):
        raise ValueError(f"the data must have the shape (n, d) or (n, C, H, W); given: {array.shape}")
    if len(array) < 2 or array.size == 0:
        raise ValueError(f"the data must have at least 2 rows of at least 1 value; given: {array.shape}")
    rows = array.reshape(len(array), -1).astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if bad.size:
        raise ValueError(f"{bad.size} rows hold values that are not finite; {wording.rows_named(bad.tolist())}")
    reach = float(np.abs(rows).max())
    if reach > LARGEST or 0 < float(np.ptp(rows, axis=0).max()) < 1 / LARGEST:
        raise ValueError(
            f"values must lie between -{LARGEST:g} and {LARGEST:g}, and differ by {1 / LARGEST:g} or more, so that "
            f"squares of distances are numbers; they reach {reach:.3g}: choose another unit"
        )
    return rows


def far_pair(rows: np.ndarray) -> float:
    """A distance between two rows that is close to the largest one, and never above it, in O(n d)."""
    import numpy as np

    far, best = rows - rows.mean(0), 0.0
    at = int(np.einsum("ij,ij->i", far, far).argmax())
    while True:
        square = ((rows - rows[at]) ** 2).sum(1)
        at, longest = int(square.argmax()), float(square.max())
        if longest <= best:
            return float(best**0.5)
        best = longest


def largest_distance(rows: np.ndarray) -> float:
    """The largest Euclidean distance between two rows (n, d), exact to rounding, in O(n d) memory.

    By the triangle inequality a pair can't be farther apart than its distances from the centre add up to, so with rows
    sorted by theirs many blocks of pairs are never looked at. The others are compared in single precision by
    one matrix product; blocks that come within its rounding error of the largest are computed again in double.
    """
    import numpy as np

    centred = rows - rows.mean(0)
    radius = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    scale = radius.max()
    if scale == 0:
        return 0.0
    order = np.argsort(-radius, kind="stable")
    centred, radius = centred[order] / scale, radius[order] / scale
    single = _factors(centred.astype(np.float32), radius)
    rounding = 8.0 * (rows.shape[1] + 8) * float(np.finfo(np.float32).eps)  # of a squared distance; radii are <= 1
    known = (far_pair(rows) / scale) ** 2
    best, blocks = known, []
    for i, j in _pairs(radius):
        if (radius[i][0] + radius[j][0]) ** 2 >= best - rounding:
            longest = _longest(single, i, j)
            best = max(best, longest - rounding)
            blocks.append((longest, i, j))
    double = _factors(centred, radius)
    for longest, i, j in sorted(blocks, key=lambda block: -block[0]):
        if longest < known - rounding:
            break
        known = max(known, _longest(double, i, j))
    return float(known**0.5 * scale)


def _longest(factors: tuple[np.ndarray, np.ndarray], i: slice, j: slice) -> float:
    return float((factors[0][i] @ factors[1][j].T).max())


def pairs_left(rows: np.ndarray) -> int:
    """Pairs of rows whose distances from the centre do not rule out that they are the farthest apart."""
    import numpy as np

    radius = np.sort(np.sqrt(((rows - rows.mean(0)) ** 2).sum(1)))
    return int((len(radius) - np.searchsorted(radius, far_pair(rows) - radius)).sum()) // 2


def _factors(rows: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices whose product left @ right.T holds the squared distances of rows."""
    import numpy as np

    square = (radius**2).astype(rows.dtype)[:, None]
    one = np.ones_like(square)
    return np.hstack([-2 * rows, square, one]), np.hstack([rows, one, square])


def _pairs(radius: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Pairs of blocks of rows, those farthest from the centre first."""
    blocks = [slice(k, k + BLOCK) for k in range(0, len(radius), BLOCK)]
    for total in range(2 * len(blocks) - 1):
        for i in range(max(0, total - len(blocks) + 1), total // 2 + 1):
            yield blocks[i], blocks[total - i]
