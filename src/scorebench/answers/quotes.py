"""What the page of answers can quote: numbers with intervals, comparisons in words, and where each comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scorebench.evidence.numbers import Numbers
from scorebench.evidence.statistics import estimate, number, said, standing
from scorebench.evidence.testing import Tested, against, log_ratios
from scorebench.evidence.validity import DIAGNOSTICS, Validity, validity
from scorebench.evidence.verdicts import Verdict, verdicts
from scorebench.study.hypotheses import Hypothesis

ERROR, EXCESS = "D_integral", "excess_loss_integral"
ABSENT = "not measured"
LN = "log_uniform"
HEADLINES = ("ring8", "mixture10")
TOLD = ("esm", "tsm")
"""Methods that are told an exact score."""
SHARED = ("-evaluations", "-time")
TOLERANCE = 1.1
"""Evaluations that count as equal: trials of methods that learn are counted too."""


@dataclass(frozen=True)
class Ratio:
    """The error of one cell over that of another, with its interval over paired replicates."""

    tested: Tested

    def __str__(self) -> str:
        t = self.tested
        interval = "" if t.low is None or t.high is None else f" [{_short(t.low)}, {_short(t.high)}]"
        return f"{_short(t.estimate)}{interval}"

    @property
    def value(self) -> float:
        """The geometric mean."""
        return self.tested.estimate

    @property
    def better(self) -> bool:
        """Whether the first cell has less error."""
        return self.value < 1

    @property
    def sure(self) -> bool:
        """Whether both intervals, the bootstrap's and Student's, leave 1 out."""
        t = self.tested
        ends = (t.low, t.high, t.t_low, t.t_high)
        if None in ends:
            return False
        low, high, t_low, t_high = (end for end in ends if end is not None)
        return max(high, t_high) < 1 or min(low, t_low) > 1

    def says(self, than: str) -> str:
        """`has 12 % less error than DSM (ratio ...)`, or that it can't be told from it: a verb with its object."""
        if not self.sure:
            return f"can't be told from {than} (ratio {self})"
        if self.value < 1:
            return f"has {100 * (1 - self.value):.0f} % less error than {than} (ratio {self})"
        if self.value < 2:
            return f"has {100 * (self.value - 1):.0f} % more error than {than} (ratio {self})"
        return f"has {number(self.value, 2)} times the error of {than} (ratio {self})"


@dataclass(frozen=True)
class Difference:
    """The error of one cell less that of another, in nats, with its interval over paired replicates."""

    tested: Tested

    def __str__(self) -> str:
        t = self.tested
        interval = "" if t.low is None or t.high is None else f" [{t.low:+.2f}, {t.high:+.2f}]"
        return f"{t.estimate:+.2f}{interval}"

    @property
    def better(self) -> bool:
        """Whether the first cell has less error."""
        return self.tested.estimate < 0

    @property
    def sure(self) -> bool:
        """Whether both intervals leave 0 out."""
        t = self.tested
        ends = [end for end in (t.low, t.high, t.t_low, t.t_high) if end is not None]
        return len(ends) == 4 and (max(ends) < 0 or min(ends) > 0)


def is_variant(method: str) -> bool:
    """Whether a method is one of the variants that a referee would ask for."""
    return "-" in method and not method.endswith(SHARED)


