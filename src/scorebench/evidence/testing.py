"""Tests of a number against a limit: paired differences of logarithms, Student's test, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from scorebench.evidence.intervals import LEVEL, Values, interval, standard_error


@dataclass(frozen=True)
class Tested:
    """An estimate against a limit.

    low, high: Student's 95 % interval; p: two-sided, of the t test that the limit is the truth. None where there is one
    value only.
    """

    estimate: float
    limit: float
    n: int
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def below(self) -> bool:
        """Whether the estimate is below the limit."""
        return self.estimate < self.limit


def log_ratios(a: Values, b: Values) -> list[float]:
    """ln a - ln b over the replicates that both have, which share initial weights and random streams."""
    return [math.log(a[r] / b[r]) for r in sorted(a.keys() & b.keys()) if a[r] > 0 and b[r] > 0]


def against(values: Sequence[float], limit: float, logarithms: bool = False) -> Tested:
    """The mean of values against a limit; of logarithms, the geometric mean is what is estimated and compared.

    Raises:
        ValueError: no values.
    """
    student = interval(values)
    if student is None:
        raise ValueError("there is no value to test")
    back = math.exp if logarithms else float
    at = math.log(limit) if logarithms else limit
    if student.half is None:
        return Tested(back(student.mean), limit, 1)
    p = _p(student.mean - at, standard_error(np.asarray(values, float)), student.n - 1)
    return Tested(back(student.mean), limit, student.n, back(student.low), back(student.high), p)


def of_moments(mean: float, se: float | None, n: int, limit: float) -> Tested:
    """A mean with its standard error over n replicates against a limit."""
    if se is None or n < 2:
        return Tested(mean, limit, n)
    half = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * se
    return Tested(mean, limit, n, mean - half, mean + half, _p(mean - limit, se, n - 1))


def _p(difference: float, se: float, freedom: int) -> float:
    """Two-sided p of Student's t test; of differences that are all the same, 1 or 0."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(difference) / se))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p values of a family (Holm 1979): below alpha is significant with all errors below alpha."""
    adjusted, largest = {}, 0.0
    for i, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - i) * p[name]))
        adjusted[name] = largest
    return adjusted
