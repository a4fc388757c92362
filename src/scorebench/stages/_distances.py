"""Distances of a sample to the test points, the same for samples of a model and for the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorebench.metrics.samples import c2st, energy_distance, mode_statistics, sliced_wasserstein
from scorebench.streams import seed_of
from scorebench.targets import GaussianMixture


def distances(
    x: np.ndarray, test: np.ndarray, target: GaussianMixture | None, evaluation: dict[str, Any], seed: int
) -> dict[str, float]:
    """All sample metrics of x (n, d) against test (m, d); directions and folds follow from the seed."""
    e, c = evaluation["energy_points"], evaluation["c2st_points"]
    values = {
        "sliced_wasserstein": sliced_wasserstein(
            x, test, evaluation["projections"], seed_of(seed, "projections") % 2**31
        ),
        "energy_distance": energy_distance(x[:e], test[:e]),
        "c2st": c2st(x[:c], test[:c], evaluation["c2st_folds"], seed_of(seed, "folds")),
    }
    return values | ({} if target is None else mode_statistics(x, target))
