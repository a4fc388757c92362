"""Points as metrics take them: rows of finite numbers, whatever holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from torch import Tensor

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
