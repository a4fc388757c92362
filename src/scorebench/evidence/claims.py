"""Kinds of claims that can be held against numbers: each gives findings, one per data set or noise level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from scorebench.evidence.numbers import Numbers, Point
from scorebench.evidence.testing import Tested, against, log_ratios, of_moments

Side = Literal["below", "above"]
ERROR = "D_integral"
"""The error over all scales: its ratios are those of the mean D(sigma)."""


@dataclass(frozen=True)
class Finding:
    """What came of a claim at one place. holds: whether the estimate lies on the side of the limit that was claimed."""

    where: str
    statistic: str
    side: Side
    tested: Tested
    study: str
    key: str

    @property
    def holds(self) -> bool:
        """Whether the estimate is on the claimed side."""
        return self.tested.below == (self.side == "below")


class Claim(Protocol):
    """Something that numbers can speak for or against."""

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """Findings where a study holds what the claim is about."""
        ...


@dataclass(frozen=True)
class Ratio:
    """A metric of one cell over that of another, paired by replicate, is below or above a limit on every data set."""

    a: str
    b: str
    datasets: tuple[str, ...]
    side: Side
    limit: float
    metric: str = ERROR

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """One finding per data set, from the first study that holds both cells."""
        for dataset in self.datasets:
            for study in studies:
                values = log_ratios(study.of(dataset, self.a, self.metric), study.of(dataset, self.b, self.metric))
                if values:
                    tested = against(values, self.limit, logarithms=True)
                    said = f"{self.metric}: {self.a} over {self.b}"
                    key = study.key(dataset, self.a, self.metric)
                    yield Finding(dataset, said, self.side, tested, study.study, key)
                    break


@dataclass(frozen=True)
class BestOf:
    """Of several cells at least one has a ratio to another cell beyond a limit: Bonferroni over them."""

    cells: tuple[str, ...]
    b: str
    datasets: dict[str, float]
    """Data set -> limit."""
    side: Side
    metric: str = ERROR

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """The finding of the cell that goes furthest to the claimed side, per data set."""
        for dataset, limit in self.datasets.items():
            claims = [Ratio(cell, self.b, (dataset,), self.side, limit, self.metric) for cell in self.cells]
            found = [finding for claim in claims for finding in claim.find(studies)]
            if found:
                sign = 1 if self.side == "below" else -1
                best = min(found, key=lambda finding: sign * finding.tested.estimate)
                p = best.tested.p
                tested = replace(best.tested, p=None if p is None else min(1.0, len(found) * p))
                yield replace(best, tested=tested)


@dataclass(frozen=True)
class Nowhere:
    """No cell of a list is within a factor of the best of the list on every data set."""

    cells: tuple[str, ...]
    datasets: tuple[str, ...]
    factor: float
    metric: str = ERROR

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """Per cell its worst ratio to the best of the others on a data set; from a study that holds all of them."""
        for study in studies:
            values = {(d, c): study.of(d, c, self.metric) for d in self.datasets for c in self.cells}
            if not all(values.values()):
                continue
            means = {place: _mean(v) for place, v in values.items()}
            for cell in self.cells:
                best = {d: min((means[d, c], c) for c in self.cells if c != cell) for d in self.datasets}
                _, worst = max((means[d, cell] / best[d][0], d) for d in self.datasets)
                logs = log_ratios(values[worst, cell], values[worst, best[worst][1]])
                if not logs:
                    continue
                said = f"{self.metric}: {cell} over {best[worst][1]}, the best of the others there"
                tested = against(logs, self.factor, logarithms=True)
                yield Finding(worst, said, "above", tested, study.study, study.key(worst, cell, self.metric))
            return


def _mean(values: dict[int, float]) -> float:
    return math.fsum(values.values()) / len(values)


@dataclass(frozen=True)
class Curve:
    """A number of the microscope, times a factor, is beyond a limit at every noise level of a range."""

    metric: str
    method: str
    datasets: tuple[str, ...]
    side: Side
    limit: float
    low: float = 0.0
    high: float = math.inf
    factor: float = 1.0

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """One finding per data set and noise level."""
        for dataset in self.datasets:
            study = next((s for s in studies if s.curve(dataset, self.method, self.metric)), None)
            if study is None:
                continue
            key = study.key(dataset, self.method, self.metric)
            for sigma, point in study.curve(dataset, self.method, self.metric).items():
                if self.low <= sigma <= self.high:
                    se = None if point.se is None else self.factor * point.se
                    tested = of_moments(self.factor * point.mean, se, point.n, self.limit)
                    times = f"{self.factor:g} x " if self.factor != 1 else ""
                    where, said = f"{dataset}, sigma {sigma:.3g}", f"{times}{self.metric} of {self.method}"
                    yield Finding(where, said, self.side, tested, study.study, key)


@dataclass(frozen=True)
class Peak:
    """A number of the microscope is largest within a range of noise levels."""

    metric: str
    method: str
    datasets: tuple[str, ...]
    low: float
    high: float

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """The largest value within the range less the largest one outside: above 0 if the peak lies within."""
        for dataset in self.datasets:
            study = next((s for s in studies if s.curve(dataset, self.method, self.metric)), None)
            if study is None:
                continue
            curve = study.curve(dataset, self.method, self.metric)
            inside = [point for sigma, point in curve.items() if self.low <= sigma <= self.high]
            outside = [point for sigma, point in curve.items() if not self.low <= sigma <= self.high]
            if inside and outside:
                a, b = _largest(inside), _largest(outside)
                se = None if a.se is None or b.se is None else math.hypot(a.se, b.se)
                tested = of_moments(a.mean - b.mean, se, min(a.n, b.n), 0.0)
                said = f"peak of {self.metric} of {self.method} in [{self.low:.3g}, {self.high:.3g}] less elsewhere"
                yield Finding(dataset, said, "above", tested, study.study, study.key(dataset, self.method, self.metric))


def _largest(points: list[Point]) -> Point:
    return max(points, key=lambda point: point.mean)


@dataclass(frozen=True)
class BestLevel:
    """The best single noise level of a method lies within factors of a rule, for data sets of n points."""

    method: str
    levels: dict[str, float]
    """Schedule -> its noise level."""
    rule: dict[str, float]
    """Data set -> what the rule says."""
    side: Side
    limit: float
    metric: str = "clean_error"

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """Best level over the rule's, per data set: by replicate the minimum of a parabola through the lowest three."""
        for dataset, rule in self.rule.items():
            for study in studies:
                values = {
                    sigma: study.of(dataset, f"{self.method}/{schedule}", self.metric)
                    for schedule, sigma in self.levels.items()
                }
                values = {sigma: v for sigma, v in sorted(values.items()) if v}
                if len(values) < 3:
                    continue
                common = sorted(set.intersection(*(set(v) for v in values.values())))
                best = [lowest_level({sigma: v[r] for sigma, v in values.items()}) for r in common]
                if best:
                    tested = against([math.log(sigma / rule) for sigma in best], self.limit, logarithms=True)
                    schedule = next(name for name, sigma in self.levels.items() if sigma in values)
                    key = study.key(dataset, f"{self.method}/{schedule}", self.metric)
                    said = f"best sigma of {self.method} over {rule:.3g}"
                    yield Finding(dataset, said, self.side, tested, study.study, key)
                    break


