"""Distances between two samples, and how a sample lies on the modes of a mixture and beside the training points.

Distances to the same points many times (one truth, many replicates) prepare them once: `SlicedWasserstein`,
`PairDistances`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import gammaincinv
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

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

    def __init__(self, y: np.ndarray, projections: int, seed: int) -> None:
        directions = np.random.RandomState(seed).randn(y.shape[1], projections)
        self.directions = directions / np.sqrt((directions**2).sum(0, keepdims=True))
        self.y = self._sorted(y)

    def _sorted(self, x: np.ndarray) -> np.ndarray:
        """The points along every direction in ascending order, (projections, n)."""
        return np.sort((x.astype(np.float64) @ self.directions).T, axis=1)

    def __call__(self, x: np.ndarray) -> float:
        """The distance of x (n, d): the quantile functions differ in pieces between multiples of 1/n and 1/m."""
        u, v = self._sorted(x), self.y
        n, m = u.shape[1], v.shape[1]
        ends = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))  # in units of 1 / (n m)
        widths = np.diff(ends, prepend=0) / (n * m)
        square = (u[:, (ends - 1) // m] - v[:, (ends - 1) // n]) ** 2
        return float(np.sqrt((square @ widths).mean()))


def sliced_wasserstein(x: np.ndarray, y: np.ndarray, projections: int, seed: int) -> float:
    """Sliced 2-Wasserstein distance of x (n, d) and y (m, d); the same seed gives the same directions."""
    return SlicedWasserstein(y, projections, seed)(x)


class PairDistances:
    """Energy distance and maximum mean discrepancy to y (m, d): both are means over pairs of points."""

    def __init__(self, y: np.ndarray) -> None:
        self.y = torch.as_tensor(y, dtype=torch.float64)
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

    def __call__(self, x: np.ndarray) -> dict[str, float]:
        """energy_distance: 2 E||X - Y|| - E||X - X'|| - E||Y - Y'||, the V-statistic, in units of the data (Székely &
        Rizzo 2013). mmd: E k(X, X') + E k(Y, Y') - 2 E k(X, Y), without bias (Gretton et al. 2012, eq. 3), k the mean
        of Gaussian kernels whose widths are the median distance of the truth times 1/8, 1/4, 1/2, 1 and 2; about 0,
        of either sign, where nothing differs; absent where most points of y are one point.
        """
        a = torch.as_tensor(x, dtype=torch.float64)
        n, m = len(a), len(self.y)
        (xx, kxx), (xy, kxy), (yy, kyy) = self._sums(a, a), self._sums(a, self.y), self.within
        values = {"energy_distance": 2 * xy / (n * m) - xx / n**2 - yy / m**2}
        if n > 1 and self.variances:
            values["mmd"] = (kxx - n) / (n * (n - 1)) + (kyy - m) / (m * (m - 1)) - 2 * kxy / (n * m)
        return values


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Energy distance of x (n, d) and y (m, d), as `PairDistances` gives it."""
    return PairDistances(y)(x)["energy_distance"]


def nearest_distance(x: np.ndarray, points: np.ndarray) -> float:
    """Mean distance of x (n, d) to the nearest of the points (m, d), in units of the data."""
    a, b = torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(points, dtype=torch.float64)
    return float(torch.cat([torch.cdist(part, b).amin(1) for part in a.split(ROWS)]).mean())


def c2st(x: np.ndarray, y: np.ndarray, folds: int, seed: int) -> float:
    """Accuracy of a classifier two-sample test: 0.5 where x and y can't be told apart, 1 where they always can.

    Lopez-Paz & Oquab (2017): the better of two cross-validated classifiers on equally many points of both, 5 nearest
    neighbours (local structure) and logistic regression on x and x^2 (place and scale). Alone, nearest neighbours are
    blind in high dimension: neighbours of a point that is too far out are all true points. NaN below 10 points.
    """
    n = min(len(x), len(y))
    if n < 10:
        return float("nan")  # too few to test with
    points = np.concatenate([x[:n], y[:n]]).astype(np.float64)
    labels = np.repeat([0, 1], n)
    split = StratifiedKFold(min(folds, n), shuffle=True, random_state=seed % 2**32)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    quadratic = np.concatenate([points, points**2], 1)
    return max(
        float(cross_val_score(KNeighborsClassifier(5), points, labels, cv=split).mean()),
        float(cross_val_score(logistic, quadratic, labels, cv=split).mean()),
    )


def mode_statistics(x: np.ndarray, target: GaussianMixture) -> dict[str, float]:
    """How x (n, d) lies on the modes of a mixture.

    mode_coverage: share of the modes that hold, within the radius that holds 99.7 % of the mode, at least a
    quarter of the points they should. mode_mass_error: total variation between the shares of points nearest to
    each mode and the weights. within_mode_std_ratio: root mean square Mahalanobis distance to the nearest mode
    over sqrt(d), 1 for the truth, more where modes are inflated.
    """
    square = target.mahalanobis(torch.as_tensor(x, dtype=torch.float64))
    nearest_square, nearest = square.min(-1)
    weights = target.weights
    radius_square = 2 * gammaincinv(target.dimension / 2, 0.997)  # quantile of chi-square with d degrees of freedom
    inside = nearest_square <= radius_square
    share = torch.bincount(nearest, minlength=len(weights)).double() / len(x)
    held = torch.bincount(nearest[inside], minlength=len(weights)).double() / len(x)
    return {
        "mode_coverage": float((held >= 0.25 * weights).double().mean()),
        "mode_mass_error": float(0.5 * (share - weights).abs().sum()),
        "within_mode_std_ratio": float((nearest_square.mean() / target.dimension).sqrt()),
    }
