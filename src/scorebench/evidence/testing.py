"""Tests of a number against a limit: paired differences of logarithms, bootstrap and Student intervals, Holm."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import bootstrap

from scorebench.evidence.statistics import estimate

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Tested:
    """An estimate against a limit. low, high: the BCa interval; t_low, t_high: Student's; p: two-sided, of the t test
    that the limit is the truth. None where there is one value only.
    """

    estimate: float
    limit: float
    n: int
    low: float | None = None
    high: float | None = None
    t_low: float | None = None
    t_high: float | None = None
    p: float | None = None

    @property
    def below(self) -> bool:
        """Whether the estimate is below the limit."""
        return self.estimate < self.limit


def log_ratios(a: Mapping[int, float], b: Mapping[int, float]) -> list[float]:
    """ln a - ln b over the replicates that both have, which share initial weights and random streams."""
    return [math.log(a[r] / b[r]) for r in sorted(a.keys() & b.keys()) if a[r] > 0 and b[r] > 0]


def against(values: Sequence[float], limit: float, logarithms: bool = False) -> Tested:
    """The mean of values against a limit; of logarithms, the geometric mean is what is estimated and compared.

    BCa: bias-corrected and accelerated bootstrap of the mean (Efron 1987), 10,000 resamples with a fixed seed.

    Raises:
        ValueError: no values.
    """
    found = estimate(list(values))
    if found is None:
        raise ValueError("there is no value to test")
    back = math.exp if logarithms else float
    at = math.log(limit) if logarithms else limit
    if found.half is None:
        return Tested(back(found.mean), limit, 1)
    p = _p(found.mean - at, _error(values), found.n - 1)
    low, high = _bca(values) if found.half else (found.mean, found.mean)
    student = back(found.low), back(found.high)
    return Tested(back(found.mean), limit, found.n, back(low), back(high), *student, p)


def of_moments(mean: float, se: float | None, n: int, limit: float) -> Tested:
    """A mean with its standard error over n replicates against a limit; Student's interval stands for both."""
    if se is None or n < 2:
        return Tested(mean, limit, n)
    half = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * se
    return Tested(mean, limit, n, mean - half, mean + half, mean - half, mean + half, _p(mean - limit, se, n - 1))


def _error(values: Sequence[float]) -> float:
    x = np.asarray(values, float)
    return 0.0 if (x == x[0]).all() else float(x.std(ddof=1)) / math.sqrt(len(x))


def _p(difference: float, se: float, freedom: int) -> float:
    """Two-sided p of Student's t test; of differences that are all the same, 1 or 0."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(difference) / se))


def _bca(values: Sequence[float]) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # too few different values: nan, and Student's interval stands
        found = bootstrap(
            (np.asarray(values, float),), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, method="BCa",
            rng=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
    if math.isfinite(found.low) and math.isfinite(found.high):
        return float(found.low), float(found.high)
    student = estimate(list(values))
    assert student is not None
    return student.low, student.high


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p values of a family (Holm 1979): below alpha is significant with all errors below alpha."""
    adjusted, largest = {}, 0.0
    for i, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - i) * p[name]))
        adjusted[name] = largest
    return adjusted
