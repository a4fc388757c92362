"""The numbers of a study, looked up by cell, and what is known of a cell without any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import InitVar, dataclass
from typing import Any

from scorebench import parts
from scorebench.evidence.catalogue import COSTS, UNTRAINED, metric, ordered
from scorebench.evidence.comparisons import Measured, Ranking, ranking
from scorebench.evidence.intervals import Values
from scorebench.evidence.table import Curve, Place, Row, from_rows
from scorebench.parts import LOST
from scorebench.specs.report import ReportSpec
from scorebench.specs.train import TrainFacts
from scorebench.study.schema import Method, Params

TRUTH = "truth"
Column = tuple[str, str]
"""Schedule and sampler; the sampler is empty for metrics of the score."""


def label(method: str, column: Column) -> str:
    """The name of a contender: method, schedule and sampler."""
    return f"{method}|{column[0]}|{column[1]}"


@dataclass(frozen=True)
class Outcome:
    """How a cell went: `done`, `diverged` (every replicate, or failed), `partly`, `not applicable` or `absent`.

    why: the reasons. short: a few words for a table.
    """

    kind: str
    why: str = ""
    short: str = ""


@dataclass
class Results:
    """The long table of a study , its spec and how every training went, by place."""

    spec: ReportSpec
    rows: InitVar[list[Row]]
    trained: dict[str, TrainFacts]

    def __post_init__(self, rows: list[Row]) -> None:
        self.params = Params.model_validate(self.spec.params)
        self.table = from_rows(rows, self.spec.study, self.params.size)
        self.replicates = self.params.replicates
        self.cells = {(c.dataset, c.method, c.schedule): c.reason for c in self.spec.cells}

    def _listed(self, section: Iterable[str], place: int, dataset: str | None) -> list[str]:
        here = {cell[place] for cell in self.cells if dataset in (None, cell[0])}
        return [name for name in section if name in here]

    @property
    def datasets(self) -> list[str]:
        """Data sets in the order of the study."""
        return self._listed(self.params.datasets, 0, None)

    def methods(self, dataset: str | None = None) -> list[str]:
        """Methods in the order of the study."""
        return self._listed(self.params.methods, 1, dataset)

    def schedules(self, dataset: str | None = None) -> list[str]:
        """Schedules in the order of the study."""
        return self._listed(self.params.schedules, 2, dataset)

    def oracle(self, method: str) -> bool:
        """Whether a method is told the exact score, so that it shows what can be reached and wins nothing."""
        return bool(parts.find("objective", self.params.methods[method].objective).requires_target)

    def variant(self, method: str) -> bool:
        """Whether a method stands there for a comparison of settings only (`robustness`), so that it wins nothing."""
        labels = self.params.robustness
        return any(method == f"{name}-{label}" for label, each in labels.items() for name in each.methods)

    def comparable(self, method: str, part: str) -> bool:
        """Whether two methods differ in the objective alone: same network, streams, steps and budget.

        The method that a budget is measured by stands for itself at every budget.
        """
        every = self.params.budgets is not None and part == self.params.budgets.reference

        def settings(of: Method) -> tuple[object, ...]:
            steps = of.training.steps if every or of.budget == "steps" else None
            return of.network, of.seed, steps, None if every else of.budget

        return settings(self.params.methods[method]) == settings(self.params.methods[part])

    def outcome(self, dataset: str, method: str, schedule: str) -> Outcome:
        """How a cell went."""
        cell = (dataset, method, schedule)
        if cell not in self.cells:
            return Outcome("absent", "not in this study")
        if self.cells[cell] is not None:
            return Outcome("not applicable", self.cells[cell] or "")
        facts = self.trained["/".join(cell)]
        lost = [r for r, status in enumerate(facts.status) if status in LOST]
        if not lost:
            return Outcome("done")
        ends: dict[str, list[int]] = {}
        for r in lost:
            ends.setdefault(f"{facts.status[r]}|{facts.reasons[r]}", []).append(r)
        whys, shorts = [], []
        for end, replicates in ends.items():
            status, _, reason = end.partition("|")
            at = f"{status} at step {', '.join(str(facts.ended_at[r]) for r in replicates)}"
            whys.append(f"{len(replicates)} of {len(facts.status)} replicates {at}: {reason}")
            shorts.append(at)
        kind = "diverged" if len(lost) == len(facts.status) else "partly"
        return Outcome(kind, "; ".join(whys), "; ".join(shorts))

    def values(self, dataset: str, method: str, column: Column, name: str) -> Values:
        """Replicate -> value of a scalar metric, of replicates that trained to the end."""
        return self.table.values.get(Place(dataset, method, *column, name), {})

    def measured(self, dataset: str, method: str, column: Column, name: str) -> Measured:
        """The same, with the replicates whose training collapsed."""
        return Measured(self.values(dataset, method, column, name), self.collapsed(dataset, method, column[0]))

    def collapsed(self, dataset: str, method: str, schedule: str) -> frozenset[int]:
        """Replicates of a cell whose error stayed above 0.9 of the untrained network's."""
        return self.table.collapsed(dataset, f"{method}/{schedule}")

    def curve(self, dataset: str, method: str, schedule: str, name: str = "D") -> Curve:
        """Noise level -> point, of the scores of a cell."""
        return self.table.curves.get(Place(dataset, method, schedule, "", name), {})

    def floor(self, dataset: str, name: str) -> Values:
        """Replicate -> value of the truth measured against the truth."""
        return self.table.values.get(Place(dataset, TRUTH, "", "", name), {})

    def metrics(self, dataset: str) -> list[str]:
        """Scalar metrics of a data set, the main one first, costs last, those of untrained networks left out."""
        seen = (at.metric for at in self.table.seen if at.dataset == dataset)
        names = {name for name in seen if not name.endswith(UNTRAINED)}
        main = self.main(dataset)
        return sorted(ordered(names), key=lambda name: main is None or name != main[0])

    def columns(self, dataset: str, name: str) -> list[Column]:
        """Schedules, or schedules and samplers, in which a metric was measured."""
        there = {(at.schedule, at.sampler) for at in self.table.seen if at.dataset == dataset and at.metric == name}
        schedules, samplers = list(self.params.schedules), ["", *self.params.samplers]
        return sorted(there, key=lambda c: (schedules.index(c[0]), samplers.index(c[1])))

    def main(self, dataset: str) -> tuple[str, str] | None:
        """The main metric of a data set and its sampler, which is empty for one of the score.

        The score error over all scales; without it (unknown score) the sliced Wasserstein distance of samples by
        the probability flow, or by the sampler that most cells have; without samples the error on clean data.
        """
        there = {at.metric for at in self.table.seen if at.dataset == dataset and not at.sampler}
        if "D_integral" in there:
            return "D_integral", ""
        if not self.known_score(dataset) and (sampler := self.sampler(dataset)):
            return "sliced_wasserstein", sampler
        return ("clean_error", "") if "clean_error" in there else None

    def known_score(self, dataset: str) -> bool:
        """Whether scores were compared with exact ones."""
        return any(at.dataset == dataset and at.metric == "clean_error" for at in self.table.seen)

    def sampler(self, dataset: str) -> str | None:
        """The sampler of headlines: the probability flow, or the one that most cells of a data set have."""
        seen = [at for at in self.table.seen if at.dataset == dataset and at.metric == "sliced_wasserstein"]
        counts = Counter(at.sampler for at in seen)
        flow = [name for name in counts if self.params.samplers[name].sampler == "probability_flow"]
        listed = [name for name in self.params.samplers if name in (flow or counts)]
        return max(listed, key=lambda name: counts[name]) if listed else None

    def contenders(self, dataset: str, name: str, columns: list[Column]) -> dict[str, tuple[str, Column]]:
        """Label -> method and column of all that may win: complete in every replicate, no oracle and no variant."""
        return {
            label(method, column): (method, column)
            for column in columns
            for method in self.methods(dataset)
            if not self.oracle(method)
            and not self.variant(method)
            and len(self.values(dataset, method, column, name)) == self.replicates
        }

    def ranking(self, dataset: str, name: str, columns: list[Column]) -> Ranking | None:
        """Who is best by a metric among the methods in these columns; labels as `contenders` gives them."""
        if metric(name).best is None:
            return None
        contenders = self.contenders(dataset, name, columns)
        return ranking({key: self.measured(dataset, *where, name) for key, where in contenders.items()}, metric(name))

    def summary(self) -> dict[str, Any]:
        """Means over replicates, data set -> schedule -> method -> metric (`metric@sampler`), without costs."""
        nested: dict[str, Any] = {}
        for (dataset, method, schedule, sampler, name), values in sorted(self.table.values.items()):
            if schedule and values and name not in COSTS and not name.endswith(UNTRAINED):
                place = nested.setdefault(dataset, {}).setdefault(schedule, {}).setdefault(method, {})
                place[f"{name}@{sampler}" if sampler else name] = sum(values.values()) / len(values)
        return nested
