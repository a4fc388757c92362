"""When one number is said to be lower than another: the one rule, for the report and for the page of answers.

A pair is compared replicate by replicate, for replicates share initial weights and random streams: by the logarithm of
the ratio, with Student's interval over replicates. Pairs that are compared for one purpose are a family, such as all
methods of a data set against the best one: their intervals are so wide that all hold at once with a probability of 95 %
(Bonferroni), and a pair is told apart if its interval leaves 1 out. So what is said can be read off the intervals that
are shown. Only where logarithms can't be taken, because the metric may be negative or zero or is known up to a
constant, differences stand in the place of ratios, and 0 in that of 1.

A run has collapsed if it ends with an error above 0.9 of the untrained network's. One such run among many would make
the interval so wide that nothing is told apart, for it is no draw from the distribution of the others. So replicates in
which one of the two collapsed are left out of the interval and named beside it, with the ratio over all replicates;
unless they are more than half, for then to collapse is what the method does, or all but one: these are left in.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from scorebench.evidence.catalogue import Metric
from scorebench.evidence.intervals import Values, interval
from scorebench.evidence.words import number

LARGEST = math.log(sys.float_info.max)
"""The logarithm of the largest number that is told from infinity."""
COLLAPSED = 0.9
"""Of the untrained network's error: a run that ends above it has collapsed."""


@dataclass(frozen=True)
class Measured:
    """A metric of one cell: replicate -> value, and the replicates whose training collapsed."""

    values: Values
    collapsed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Comparison:
    """One number against another, lower being better.

    estimate: the ratio a / b (geometric mean over replicates) or, with `ratio` False, the difference a - b. low, high:
    its interval, None for one replicate. n: the replicates that it rests on. lost: those that were left out because a
    run collapsed; overall: the estimate with them.
    """

    ratio: bool
    estimate: float
    low: float | None
    high: float | None
    n: int
    lost: tuple[int, ...] = ()
    overall: float | None = None

    @property
    def lower(self) -> bool:
        """Whether a is the lower one."""
        return self.estimate < (1 if self.ratio else 0)

    @property
    def sure(self) -> bool:
        """Whether the two are told apart: the interval leaves out 1, for a difference 0."""
        same = 1 if self.ratio else 0
        return self.low is not None and self.high is not None and not self.low <= same <= self.high

    def shown(self, value: float) -> str:
        """A ratio or a difference as text, with a few digits."""
        return _of_ratio(value) if self.ratio else _of_difference(value)

    def __str__(self) -> str:
        ends = "" if self.low is None or self.high is None else f" [{self.shown(self.low)}, {self.shown(self.high)}]"
        return f"{self.shown(self.estimate)}{ends}"


def _of_ratio(value: float) -> str:
    if not 0.1 <= value < 10:
        return number(value, 2)
    near = abs(value - 1) < 0.005 and round(value, 3) != 1  # on which side of 1 an end lies is what is told
    return f"{value:.3f}" if near else f"{value:.2f}"


def _of_difference(value: float) -> str:
    text = f"{value:+.2f}" if abs(value) >= 0.1 or value == 0 else f"{'+' if value > 0 else '-'}{number(abs(value), 2)}"
    return text.replace("-", "−")


Key = TypeVar("Key", bound=Hashable)


def compared(pairs: Mapping[Key, tuple[Measured, Measured]], metric: Metric) -> dict[Key, Comparison]:
    """The comparisons of a family of pairs (a, b), of those that share a replicate: by ratios if all of them can be."""
    shared = {key: sorted(a.values.keys() & b.values.keys()) for key, (a, b) in pairs.items()}
    pairs = {key: pair for key, pair in pairs.items() if shared[key]}
    bad = {key: [{r: metric.badness(m.values[r]) for r in shared[key]} for m in pair] for key, pair in pairs.items()}
    ratio = metric.ratios and all(v > 0 for sides in bad.values() for side in sides for v in side.values())
    comparisons = {}
    for key, (a, b) in bad.items():
        each = {r: math.log(a[r] / b[r]) if ratio else a[r] - b[r] for r in shared[key]}
        lost = sorted((pairs[key][0].collapsed | pairs[key][1].collapsed) & each.keys())
        if 2 * len(lost) > len(each) or len(each) - len(lost) < 2:
            lost = []
        kept = interval([value for r, value in each.items() if r not in lost], family=len(bad))
        assert kept is not None
        back = _ratio if ratio else float
        low, high = (None, None) if kept.half is None else (back(kept.low), back(kept.high))
        overall = back(math.fsum(each.values()) / len(each)) if lost else None
        comparisons[key] = Comparison(ratio, back(kept.mean), low, high, kept.n, tuple(lost), overall)
    return comparisons


@dataclass(frozen=True)
class Ranking:
    """The best of some contenders, and every other one against it.

    behind: name -> comparison with the best. collapsed: name -> replicates that collapsed, of those that have any.
    tested: there are intervals.
    """

    best: str
    behind: dict[str, Comparison]
    collapsed: dict[str, tuple[int, ...]]
    tested: bool

    @property
    def tied(self) -> list[str]:
        """Those that are not told to be worse than the best."""
        return [name for name, c in self.behind.items() if not c.sure or c.lower]


def ranking(contenders: Mapping[str, Measured], metric: Metric) -> Ranking | None:
    """Who is best by a metric, over all replicates, collapsed ones included; None without contenders.

    By the geometric mean where logarithms can be taken, else by the mean. The comparisons with the best are a family.
    """
    bad = {name: [metric.badness(v) for v in one.values.values()] for name, one in contenders.items() if one.values}
    bad = {name: values for name, values in bad.items() if all(map(math.isfinite, values))}
    if not bad:
        return None
    ratio = metric.ratios and all(v > 0 for values in bad.values() for v in values)
    means = {name: math.fsum(map(math.log, v) if ratio else v) / len(v) for name, v in bad.items()}
    best = min(means, key=lambda name: means[name])
    others = {name: (contenders[name], contenders[best]) for name in bad if name != best}
    collapsed = {name: tuple(sorted(c)) for name in bad if (c := contenders[name].collapsed)}
    return Ranking(best, compared(others, metric), collapsed, len(bad[best]) > 1)


def _ratio(logarithm: float) -> float:
    """e to this power, or the largest number there is: two replicates that differ, in a large family, bound nothing."""
    return math.exp(min(logarithm, LARGEST))
