"""Distances between two samples, and how a sample covers the modes of a mixture."""

from __future__ import annotations

import os
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

for _backend in ("TENSORFLOW", "JAX", "CUPY", "PYTORCH"):  # POT would import them, which takes seconds
    os.environ.setdefault(f"POT_BACKEND_DISABLE_{_backend}", "1")
import ot  # noqa: E402

if TYPE_CHECKING:
    from scorebench.targets import GaussianMixture


def sliced_wasserstein(x: np.ndarray, y: np.ndarray, projections: int, seed: int) -> float:
    """Sliced 2-Wasserstein distance of x (n, d) and y (m, d), in units of the data (Bonneel et al. 2015).

    By POT; the same seed gives the same directions.
    """
    value = ot.sliced_wasserstein_distance(x, y, n_projections=projections, seed=seed)
    return float(value)


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """2 E||X - Y|| - E||X - X'|| - E||Y - Y'||, the V-statistic, in units of the data (Székely & Rizzo 2013)."""
    a, b = torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(y, dtype=torch.float64)
    return float(2 * _mean_distance(a, b) - _mean_distance(a, a) - _mean_distance(b, b))


def _mean_distance(a: Tensor, b: Tensor, rows: int = 1000) -> Tensor:
    return torch.stack([torch.cdist(part, b).sum() for part in a.split(rows)]).sum() / (len(a) * len(b))


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