def _short(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 10 else number(value, 2)


@dataclass
class Quotes:
    """The published studies, by name, each in its largest size; every number that is quoted is kept with its key."""

    studies: Sequence[Numbers]
    registered: Mapping[str, Mapping[str, Hypothesis]] = field(default_factory=dict)
    """Study -> the hypotheses that it registered."""
    used: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """Study, data set and cell -> key of the scores."""

    def __post_init__(self) -> None:
        self.by_name: dict[str, Numbers] = {}
        for study in self.studies:
            self.by_name.setdefault(study.study.partition("-")[0], study)

    def study(self, name: str) -> Numbers | None:
        """A study in the largest size that was published."""
        return self.by_name.get(name)

    @property
    def quick(self) -> list[str]:
        """Studies that are there in their quick size only."""
        return [study.study for study in self.by_name.values() if study.size == "quick"]

    def _quote(self, study: Numbers, dataset: str, cell: str, metric: str, sampler: str = "") -> None:
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
        found = {
            f"{method}/{schedule}": math.fsum(v.values()) / len(v)
            for (d, method, schedule, sampler, m), v in study.values.items()
            if d == dataset and m == metric and schedule and not sampler and v and (variants or not is_variant(method))
        }
        return sorted(found, key=lambda cell: found[cell])

    def schedules(self, name: str, dataset: str, method: str = "dsm") -> list[str]:
        """Schedules of a method on a data set, best first."""
        cells = (cell.partition("/") for cell in self.cells(name, dataset))
        return [schedule for m, _, schedule in cells if m == method]

    def mean(self, name: str, dataset: str, cell: str, metric: str = ERROR, sampler: str = "") -> str:
        """`mean ± half the width of Student's interval` over replicates."""
        study = self.study(name)
        found = estimate(list(study.of(dataset, cell, metric, sampler).values())) if study else None
        if study is None or found is None:
            return ABSENT
        self._quote(study, dataset, cell, metric, sampler)
        return said(found)

    def floor(self, name: str, dataset: str, metric: str) -> str:
        """The truth measured against the truth."""
        study = self.study(name)
        found = estimate(list(study.of(dataset, "truth/", metric).values())) if study else None
        if study is None or found is None:
            return ABSENT
        self._quote(study, dataset, "truth/", metric)
        return said(found)

    def ratio(self, name: str, dataset: str, a: str, b: str, metric: str = ERROR, sampler: str = "") -> Ratio | None:
        """The metric of cell a over that of cell b, paired by replicate; None where one of them is missing."""
        study = self.study(name)
        if study is None:
            return None
        logs = log_ratios(study.of(dataset, a, metric, sampler), study.of(dataset, b, metric, sampler))
        if not logs:
            return None
        for cell in (a, b):
            self._quote(study, dataset, cell, metric, sampler)
        return Ratio(against(logs, 1.0, logarithms=True))

    def difference(self, name: str, dataset: str, a: str, b: str, metric: str) -> Difference | None:
        """The metric of cell a less that of cell b, paired by replicate; None where one of them is missing."""
        study = self.study(name)
        x, y = (study.of(dataset, cell, metric) for cell in (a, b)) if study else ({}, {})
        values = [x[r] - y[r] for r in sorted(x.keys() & y.keys())]
        if study is None or not values:
            return None
        for cell in (a, b):
            self._quote(study, dataset, cell, metric)
        return Difference(against(values, 0.0))

    def measured(self, name: str, dataset: str, metric: str) -> bool:
        """Whether a metric was measured on a data set at all."""
        study = self.study(name)
        return study is not None and any(p[0] == dataset and p[4] == metric and v for p, v in study.values.items())

    def says(self, name: str, dataset: str, a: str, b: str, than: str, metric: str = ERROR) -> str:
        """`Ratio.says`, or that it was not measured."""
        found = self.ratio(name, dataset, a, b, metric)
        return f"was not measured against {than}" if found is None else found.says(than)

    def best(self, name: str, dataset: str, cells: Sequence[str], metric: str = ERROR) -> tuple[str, list[str]] | None:
        """The cell with the lowest mean, and those whose paired difference to it has an interval that holds 0."""
        study = self.study(name)
        values = {cell: study.of(dataset, cell, metric) for cell in cells} if study else {}
        values = {cell: v for cell, v in values.items() if v}
        whole = max((len(v) for v in values.values()), default=0)
        found = standing({cell: v for cell, v in values.items() if len(v) == whole}, lambda value: value)
        if study is None or found is None:
            return None
        self._quote(study, dataset, found.best, metric)
        return found.best, found.tied

    def hardest(self, name: str, dataset: str, cell: str) -> tuple[float, float, bool] | None:
        """Where D(sigma) of a cell is largest, how large, and whether that is the smallest sigma."""
        study = self.study(name)
        curve = study.curve(dataset, cell, "D") if study else {}
        if study is None or not curve:
            return None
        self._quote(study, dataset, cell, "D")
        sigma = max(curve, key=lambda s: curve[s].mean)
        return sigma, curve[sigma].mean, sigma == min(curve)

    def score(self, name: str, datasets: Sequence[str], a: str, b: str, excess: bool = False) -> str | None:
        """On which data sets cell a has less error than b, more, or can't be told from it; None without any.

        excess: by differences of the excess loss, where no exact score is known.
        """
        found: dict[str, Ratio | Difference] = {}
        for d in datasets:
            one = self.difference(name, d, a, b, EXCESS) if excess else self.ratio(name, d, a, b)
            if one is not None:
                found[d] = one
        if not found:
            return None
        said = []
        for words, held in (
            ("less error than", [d for d, r in found.items() if r.sure and r.better]),
            ("more error than", [d for d, r in found.items() if r.sure and not r.better]),
            ("an error that can't be told from that of", [d for d, r in found.items() if not r.sure]),
        ):
            if held:
                said.append(f"{words} {{0}} on {' and '.join(held)}")
        return ", ".join(said)

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

    def winner(self, name: str, dataset: str) -> tuple[str, Ratio] | None:
        """The cell with the least error among those that take at most DSM's evaluations and are not told the score."""
        study, base = self.study(name), f"dsm/{LN}"
        if study is None or not self.has(name, dataset, base):
            return None

        def spent(cell: str) -> float:
            return study.spent.get((dataset, cell), math.inf)

        for cell in self.cells(name, dataset):
            if cell.partition("/")[0] not in TOLD and spent(cell) <= TOLERANCE * spent(base):
                ratio = self.ratio(name, dataset, cell, base)
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
