"""Claims of a study held against its numbers: each gives findings, one per data set or noise level."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scorebench.evidence.table import Point, ResultTable
from scorebench.evidence.testing import Tested, against, log_ratios, of_moments
from scorebench.study import hypotheses as registered
from scorebench.study.hypotheses import Claim, Side


@dataclass(frozen=True)
class Finding:
    """What came of a claim at one place: the number with its interval against the limit, and the key of its result."""

    where: str
    statistic: str
    side: Side
    tested: Tested
    key: str

    @property
    def holds(self) -> bool:
        """Whether the estimate is on the claimed side."""
        return self.tested.below == (self.side == "below")


def findings(claim: Claim, numbers: ResultTable) -> Iterator[Finding]:
    """Findings where a study holds what a claim is about; none of what it does not hold."""
    match claim:
        case registered.Ratio():
            return _ratio(claim, numbers)
        case registered.BestOf():
            return _best_of(claim, numbers)
        case registered.Nowhere():
            return _nowhere(claim, numbers)
        case registered.Value():
            return _value(claim, numbers)
        case registered.BestLevel():
            return _best_level(claim, numbers)
        case registered.Curve():
            return _curve(claim, numbers)
        case registered.Peak():
            return _peak(claim, numbers)
        case registered.Untested():
            return iter(())


def _ratio(claim: registered.Ratio, numbers: ResultTable) -> Iterator[Finding]:
    """One finding per data set."""
    for dataset in claim.datasets:
        place = _Place(dataset, claim.metric, claim.sampler or "")
        if (one := _compared(numbers, place, claim.a, claim.b, claim.side, claim.limit)) is not None:
            yield one


@dataclass(frozen=True)
class _Place:
    dataset: str
    metric: str
    sampler: str = ""


def _compared(numbers: ResultTable, place: _Place, a: str, b: str, side: Side, limit: float) -> Finding | None:
    """The metric of cell a over that of cell b; None where they share no replicate."""
    values = [numbers.of(place.dataset, cell, place.metric, place.sampler) for cell in (a, b)]
    logs = log_ratios(*values)
    if not logs:
        return None
    key = numbers.key(place.dataset, a, place.metric, place.sampler)
    return Finding(place.dataset, f"{place.metric}: {a} over {b}", side, against(logs, limit, logarithms=True), key)


def _best_of(claim: registered.BestOf, numbers: ResultTable) -> Iterator[Finding]:
    """The finding of the cell that goes furthest to the claimed side, per data set."""
    for dataset, limit in claim.limits.items():
        place = _Place(dataset, claim.metric)
        each = [_compared(numbers, place, cell, claim.b, claim.side, limit) for cell in claim.cells]
        there = [one for one in each if one is not None]
        if there:
            sign = 1 if claim.side == "below" else -1
            best = min(there, key=lambda one: sign * one.tested.estimate)
            p = best.tested.p
            yield replace(best, tested=replace(best.tested, p=None if p is None else min(1.0, len(there) * p)))


def _nowhere(claim: registered.Nowhere, numbers: ResultTable) -> Iterator[Finding]:
    """Per cell its worst ratio to the best of the others on a data set; nothing unless all of them were measured."""
    values = {(d, c): numbers.of(d, c, claim.metric) for d in claim.datasets for c in claim.cells}
    if not all(values.values()):
        return
    means = {place: _mean(v) for place, v in values.items()}
    for cell in claim.cells:
        best = {d: min((means[d, c], c) for c in claim.cells if c != cell) for d in claim.datasets}
        _, worst = max((means[d, cell] / best[d][0], d) for d in claim.datasets)
        logs = log_ratios(values[worst, cell], values[worst, best[worst][1]])
        if logs:
            said = f"{claim.metric}: {cell} over {best[worst][1]}, the best of the others there"
            tested = against(logs, claim.factor, logarithms=True)
            yield Finding(worst, said, "above", tested, numbers.key(worst, cell, claim.metric))


def _mean(values: dict[int, float]) -> float:
    return math.fsum(values.values()) / len(values)


def _value(claim: registered.Value, numbers: ResultTable) -> Iterator[Finding]:
    """One finding per data set: the mean over replicates, the geometric one where it can be taken."""
    sampler = claim.sampler or ""
    for dataset in claim.datasets:
        values = list(numbers.of(dataset, claim.cell, claim.metric, sampler).values())
        if values:
            logarithms = claim.limit > 0 and min(values) > 0
            tested = against([math.log(v) for v in values] if logarithms else values, claim.limit, logarithms)
            key = numbers.key(dataset, claim.cell, claim.metric, sampler)
            yield Finding(dataset, f"{claim.metric} of {claim.cell}", claim.side, tested, key)


def _points(claim: registered.Curve | registered.Peak, numbers: ResultTable, dataset: str) -> dict[float, Point]:
    return numbers.curve(dataset, _measured_on(claim), claim.metric)


def _measured_on(claim: registered.Curve | registered.Peak) -> str:
    """The cell, or the method alone where it is a number of the microscope."""
    return f"{claim.method}/{claim.schedule}" if claim.schedule else claim.method


def _curve(claim: registered.Curve, numbers: ResultTable) -> Iterator[Finding]:
    """One finding per data set and noise level."""
    low, high = claim.low or 0.0, claim.high or math.inf
    times = f"{claim.factor:g} x " if claim.factor != 1 else ""
    said = f"{times}{claim.metric} of {_measured_on(claim)}"
    for dataset in claim.datasets:
        for sigma, point in _points(claim, numbers, dataset).items():
            if low <= sigma <= high:
                se = None if point.se is None else claim.factor * point.se
                tested = of_moments(claim.factor * point.mean, se, point.n, claim.limit)
                key = numbers.key(dataset, _measured_on(claim), claim.metric)
                yield Finding(f"{dataset}, sigma {sigma:.3g}", said, claim.side, tested, key)


def _peak(claim: registered.Peak, numbers: ResultTable) -> Iterator[Finding]:
    """The largest value within the range less the largest one outside: above 0 if the peak lies within."""
    for dataset in claim.datasets:
        curve = _points(claim, numbers, dataset)
        inside = [point for sigma, point in curve.items() if claim.low <= sigma <= claim.high]
        outside = [point for sigma, point in curve.items() if not claim.low <= sigma <= claim.high]
        if inside and outside:
            a, b = _largest(inside), _largest(outside)
            se = None if a.se is None or b.se is None else math.hypot(a.se, b.se)
            tested = of_moments(a.mean - b.mean, se, min(a.n, b.n), 0.0)
            range_ = f"[{claim.low:.3g}, {claim.high:.3g}]"
            said = f"peak of {claim.metric} of {_measured_on(claim)} in {range_} less elsewhere"
            yield Finding(dataset, said, "above", tested, numbers.key(dataset, _measured_on(claim), claim.metric))


def _largest(points: list[Point]) -> Point:
    return max(points, key=lambda point: point.mean)


def _best_level(claim: registered.BestLevel, numbers: ResultTable) -> Iterator[Finding]:
    """Best level over the rule's, per data set: by replicate the minimum of a parabola through the lowest three."""
    for dataset, rule in claim.rule.items():
        cells = {sigma: f"{claim.method}/{schedule}" for schedule, sigma in claim.levels.items()}
        values = {sigma: v for sigma in sorted(cells) if (v := numbers.of(dataset, cells[sigma], claim.metric))}
        if len(values) < 3:
            continue
        common = sorted(set.intersection(*(set(v) for v in values.values())))
        best = [lowest_level({sigma: v[r] for sigma, v in values.items()}) for r in common]
        if best:
            tested = against([math.log(sigma / rule) for sigma in best], claim.limit, logarithms=True)
            key = numbers.key(dataset, cells[min(values)], claim.metric)
            yield Finding(dataset, f"best sigma of {claim.method} over {rule:.3g}", claim.side, tested, key)


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
