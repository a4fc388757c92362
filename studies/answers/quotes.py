"""What the page of answers can quote: numbers with intervals, comparisons in words, and where each comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scorebench.evidence import catalogue, sentences
from scorebench.evidence.comparisons import Comparison, Ranking, compared, ranking
from scorebench.evidence.intervals import interval
from scorebench.evidence.table import ERRORS, ResultTable
from scorebench.evidence.verdicts import Verdict, verdicts
from scorebench.evidence.words import number, said
from scorebench.study.hypotheses import Hypothesis
from studies.answers.validity import DIAGNOSTICS, Validity, validity

ERROR = "D_integral"
ABSENT = "not measured"
LN = "log_uniform"
HEADLINES = ("ring8", "mixture10")
TOLD = ("esm", "tsm")
"""Methods that are told an exact score."""
SHARED = ("-evaluations", "-time")
TOLERANCE = 1.1
"""Evaluations that count as equal: trials of methods that learn are counted too."""


def is_variant(method: str) -> bool:
    """Whether a method is one of the variants that a referee would ask for."""
    return "-" in method and not method.endswith(SHARED)


def variant_of(method: str) -> str:
    """What a referee would change in it, or nothing: `wider` of `dsm-wider`."""
    return method.rpartition("-")[2] if is_variant(method) else ""


@dataclass
class Quotes:
    """The published studies, by name, each in its largest size; every number that is quoted is kept with its key."""

    studies: Sequence[ResultTable]
    registered: Mapping[str, Mapping[str, Hypothesis]] = field(default_factory=dict)
    """Study -> the hypotheses that it registered."""
    used: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """Study, data set and cell -> key of the scores."""
    _families: dict[tuple[str, str, str, str, str], dict[str, Comparison]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name: dict[str, ResultTable] = {}
        for study in self.studies:
            self.by_name.setdefault(study.study.partition("-")[0], study)

    def study(self, name: str) -> ResultTable | None:
        """A study in the largest size that was published."""
        return self.by_name.get(name)

    @property
    def quick(self) -> list[str]:
        """Studies that are there in their quick size only."""
        return [study.study for study in self.by_name.values() if study.size == "quick"]

    def _quote(self, study: ResultTable, dataset: str, cell: str, metric: str, sampler: str = "") -> None:
        self.used[study.study, dataset, cell] = study.key(dataset, cell, metric, sampler)

    def has(self, name: str, dataset: str, cell: str, metric: str = ERROR) -> bool:
        """Whether a cell was measured."""
        study = self.study(name)
        return study is not None and bool(study.of(dataset, cell, metric))

    def datasets(self, name: str, metric: str = ERROR) -> list[str]:
        """Data sets of a study in which a metric was measured: the headline ones, then those with most cells."""
        study = self.study(name)
        count: dict[str, int] = {}
        for place in study.values if study else ():
            if place[4] == metric and place[2] and not place[3]:
                count[place[0]] = count.get(place[0], 0) + 1
        return sorted(count, key=lambda d: (HEADLINES.index(d) if d in HEADLINES else len(HEADLINES), -count[d], d))

    def cells(self, name: str, dataset: str, metric: str = ERROR, variants: bool = False) -> list[str]:
        """Cells, as method/schedule, of a data set in which a metric was measured, best first."""
        study = self.study(name)
        if study is None:
            return []
        means = {
            f"{method}/{schedule}": math.fsum(v.values()) / len(v)
            for (d, method, schedule, sampler, m), v in study.values.items()
            if d == dataset and m == metric and schedule and not sampler and v and (variants or not is_variant(method))
        }
        return sorted(means, key=lambda cell: means[cell])

    def schedules(self, name: str, dataset: str, method: str = "dsm") -> list[str]:
        """Schedules of a method on a data set, best first."""
        cells = (cell.partition("/") for cell in self.cells(name, dataset))
        return [schedule for m, _, schedule in cells if m == method]

    def mean(self, name: str, dataset: str, cell: str, metric: str = ERROR, sampler: str = "") -> str:
        """`mean ± half the width of Student's interval` over replicates."""
        study = self.study(name)
        level = interval(list(study.of(dataset, cell, metric, sampler).values())) if study else None
        if study is None or level is None:
            return ABSENT
        self._quote(study, dataset, cell, metric, sampler)
        return said(level)

    def floor(self, name: str, dataset: str, metric: str) -> str:
        """The truth measured against the truth."""
        study = self.study(name)
        level = interval(list(study.of(dataset, "truth/", metric).values())) if study else None
        if study is None or level is None:
            return ABSENT
        self._quote(study, dataset, "truth/", metric)
        return said(level)

    def compared(
        self, name: str, dataset: str, a: str, b: str, metric: str = ERROR, sampler: str = ""
    ) -> Comparison | None:
        """The metric of cell a against that of cell b, paired by replicate; None where one of them is missing.

        All cells that are compared with b on this data set, in this metric and under the same variant, are a family.
        """
        study = self.study(name)
        comparison = self._family(name, dataset, b, metric, sampler).get(a)
        if study is None or comparison is None:
            return None
        for cell in (a, b):
            self._quote(study, dataset, cell, metric, sampler)
        return comparison

    def _family(self, name: str, dataset: str, b: str, metric: str, sampler: str) -> dict[str, Comparison]:
        key = (name, dataset, b, metric, sampler)
        study = self.study(name)
        if key not in self._families and study is not None:
            label = variant_of(b.partition("/")[0])
            places = [
                p for p, v in study.values.items() if (p.dataset, p.sampler, p.metric) == (dataset, sampler, metric)
            ]
            cells = [f"{p.method}/{p.schedule}" for p in places if p.schedule and variant_of(p.method) == label]
            against = study.measured(dataset, b, metric, sampler)
            pairs = {c: (study.measured(dataset, c, metric, sampler), against) for c in cells if c != b}
            self._families[key] = compared(pairs, catalogue.metric(metric))
        return self._families.get(key, {})

    def measured(self, name: str, dataset: str, metric: str) -> bool:
        """Whether a metric was measured on a data set at all."""
        study = self.study(name)
        return study is not None and any(p[0] == dataset and p[4] == metric and v for p, v in study.values.items())

    def says(self, name: str, dataset: str, a: str, b: str, than: str, metric: str = ERROR) -> str:
        """What the comparison of two cells says, as a verb with its object."""
        comparison = self.compared(name, dataset, a, b, metric)
        return f"was not measured against {than}" if comparison is None else sentences.says(comparison, than)

    def best(self, name: str, dataset: str, cells: Sequence[str], metric: str = ERROR) -> Ranking | None:
        """The best of some cells, and the others against it, of those with a number in every replicate."""
        study = self.study(name)
        if study is None:
            return None
        measured = {cell: study.measured(dataset, cell, metric) for cell in cells}
        whole = max((len(one.values) for one in measured.values()), default=0)
        kept = {cell: one for cell, one in measured.items() if len(one.values) == whole}
        order = ranking(kept, catalogue.metric(metric))
        if order is not None:
            self._quote(study, dataset, order.best, metric)
        return order

    def best_schedule(self, name: str, dataset: str, cells: Sequence[str], order: Ranking) -> str:
        """A sentence on the best of the schedules of DSM, and what it is not told from."""
        near = sentences.no_difference([cell.partition("/")[2] for cell in order.tied], "")
        level = f"{self.mean(name, dataset, order.best)} nats"
        best = order.best.partition("/")[2]
        return sentences.best_of("schedules and weights for DSM", len(cells), best, level, near) + "."

    def hardest(self, name: str, dataset: str, cell: str) -> str | None:
        """Where D(sigma) of a cell is largest, in words."""
        study = self.study(name)
        curve = study.curve(dataset, cell, "D") if study else {}
        if study is None or not curve:
            return None
        self._quote(study, dataset, cell, "D")
        return sentences.hardest(curve)

    def score(self, name: str, datasets: Sequence[str], a: str, b: str, metric: str = ERROR) -> str | None:
        """On which data sets cell a has less error than b, more, or can't be told from it; None without any."""
        held = {d: one for d in datasets if (one := self.compared(name, d, a, b, metric)) is not None}
        return sentences.counted(held) if held else None

    def collapsed(self) -> Iterator[str]:
        """By study and data set: the cells that have runs that collapsed, and which."""
        for study in self.by_name.values():
            told: dict[str, list[str]] = {}
            cells = sorted({(p.dataset, f"{p.method}/{p.schedule}") for p in study.values if p.schedule})
            for dataset, cell in cells:
                if lost := sorted(study.collapsed(dataset, cell)):
                    of = max(len(study.of(dataset, cell, metric)) for metric in ERRORS)
                    told.setdefault(dataset, []).append(f"{cell}: {sentences.runs(lost, of)}")
            yield from (f"{study.study}, {dataset}: {'; '.join(each)}." for dataset, each in told.items())

    def never_far(self, name: str, datasets: Sequence[str], method: str) -> dict[str, float]:
        """Schedule -> its largest ratio of mean error to the best of a data set, of those that were tried on all of the
        data sets; smallest first."""
        study = self.study(name)
        worst: dict[str, float] = {}
        shared = [set(self.schedules(name, d, method)) for d in datasets]
        for schedule in sorted(set.intersection(*shared)) if study and all(shared) else ():
            ratios = []
            for d in datasets:
                best = self.schedules(name, d, method)[0]
                a, b = (study.of(d, f"{method}/{s}", ERROR) for s in (schedule, best)) if study else ({}, {})
                ratios.append((sum(a.values()) / len(a)) / (sum(b.values()) / len(b)))
            worst[schedule] = max(ratios)
        return dict(sorted(worst.items(), key=lambda item: item[1]))

    def winner(self, name: str, dataset: str) -> tuple[str, Comparison] | None:
        """The cell with the least error among those that take at most DSM's evaluations and are not told the score."""
        study, base = self.study(name), f"dsm/{LN}"
        if study is None or not self.has(name, dataset, base):
            return None

        def spent(cell: str) -> float:
            return study.spent.get((dataset, cell), math.inf)

        for cell in self.cells(name, dataset):
            if cell.partition("/")[0] not in TOLD and spent(cell) <= TOLERANCE * spent(base):
                ratio = self.compared(name, dataset, cell, base)
                return None if ratio is None else (cell, ratio)
        return None

    def pace(self, name: str, dataset: str, a: str, b: str) -> str:
        """How many times as long a step of `a` took as one of `b`: both were given the same time."""
        study = self.study(name)
        assert study is not None
        return self.number(study.steps[dataset, b] / study.steps[dataset, a])

    def microscope(self, dataset: str, method: str, metric: str, times: float = 1.0) -> dict[float, str]:
        """Noise level -> mean over networks of a number of the microscope, times a factor."""
        study = self.study("hybrid")
        curve = study.curve(dataset, method, metric) if study else {}
        if study is not None and curve:
            self.used[study.study, dataset, f"microscope of {method}"] = study.key(dataset, method, metric)
        return {sigma: number(times * point.mean, 2) for sigma, point in curve.items()}

    def extreme(self, dataset: str, method: str, metric: str, largest: bool = True) -> tuple[float, str] | None:
        """The noise level where a number of the microscope is largest (or smallest), and that number."""
        study = self.study("hybrid")
        curve = study.curve(dataset, method, metric) if study else {}
        if not curve:
            return None
        sigma = (max if largest else min)(curve, key=lambda s: curve[s].mean)
        return sigma, self.microscope(dataset, method, metric)[sigma]

    def learned(self, name: str, dataset: str, cell: str, what: str) -> dict[float, float]:
        """Noise level -> mean over replicates of what a cell learned; empty where it learned nothing of this name."""
        study, metric = self.study(name), f"learned.{what}"
        curve = study.curve(dataset, cell, metric) if study else {}
        if study is not None and curve:
            self.used[study.study, dataset, f"training of {cell}"] = study.key(dataset, cell, metric)
        return {sigma: point.mean for sigma, point in curve.items()}

    def hypotheses(self) -> list[Verdict]:
        """Verdicts on the hypotheses that the three studies registered: one family, whichever study tests them."""
        return sorted(
            verdicts([(study, self.registered.get(study.study, {})) for study in self.by_name.values()]),
            key=lambda verdict: (len(verdict.id), verdict.id),
        )

    def validity(self) -> list[Validity]:
        """How far diagnostics without truth order what is known."""
        return validity(list(self.by_name.values()))

    @property
    def diagnostics(self) -> dict[str, str]:
        """Names of the diagnostics -> what they are."""
        return DIAGNOSTICS

    def sources(self) -> Iterator[tuple[str, str, str, str]]:
        """Study, data set, cell and key of all that was quoted, in order."""
        for (study, dataset, cell), key in sorted(self.used.items()):
            yield study, dataset, cell.removesuffix("/"), key

    @staticmethod
    def number(value: float, digits: int = 2) -> str:
        """A value to some significant digits."""
        return number(value, digits)
