"""Points and noise levels as metrics take them: finite numbers, whatever holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from scorebench.parts import wording

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Points: TypeAlias = "ArrayLike | Tensor"
"""An array or a tensor (n, d) of any real type, order and strides, or nested lists."""


def as_points(points: Points, name: str, like: np.ndarray | None = None) -> np.ndarray:
    """Doubles (n, d) of rows that lie one after the other.

    name: of the argument, for errors. like: points that these are compared with, of the same dimension.

    Raises:
        ValueError: another shape, no point, values that are not real or not finite, or another dimension.
    """
    given = points.detach().cpu() if isinstance(points, Tensor) else points
    try:
        array = np.asarray(given)
    except ValueError:
        raise ValueError(f"{name} must be points (n, d); given: rows of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers (n, d); given: {array.dtype} of shape {array.shape}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be points (n, d), n and d at least 1; given: shape {array.shape}")
    if like is not None and array.shape[1] != like.shape[1]:
        raise ValueError(f"{name} must have {like.shape[1]} columns as the points it is compared with has; "
                         f"given: shape {array.shape}")  # fmt: skip
    rows = np.ascontiguousarray(array, dtype=np.float64)
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(1))
        raise ValueError(
            f"{name} must be finite; given: {len(bad)} of {len(rows)} points are not, the first is row {bad[0]}"
        )
    return rows


def as_levels(sigmas: Points, zero: bool = False) -> Tensor:
    """Noise levels in double precision, (K,), in the order that they have.

    zero: whether one may be 0.

    Raises:
        ValueError: another shape, or a level that is not finite, negative, or 0 where that makes no sense.
    """
    given = sigmas.detach().cpu() if isinstance(sigmas, Tensor) else sigmas
    try:
        levels = np.asarray(given)
    except ValueError:
        levels = np.empty((), dtype=object)
    if levels.dtype.kind not in "fiub":
        raise ValueError(f"sigmas must be real numbers (K,); given: {wording.kind(sigmas)}")
    if levels.ndim != 1 or levels.size == 0:
        raise ValueError(f"sigmas must be noise levels (K,), at least one; given: shape {levels.shape}")
    if not (np.isfinite(levels) & ((levels > 0) | (zero & (levels == 0)))).all():
        least = "at least 0" if zero else "above 0"
        raise ValueError(f"sigmas must be finite and {least}; given: {wording.first_few(levels.tolist())}")
    return torch.from_numpy(levels.astype(np.float64))


def as_count(count: int, name: str) -> int:
    """A whole number of at least 1.

    Raises:
        ValueError: it is none.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; given: {count!r}")
    return int(count)
