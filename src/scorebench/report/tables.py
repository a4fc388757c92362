"""Tables method x schedule of one metric: intervals, who is best, what can't be told from the best, and holes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import groupby

from scorebench.evidence.catalogue import COLLAPSED_RUNS, UNTRAINED, Metric, metric
from scorebench.evidence.comparisons import Ranking
from scorebench.evidence.intervals import Values, interval, unpaired
from scorebench.evidence.sentences import runs
from scorebench.evidence.words import number, said
from scorebench.report.results import Column, Results, label


@dataclass
class Entry:
    """One cell of a table. mark: `best`, `tied` or nothing; shade: 0 (worst of its column) to 1 (best)."""

    kind: str
    text: str = ""
    title: str = ""
    mark: str = ""
    shade: float | None = None
    notes: list[str] = field(default_factory=list)
    overall: bool = False
    at_floor: bool = False


@dataclass
class Line:
    """One method's row."""

    method: str
    oracle: bool
    entries: list[Entry]


@dataclass
class Table:
    """All numbers of one metric on one data set; groups: (schedule, number of columns) of the upper header."""

    metric: Metric
    columns: list[Column]
    groups: list[tuple[str, int]]
    lines: list[Line]
    floor: str = ""
    main: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def samplers(self) -> bool:
        """Whether it has a second header line, with samplers."""
        return any(sampler for _, sampler in self.columns)


def table(results: Results, dataset: str, name: str) -> Table:
    """The table of a metric on a data set."""
    columns = results.columns(dataset, name)
    measured = metric(name)
    overall = results.ranking(dataset, name, columns)
    rankings = {  # who is alone in a column is not the best of it
        column: results.ranking(dataset, name, [column])
        for column in columns
        if len(results.contenders(dataset, name, [column])) > 1
    }
    shades = {column: _shades(results, dataset, measured, column) for column in columns}
    floor = results.floor(dataset, name)
    lines = []
    for method in results.methods(dataset):
        entries = [
            _entry(results, dataset, method, column, measured, rankings.get(column), shades[column].get(method), floor)
            for column in columns
        ]
        for column, entry in zip(columns, entries, strict=True):
            entry.overall = overall is not None and len(columns) > 1 and overall.best == label(method, column)
        if any(entry.kind != "absent" for entry in entries):
            lines.append(Line(method, results.oracle(method), entries))
    groups = [(schedule, len(list(group))) for schedule, group in groupby(columns, lambda column: column[0])]
    level = interval(list(floor.values()))
    return Table(measured, columns, groups, lines, said(level) if level else "", results.main(dataset) == (name, ""))


def _shades(results: Results, dataset: str, measured: Metric, column: Column) -> dict[str, float]:
    """Method -> where it stands between the worst (0) and the best (1) of a column.

    On a logarithmic scale where that makes sense; differences of less than a factor of two stay pale contrasts. Cells
    that lost a replicate have no shade, for they can't win.
    """
    if measured.best is None:
        return {}
    means = {}
    for method in results.methods(dataset):
        level = interval(list(results.values(dataset, method, column, measured.name).values()))
        if level is not None and level.n == results.replicates:
            means[method] = measured.badness(level.mean)
    contest = [value for method, value in means.items() if not results.oracle(method)] or list(means.values())
    if len(contest) < 2:
        return {}
    if measured.best == "low" and min(means.values()) > 0:
        means = {method: math.log(value) for method, value in means.items()}
        low, high, least = math.log(min(contest)), math.log(max(contest)), math.log(2)
    else:
        low, high, least = min(contest), max(contest), 0.05
    width = max(high - low, least)
    return {method: min(1.0, max(0.0, 1 - (value - low) / width)) for method, value in means.items()}


def _entry(
    results: Results,
    dataset: str,
    method: str,
    column: Column,
    measured: Metric,
    order: Ranking | None,
    shade: float | None,
    floor: Values,
) -> Entry:
    outcome = results.outcome(dataset, method, column[0])
    if outcome.kind == "not applicable":
        return Entry("hole", "n/a", f"not applicable: {outcome.why}")
    if outcome.kind == "absent":
        return Entry("absent", "", "not in this study")
    values = results.values(dataset, method, column, measured.name)
    level = interval(list(values.values()))
    if level is None:
        if outcome.kind == "diverged":
            return Entry("diverged", outcome.short, outcome.why)
        return Entry("missing", "no number", "not measured here, or the samples were not finite")
    share = f"{sum(values.values()):.0f} of {level.n}"  # runs that do or don't have no interval of Student's
    entry = Entry("number", share if measured.name == COLLAPSED_RUNS else said(level), shade=shade)
    if level.n < results.replicates:
        entry.notes.append(f"{level.n} of {results.replicates} replicates")
        entry.kind = "partly"
        entry.title = outcome.why or "other replicates gave no number"
    if collapsed := sorted(results.collapsed(dataset, method, column[0]) & values.keys()):
        entry.notes.append(runs(collapsed, level.n))
    key = label(method, column)
    if order is not None and not results.oracle(method):
        if order.best == key:
            entry.mark = "best"
        elif key in order.tied:
            entry.mark = "tied"
    if floor and measured.best is not None:
        entry.at_floor = _at_floor(values, floor, measured)
    untrained = interval(list(results.values(dataset, method, column, measured.name + UNTRAINED).values()))
    if untrained is not None:
        entry.notes.append(f"untrained {number(untrained.mean)}")
    return entry


def _at_floor(values: Values, floor: Values, measured: Metric) -> bool:
    """Whether samples can't be told from the truth by this metric: Welch's interval does not lie above zero."""
    samples, truth = ({r: measured.badness(v) for r, v in side.items()} for side in (values, floor))
    difference = unpaired(samples, truth)
    return difference is not None and difference.low <= 0
