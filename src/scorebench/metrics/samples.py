"""Distances between two samples, and how a sample lies on the modes of a mixture and beside the training points.

Distances to the same points many times (one truth, many replicates) prepare them once: `SlicedWasserstein`,
`PairDistances`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import gammaincinv
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from scorebench.metrics._points import Points, as_points

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture

ROWS = 1000
"""Points whose distances to all others are held at once."""
BANDWIDTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Of the kernels of the MMD, in median distances of the truth."""


class SlicedWasserstein:
    """Sliced 2-Wasserstein distances to y (m, d), in units of the data (Bonneel et al. 2015).

    Over `projections` directions that follow from the seed, those of POT's `sliced_wasserstein_distance`.
    """

    def __init__(self, y: Points, projections: int, seed: int) -> None:
        self.y = as_points(y, "y")
        if projections < 1:
            raise ValueError(f"projections must be at least 1; given: {projections}")
        directions = np.random.RandomState(seed).randn(self.y.shape[1], projections)
        self.directions = directions / np.sqrt((directions**2).sum(0, keepdims=True))
        self.along = self._sorted(self.y)

    def _sorted(self, x: np.ndarray) -> np.ndarray:
        """The points along every direction in ascending order, (projections, n)."""
        return np.sort((x @ self.directions).T, axis=1)

    def __call__(self, x: Points) -> float:
        """The distance of x (n, d)."""
        return float(np.sqrt(quantile_distances(self._sorted(as_points(x, "x", self.y)), self.along).mean()))


