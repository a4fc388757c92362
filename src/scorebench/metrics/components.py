"""How far samples are from the truth along its principal components, thin ones as much as wide ones, and by column.

Distances in the units of the data say nothing of directions in which the data are thin: samples that are forty times
too wide there lie no farther from the truth. In units of each direction's own standard deviation they do.
"""

from __future__ import annotations

import numpy as np

from scorebench.metrics._points import Points, as_points
from scorebench.metrics.samples import SlicedWasserstein, quantile_distances

THINNEST = 1e-6
"""Standard deviation, of the widest direction's, below which a direction counts as that wide: rounding is no width."""
LARGEST = 512
"""Dimensions up to which principal components are taken."""


class Components:
    """Distances to y (m, d) along its principal components, each scaled to standard deviation 1 (whitening).

    Directions over which `projections` sliced distances are taken follow from the seed.
    """

    def __init__(self, y: Points, projections: int, seed: int) -> None:
        self.y = as_points(y, "y")
        m, d = self.y.shape
        self.axes = np.empty((d, 0))
        if d <= LARGEST:
            self.mean = self.y.mean(0)
            _, spread, axes = np.linalg.svd((self.y - self.mean) / m**0.5, full_matrices=False)
            least = THINNEST * spread[0]
            known = (spread > least) | ((m > d) & (least > 0))  # what few points don't span is unknown, not thin
            self.axes = axes[known].T / np.maximum(spread[known], least)
        if self.axes.size:
            self.sliced = SlicedWasserstein(self._white(self.y), projections, seed)
            self.along = np.sort(self._white(self.y).T, axis=1)

    def _white(self, x: np.ndarray) -> np.ndarray:
        white: np.ndarray = (x - self.mean) @ self.axes
        return white

    def __call__(self, x: Points) -> dict[str, float]:
        """whitened_wasserstein: the sliced 2-Wasserstein distance after whitening. component_wasserstein: the largest
        2-Wasserstein distance along one component. Both in standard deviations of the truth; none above LARGEST
        dimensions or where all points of y are the same.
        """
        rows = as_points(x, "x", self.y)
        if not self.axes.size:
            return {}
        white = self._white(rows)
        along = quantile_distances(np.sort(white.T, axis=1), self.along)
        return {
            "whitened_wasserstein": self.sliced(white),
            "component_wasserstein": float(along.max() ** 0.5),
        }


class Marginals:
    """Kolmogorov-Smirnov distances to y (m, d), column by column."""

    def __init__(self, y: Points) -> None:
        self.y = as_points(y, "y")
        self.sorted = np.sort(self.y, axis=0)

    def __call__(self, x: Points) -> np.ndarray:
        """The largest difference of the two distribution functions in every column of x (n, d), (d,)."""
        rows = np.sort(as_points(x, "x", self.y), axis=0)
        return np.array([_gap(a, b) for a, b in zip(rows.T, self.sorted.T, strict=True)])


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    """sup |F_a - F_b| of rising values; values that are the same jump together."""
    both = np.concatenate([a, b])
    below = [np.searchsorted(each, both, side="right") / len(each) for each in (a, b)]
    return float(np.abs(below[0] - below[1]).max())
