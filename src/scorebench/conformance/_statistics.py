"""Deviations, their tolerances and one false-alarm rate for a whole verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

ROUNDING = 1e-8
"""Deviation that is rounding, whatever its standard error: exact losses have none."""
LOOKS = 5
"""How often a test may look at its samples, doubled each time: every look spends its share of the false-alarm rate."""


@cache
def _student(tail: float, freedom: int) -> float:
    """What a t-distributed number exceeds with this probability."""
    from scipy import stats  # the process of a loss has no use for it

    return float(stats.t.isf(tail, freedom))


@dataclass(frozen=True)
class Measurement:
    """One number with its standard error, and what it ought to be."""

    where: str
    value: float
    expected: float
    error: float
    freedom: int
    side: Literal["both", "above"] = "both"
    """Whether a value below the expected one is a deviation too."""
    resolution: float = float("inf")
    """The largest tolerance with which the test still has its power; above it the property is undecided."""

    def tolerance(self, alpha: float) -> float:
        """How far the value may be off at this false-alarm rate (Student's t)."""
        tail = alpha / 2 if self.side == "both" else alpha
        return _student(tail, self.freedom) * self.error + ROUNDING * max(1.0, abs(self.expected))

    @property
    def deviation(self) -> float:
        """How far the value is off; infinite where it is not finite."""
        off = self.value - self.expected
        if off != off:
            return float("inf")
        return abs(off) if self.side == "both" else max(off, 0.0)


def measure(
    samples: Tensor, expected: float, where: str, unit: float = 1.0, resolution: float = float("inf")
) -> Measurement:
    """The mean of independent samples (n,), in this unit, against the expected one."""
    n = len(samples)
    return Measurement(
        where,
        float(samples.mean()) / unit,
        expected / unit,
        float(samples.std()) / abs(unit) / n**0.5,
        n - 1,
        resolution=resolution,
    )


def log_variance_ratio(a: Tensor, b: Tensor) -> tuple[float, float]:
    """ln(E a / E b) of two sets of independent positive samples (n,), and its standard error."""
    mean_a, mean_b = a.mean(), b.mean()
    if mean_a == 0:
        return -float("inf"), 0.0
    error = (a.var() / mean_a.square() / len(a) + b.var() / mean_b.square() / len(b)).sqrt()
    return float(torch.log(mean_a / mean_b)), float(error)