def quantile_distances(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Squared 2-Wasserstein distances of the rows of u (k, n) and v (k, m), whose values rise: (k,).

    The quantile functions differ in pieces between multiples of 1/n and 1/m.
    """
    n, m = u.shape[1], v.shape[1]
    ends = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))  # in units of 1 / (n m)
    widths = np.diff(ends, prepend=0) / (n * m)
    square: np.ndarray = (u[:, (ends - 1) // m] - v[:, (ends - 1) // n]) ** 2 @ widths
    return square


def sliced_wasserstein(x: Points, y: Points, projections: int, seed: int) -> float:
    """Sliced 2-Wasserstein distance of x (n, d) and y (m, d); the same seed gives the same directions."""
    return SlicedWasserstein(y, projections, seed)(x)


class PairDistances:
    """Energy distance and maximum mean discrepancy to y (m, d): both are means over pairs of points."""

    def __init__(self, y: Points) -> None:
        self.rows = as_points(y, "y")
        self.y = torch.from_numpy(self.rows)
        some = self.y[:ROWS]
        median = float(torch.pdist(some).median()) if len(some) > 1 else 0.0
        self.variances = [(factor * median) ** 2 for factor in BANDWIDTHS if median > 0]
        self.within = self._sums(self.y, self.y)

    def _sums(self, a: Tensor, b: Tensor) -> tuple[float, float]:
        """Sums over all pairs: of the distances, and of the kernels' mean."""
        distance = kernel = 0.0
        for part in a.split(ROWS):
            distances = torch.cdist(part, b)
            distance += float(distances.sum())
            square = distances.square_()
            kernel += sum(float((square * (-0.5 / v)).exp_().sum()) for v in self.variances) / len(BANDWIDTHS)
        return distance, kernel

    def __call__(self, x: Points) -> dict[str, float]:
        """energy_distance: 2 E||X - Y|| - E||X - X'|| - E||Y - Y'||, the V-statistic, in units of the data (Székely &
        Rizzo 2013). mmd: E k(X, X') + E k(Y, Y') - 2 E k(X, Y), without bias (Gretton et al. 2012, eq. 3), k the mean
        of Gaussian kernels whose widths are the median distance of the truth times 1/8, 1/4, 1/2, 1 and 2; about 0,
        of either sign, where nothing differs; absent where most points of y are one point.
        """
        a = torch.from_numpy(as_points(x, "x", self.rows))
        n, m = len(a), len(self.y)
        (xx, kxx), (xy, kxy), (yy, kyy) = self._sums(a, a), self._sums(a, self.y), self.within
        values = {"energy_distance": 2 * xy / (n * m) - xx / n**2 - yy / m**2}
        if n > 1 and self.variances:
            values["mmd"] = (kxx - n) / (n * (n - 1)) + (kyy - m) / (m * (m - 1)) - 2 * kxy / (n * m)
        return values


def energy_distance(x: Points, y: Points) -> float:
    """Energy distance of x (n, d) and y (m, d), as `PairDistances` gives it."""
    return PairDistances(y)(x)["energy_distance"]


def nearest_distance(x: Points, points: Points) -> float:
    """Mean distance of x (n, d) to the nearest of the points (m, d), in units of the data."""
    known = as_points(points, "points")
    a, b = torch.from_numpy(as_points(x, "x", known)), torch.from_numpy(known)
    return float(torch.cat([torch.cdist(part, b).amin(1) for part in a.split(ROWS)]).mean())


def c2st(x: Points, y: Points, folds: int, seed: int) -> float:
    """Accuracy of a classifier two-sample test: 0.5 where x and y can't be told apart, 1 where they always can.

    Lopez-Paz & Oquab (2017): the best of three cross-validated classifiers on equally many points of both. 5 nearest
    neighbours see local structure; logistic regression on x and x^2 place and scale; boosted trees (in two folds,
    for the time they take) values on steps, bounds, and what few of many columns say. Alone, nearest neighbours are
    blind in high dimension: neighbours of a point that is too far out are all true points. The best by one half of the
    points is judged by the other half, and the other way round: the highest of three numbers is above 0.5 by chance.
    NaN below 10 points.
    """
    b = as_points(y, "y")
    a = as_points(x, "x", b)
    n = min(len(a), len(b))
    if n < 10:
        return float("nan")  # too few to test with
    points = np.concatenate([a[:n], b[:n]])
    labels = np.repeat([0, 1], n)
    shuffled = {"shuffle": True, "random_state": seed % 2**32}
    split, halves = StratifiedKFold(min(folds, n), **shuffled), StratifiedKFold(2, **shuffled)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    quadratic = np.concatenate([points, points**2], 1)
    boosted = HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=8, learning_rate=0.3, early_stopping=False, random_state=0
    )
    tried = ((KNeighborsClassifier(5), points, split), (logistic, quadratic, split), (boosted, points, halves))
    right = np.array([cross_val_predict(one, inputs, labels, cv=cv) == labels for one, inputs, cv in tried])
    even, odd = right[:, ::2].mean(1), right[:, 1::2].mean(1)
    return float(odd[even.argmax()] + even[odd.argmax()]) / 2


def mode_statistics(x: Points, target: GaussianMixture) -> dict[str, float]:
    """How x (n, d) lies on the modes of a mixture.

    mode_coverage: share of the modes that hold, within the radius that holds 99.7 % of the mode, at least a
    quarter of the points they should. mode_mass_error: total variation between the shares of points nearest to
    each mode and the weights. within_mode_std_ratio: root mean square Mahalanobis distance to the nearest mode
    over sqrt(d), 1 for the truth, more where modes are inflated.
    """
    rows = as_points(x, "x", np.empty((1, target.dimension)))
    square = target.mahalanobis(torch.from_numpy(rows))
    nearest_square, nearest = square.min(-1)
    weights = target.weights
    radius_square = 2 * gammaincinv(target.dimension / 2, 0.997)  # quantile of chi-square with d degrees of freedom
    inside = nearest_square <= radius_square
    share = torch.bincount(nearest, minlength=len(weights)).double() / len(rows)
    held = torch.bincount(nearest[inside], minlength=len(weights)).double() / len(rows)
    return {
        "mode_coverage": float((held >= 0.25 * weights).double().mean()),
        "mode_mass_error": float(0.5 * (share - weights).abs().sum()),
        "within_mode_std_ratio": float((nearest_square.mean() / target.dimension).sqrt()),
    }
