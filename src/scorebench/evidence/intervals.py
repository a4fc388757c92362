"""How sure a number is: Student's intervals over replicates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95
Values = Mapping[int, float]
"""Replicate -> value."""


@dataclass(frozen=True)
class Interval:
    """A mean over n replicates; half is half the width of its interval, None for one replicate."""

    mean: float
    half: float | None
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval; the mean where there is none."""
        return self.mean - (self.half or 0.0)

    @property
    def high(self) -> float:
        """Upper end of the interval; the mean where there is none."""
        return self.mean + (self.half or 0.0)


def interval(values: Sequence[float], family: int = 1) -> Interval | None:
    """Mean and Student's interval, mean +- t_{1 - 0.05 / (2 family), n-1} s / sqrt(n); None without values.

    family: of how many intervals all shall hold at once with a probability of 95 % (Bonferroni).
    """
    if not len(values):
        return None
    x = np.asarray(values, float)
    n, mean = len(x), float(x.mean())
    if n < 2:
        return Interval(mean, None, n)
    t = float(stdtrit(n - 1, 1 - (1 - LEVEL) / (2 * family)))
    return Interval(mean, t * standard_error(x), n)


def standard_error(x: np.ndarray) -> float:
    """s / sqrt(n) of n > 1 values; exactly 0 where all are the same."""
    return 0.0 if (x == x[0]).all() else float(x.std(ddof=1)) / math.sqrt(len(x))


def unpaired(a: Values, b: Values, family: int = 1) -> Interval | None:
    """Mean of a minus mean of b with Welch's interval; None without two values on either side.

    family: of how many intervals all shall hold at once with a probability of 95 % (Bonferroni).
    """
    x, y = (np.array(list(v.values()), float) for v in (a, b))
    if len(x) < 2 or len(y) < 2:
        return None
    u, v = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if u + v == 0:
        return Interval(float(x.mean() - y.mean()), 0.0, len(x))
    freedom = (u + v) ** 2 / (u**2 / (len(x) - 1) + v**2 / (len(y) - 1))
    half = float(stdtrit(freedom, 1 - (1 - LEVEL) / (2 * family))) * math.sqrt(u + v)
    return Interval(float(x.mean() - y.mean()), half, len(x))
