"""Samples against the truth: what one measure does not see, another does; true samples are told by chance only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scorebench.evidence.floors import TELLING, told_by
from scorebench.metrics.components import Components, Marginals
from scorebench.metrics.samples import PairDistances, SlicedWasserstein, c2st

Draw = Callable[[np.random.Generator, int], np.ndarray]


class Measures:
    """All measures of samples against test points, as `evaluate` takes them."""

    def __init__(self, test: np.ndarray) -> None:
        self.test = test
        self.sliced, self.pairs = SlicedWasserstein(test, 50, 0), PairDistances(test)
        self.components, self.marginals = Components(test, 50, 0), Marginals(test)

    def __call__(self, x: np.ndarray) -> dict[str, float]:
        values = {"sliced_wasserstein": self.sliced(x), "c2st": c2st(x, self.test, folds=2, seed=0)}
        return values | self.pairs(x) | self.components(x) | {"marginal_distance": float(self.marginals(x).max())}

    def replicates(self, draws: list[np.ndarray]) -> dict[str, dict[int, float]]:
        measured = [self(x) for x in draws]
        return {name: {r: values[name] for r, values in enumerate(measured)} for name in TELLING}


def counts(r: np.random.Generator, n: int) -> np.ndarray:
    """Three columns of whole numbers."""
    return np.floor(r.gamma(4, 2, (n, 3)))


def thin(r: np.random.Generator, n: int) -> np.ndarray:
    """Ten columns, one of which is the sum of the others but for 1 %."""
    x = r.normal(size=(n, 10))
    x[:, 9] = x[:, :9].sum(1) / 3 + 0.01 * r.normal(size=n)
    return x


def weather(r: np.random.Generator, n: int) -> np.ndarray:
    """Rain: none on half of the days, else exponential; and a temperature that goes with it."""
    rain = np.where(r.random(n) < 0.5, 0.0, r.exponential(size=n))
    return np.column_stack([rain, r.normal(size=n) - 0.3 * rain])


def smoothed(draw: Draw, width: float) -> Draw:
    """What a model makes of it that has learned all but the smallest scale: the truth with Gaussian noise."""
    return lambda r, n: (x := draw(r, n)) + width * r.normal(size=x.shape)


SPOILT: dict[str, tuple[Draw, Draw, str]] = {
    "discrete columns": (counts, smoothed(counts, 0.3), "c2st"),
    "thirty times too wide along the thinnest component": (thin, smoothed(thin, 0.1), "component_wasserstein"),
    "zeros that are not quite zero": (weather, smoothed(weather, 0.02), "c2st"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_a_sliced_distance_does_not_see_is_told(name: str) -> None:
    """And true samples of the same law are not told from the truth."""
    true, spoilt, seen_by = SPOILT[name]
    r = np.random.default_rng(0)
    measures = Measures(true(r, 500))
    floors = measures.replicates([true(r, 300) for _ in range(5)])
    told = told_by(measures.replicates([spoilt(r, 300) for _ in range(5)]), floors)
    assert told is not None
    assert "sliced_wasserstein" not in told
    assert seen_by in told
    assert told_by(measures.replicates([true(r, 300) for _ in range(5)]), floors) == []


def test_boosted_trees_tell_smoothed_steps_for_sure() -> None:
    """The two classifiers beside them come to 0.6."""
    r = np.random.default_rng(0)
    assert c2st(smoothed(counts, 0.3)(r, 1000), counts(r, 1000), folds=2, seed=0) > 0.97


def test_true_samples_are_told_by_chance_only() -> None:
    """Every 8 of 40 true samples against every other 8, in 400 draws: at most 5 % are told from the truth."""
    r = np.random.default_rng(1)
    measures = Measures(weather(r, 100))
    pool = measures.replicates([weather(r, 60) for _ in range(40)])
    alarms = 0
    for _ in range(400):
        order = r.permutation(40)
        a, b = (
            {name: {int(i): pool[name][int(i)] for i in some} for name in TELLING} for some in (order[:8], order[8:16])
        )
        alarms += bool(told_by(a, b))
    assert alarms <= 0.05 * 400


def test_no_verdict_without_two_replicates() -> None:
    one = {name: {0: 1.0} for name in TELLING}
    assert told_by(one, one) is None
    two = {"c2st": {0: 0.9, 1: 0.91}}
    assert told_by(two, {"c2st": {0: 0.51, 1: 0.5}}) == ["c2st"], "published tables hold fewer measures"
