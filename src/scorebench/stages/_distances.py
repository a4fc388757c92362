"""Distances of samples to the test points, the same for samples of a model and for the truth."""

from __future__ import annotations

import numpy as np
import torch

from scorebench.metrics.components import Components, Marginals
from scorebench.metrics.samples import PairDistances, SlicedWasserstein, c2st, mode_statistics, nearest_distance
from scorebench.specs.evaluate import Evaluation
from scorebench.streams import seed_of
from scorebench.targets import GaussianMixture


class Distances:
    """All sample metrics against test points (m, d), of which what is common to all samples is computed once.

    Directions and folds follow from the seed. train: the points that a model was trained on, for
    `nearest_train_ratio`; None for samples that are themselves taken from these.
    """

    def __init__(
        self,
        test: np.ndarray,
        target: GaussianMixture | None,
        evaluation: Evaluation,
        seed: int,
        train: np.ndarray | None = None,
    ) -> None:
        self.test, self.target, self.evaluation, self.seed, self.train = test, target, evaluation, seed, train
        self.sliced = SlicedWasserstein(test, evaluation.projections, seed_of(seed, "projections") % 2**31)
        self.pairs = PairDistances(test[: evaluation.energy_points])
        self.components = Components(test, evaluation.projections, seed_of(seed, "projections") % 2**31)
        self.marginals = Marginals(test)
        self.few = evaluation.c2st_points
        self.test_to_train = None if train is None else nearest_distance(test[: self.few], train)

    def __call__(self, x: np.ndarray) -> dict[str, float]:
        """The metrics of x (n, d).

        nearest_train_ratio: mean distance of samples to the nearest training point over that of test points: 1 for
        the truth, towards 0 for a model that has learned its training points by heart. negative_log_density:
        -E log p(x) under the truth, in nats.
        """
        some = x[: self.evaluation.energy_points]
        values = {"sliced_wasserstein": self.sliced(x)} | self.pairs(some) | self.components(some)
        values["marginal_distance"] = float(self.marginals(x).max())
        folds = seed_of(self.seed, "folds")
        values["c2st"] = c2st(x[: self.few], self.test[: self.few], self.evaluation.c2st_folds, folds)
        if self.train is not None and self.test_to_train:
            values["nearest_train_ratio"] = nearest_distance(x[: self.few], self.train) / self.test_to_train
        if self.target is not None:
            values |= mode_statistics(x, self.target)
            density = self.target.log_prob(torch.as_tensor(x, dtype=torch.float64))
            values["negative_log_density"] = -float(density.mean())
        return values