def lowest_level(errors: dict[float, float]) -> float:
    """Where a curve is lowest: a parabola in ln sigma and ln error through the lowest level and its neighbours; at an
    end of the range, that end.
    """
    x, y = np.log(list(errors)), np.log(list(errors.values()))
    i = int(np.argmin(y))
    if i in (0, len(x) - 1):
        return float(np.exp(x[i]))
    a, b, _ = np.polyfit(x[i - 1 : i + 2], y[i - 1 : i + 2], 2)
    return float(np.exp(np.clip(-b / (2 * a), x[i - 1], x[i + 1])))


@dataclass(frozen=True)
class Untested:
    """A part of a hypothesis that the studies don't test, and why."""

    why: str

    def find(self, studies: Sequence[Numbers]) -> Iterator[Finding]:
        """Nothing."""
        return iter(())


def describe(finding: Finding) -> dict[str, object]:
    """A finding as plain values."""
    t = finding.tested
    return {
        "where": finding.where, "statistic": finding.statistic, "side": finding.side, "limit": t.limit,
        "estimate": t.estimate, "low": t.low, "high": t.high, "t_low": t.t_low, "t_high": t.t_high, "n": t.n, "p": t.p,
        "holds": finding.holds, "study": finding.study, "key": finding.key,
    }  # fmt: skip
