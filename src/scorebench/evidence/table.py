"""The long table of a study's results, looked up by cell: from its rows, or from the folder where it was published."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict

from scorebench.evidence.catalogue import COLLAPSED_RUNS, UNTRAINED
from scorebench.evidence.comparisons import COLLAPSED, Measured
from scorebench.parts import LOST

ERRORS = ("D_integral", "clean_error")
"""By which it is judged whether a run collapsed: the first that was measured."""


class Row(TypedDict):
    """A row of the long table: a value of a replicate, at a noise level or not; None where a name does not apply."""

    dataset: str
    method: str
    schedule: str | None
    replicate: int
    sampler: str | None
    metric: str
    sigma: float | None
    value: float | None
    status: str
    key: str | None


class Place(NamedTuple):
    """Where a number stands; empty where it has no method, schedule or sampler."""

    dataset: str
    method: str
    schedule: str
    sampler: str
    metric: str


@dataclass(frozen=True)
class Point:
    """A number at one noise level: its mean over n replicates, the standard error of that, lowest and highest value.

    se: None for one replicate; lowest, highest: None where only moments were published.
    """

    mean: float
    se: float | None
    n: int
    lowest: float | None = None
    highest: float | None = None


Curve = dict[float, Point]
"""Noise level -> point."""


@dataclass
class ResultTable:
    """All numbers of one study. `size` says whether its conclusions stand: `quick` ones do not."""

    study: str
    size: str = "standard"
    values: dict[Place, dict[int, float]] = field(default_factory=dict)
    """Replicate -> value, of those that came to their end."""
    curves: dict[Place, Curve] = field(default_factory=dict)
    seen: set[Place] = field(default_factory=set)
    """Where a number of a cell was measured that is not by noise level, whether or not it is finite."""
    keys: dict[Place, str] = field(default_factory=dict)
    """The key of the result that a number was taken from."""
    spent: dict[tuple[str, str], float] = field(default_factory=dict)
    """Data set and cell -> evaluations of the network in training, products with its Jacobian counted as one more."""
    steps: dict[tuple[str, str], int] = field(default_factory=dict)
    """Data set and cell -> steps of its training."""
    unfinished: tuple[str, ...] = ()
    """Cells that the study names and that were not finished."""

    def of(self, dataset: str, cell: str, metric: str, sampler: str = "") -> dict[int, float]:
        """Replicate -> value of a metric of a cell, named method/schedule; empty where there is none."""
        return self.values.get(Place(dataset, *_cell(cell), sampler, metric), {})

    def curve(self, dataset: str, cell: str, metric: str) -> Curve:
        """Noise level -> point; a cell of the microscope is named by its method alone."""
        return self.curves.get(Place(dataset, *_cell(cell), "", metric), {})

    def measured(self, dataset: str, cell: str, metric: str, sampler: str = "") -> Measured:
        """A metric of a cell, with the replicates whose training collapsed."""
        return Measured(self.of(dataset, cell, metric, sampler), self.collapsed(dataset, cell))

    def collapsed(self, dataset: str, cell: str) -> frozenset[int]:
        """Replicates of a cell that end with an error above 0.9 of the untrained network's."""
        for metric in ERRORS:
            values, start = self.of(dataset, cell, metric), self.of(dataset, cell, metric + UNTRAINED)
            if start:
                return frozenset(r for r in values.keys() & start.keys() if values[r] > COLLAPSED * start[r])
        return frozenset()

    def key(self, dataset: str, cell: str, metric: str, sampler: str = "") -> str:
        """The key of the result that a number was taken from."""
        return self.keys[Place(dataset, *_cell(cell), sampler, metric)]


def _cell(name: str) -> tuple[str, str]:
    method, _, schedule = name.partition("/")
    return method, schedule


def from_rows(rows: Iterable[Row], study: str, size: str = "standard") -> ResultTable:
    """The numbers of a study's long table, of which those of lost replicates do not count."""
    table = ResultTable(study, size)
    levels: dict[Place, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        value = row["value"]
        place = Place(row["dataset"], row["method"], row["schedule"] or "", row["sampler"] or "", row["metric"])
        if place.schedule and row["sigma"] is None:
            table.seen.add(place)
        if value is None or not math.isfinite(value) or row["status"] in LOST:
            continue
        table.keys[place] = row["key"] or ""
        if row["sigma"] is None:
            table.values.setdefault(place, {})[row["replicate"]] = value
        else:
            levels[place][row["sigma"]].append(value)
    for place, curve in levels.items():
        table.curves[place] = {sigma: point(values) for sigma, values in sorted(curve.items())}
    _tell_collapsed(table)
    return table


def _tell_collapsed(table: ResultTable) -> None:
    """Which runs collapsed, 1 or 0, as a metric of its own on data sets where any did: its mean is their share."""
    judged = {at: at._replace(metric=COLLAPSED_RUNS) for at in table.values if at.schedule and at.metric in ERRORS}
    lost = {at: table.collapsed(at.dataset, f"{at.method}/{at.schedule}") for at in judged}
    touched = {at.dataset for at, runs in lost.items() if runs}
    for at, told in judged.items():
        if at.dataset in touched:
            table.values[told] = {r: float(r in lost[at]) for r in table.values[at]}
            table.keys[told] = table.keys[at]
            table.seen.add(told)


def point(values: Sequence[float]) -> Point:
    """One number over its replicates."""
    n, mean = len(values), math.fsum(values) / len(values)
    se = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n) if n > 1 else None
    return Point(mean, se, n, min(values), max(values))


def from_folder(folder: Path) -> ResultTable:
    """What `scorebench publish` wrote: results.csv, scales.csv and about.json.

    Raises:
        FileNotFoundError: nothing was published there.
    """
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    table = ResultTable(about["study"], about["size"], unfinished=tuple(about.get("unfinished", ())))
    for at, cell in about.get("cells", {}).items():
        dataset, _, name = at.partition("/")
        table.spent[dataset, name] = cell["evaluations_and_products"]
        table.steps[dataset, name] = cell["steps"]
    for row in _csv(folder / "results.csv"):
        table.keys[_place(row)] = row["key"]
        listed = enumerate(row["values"].split())
        table.values[_place(row)] = {r: float(value) for r, value in listed if value != "-"}
        if row["schedule"]:
            table.seen.add(_place(row))
    for row in _csv(folder / "scales.csv"):
        place, n = _place(row), int(row["n"])
        table.keys[place] = row["key"]
        columns = [[None if v == "-" else float(v) for v in row[name].split()] for name in ("sigma", "mean", "se")]
        table.curves[place] = {
            sigma: Point(mean, se, n) for sigma, mean, se in zip(*columns, strict=True) if None not in (sigma, mean)
        }
    return table


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _place(row: Mapping[str, str]) -> Place:
    return Place(*(row[name] for name in Place._fields))


def published(folder: Path = Path("studies/results")) -> list[ResultTable]:
    """Everything that was published, the larger studies before their quick ones."""
    order = {"full": 0, "standard": 1, "quick": 2}
    tables = [from_folder(path.parent) for path in folder.glob("*/about.json")]
    return sorted(tables, key=lambda table: (order.get(table.size, 3), table.study))
