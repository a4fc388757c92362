"""How sure a number is: Student-t intervals over replicates and paired differences between methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95
Values = Mapping[int, float]
"""Replicate -> value."""


@dataclass(frozen=True)
class Estimate:
    """A mean over n replicates; half is half the width of its 95 % interval, None for one replicate."""

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

    @property
    def holds_zero(self) -> bool:
        """Whether zero can't be excluded: the interval holds it. False where there is no interval."""
        return self.half is not None and self.low <= 0 <= self.high


def estimate(values: list[float]) -> Estimate | None:
    """Mean and Student-t interval, mean +- t_{0.975, n-1} s / sqrt(n); None without values."""
    if not values:
        return None
    x = np.asarray(values, float)
    n, mean = len(x), float(x.mean())
    if n < 2:
        return Estimate(mean, None, n)
    t = float(stdtrit(n - 1, 0.5 + LEVEL / 2))
    spread = 0.0 if (x == x[0]).all() else float(x.std(ddof=1))
    return Estimate(mean, t * spread / math.sqrt(n), n)


def paired(a: Values, b: Values) -> Estimate | None:
    """a - b over the replicates that both have: they share initial weights and random streams."""
    return estimate([a[r] - b[r] for r in sorted(a.keys() & b.keys())])


def unpaired(a: Values, b: Values) -> Estimate | None:
    """Mean of a minus mean of b with Welch's interval; None without two values on either side."""
    x, y = (np.array(list(v.values()), float) for v in (a, b))
    if len(x) < 2 or len(y) < 2:
        return None
    u, v = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if u + v == 0:
        return Estimate(float(x.mean() - y.mean()), 0.0, len(x))
    freedom = (u + v) ** 2 / (u**2 / (len(x) - 1) + v**2 / (len(y) - 1))
    half = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * math.sqrt(u + v)
    return Estimate(float(x.mean() - y.mean()), half, len(x))


@dataclass(frozen=True)
class Standing:
    """Who is best among contenders: the lowest mean badness, and the difference of every other one to it.

    tied: those whose paired difference to the best has an interval that holds zero. sure: there are intervals.
    """

    best: str
    differences: dict[str, Estimate]
    tied: list[str]
    sure: bool


def standing(contenders: Mapping[str, Values], badness: Callable[[float], float]) -> Standing | None:
    """The best of the contenders (name -> values) and who can't be told from it; None without contenders."""
    bad = {name: {r: badness(v) for r, v in values.items()} for name, values in contenders.items() if values}
    means = {name: float(np.mean(list(values.values()))) for name, values in bad.items()}
    means = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    if not means:
        return None
    best = min(means, key=lambda name: means[name])
    differences = {name: d for name in means if name != best and (d := paired(bad[name], bad[best])) is not None}
    tied = [name for name, difference in differences.items() if difference.holds_zero]
    return Standing(best, differences, tied, len(bad[best]) > 1)


def number(value: float, digits: int = 3) -> str:
    """A value to some significant digits, without exponents where these would be short."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 6:
        return f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return f"{value:.{digits - 1}e}"


def said(e: Estimate) -> str:
    """`mean ± half` with as many digits as the interval is worth, at most four of the mean."""
    if not e.half:
        return number(e.mean)
    if e.mean == 0 or not -4 <= math.floor(math.log10(abs(e.mean))) < 6:
        return f"{number(e.mean)} ± {number(e.half, 2)}"
    wanted = 1 - math.floor(math.log10(e.half))
    allowed = 3 - math.floor(math.log10(abs(e.mean)))
    places = max(0, min(wanted, allowed))
    return f"{e.mean:,.{places}f} ± {e.half:,.{places}f}" if e.half >= 0.5 * 10**-places else f"{e.mean:,.{places}f}"


def between(e: Estimate) -> str:
    """`[low, high]`, or nothing where there is no interval."""
    return "" if e.half is None else f"[{_signed(e.low)}, {_signed(e.high)}]"


def _signed(value: float) -> str:
    return number(value, 2).replace("-", "−")
