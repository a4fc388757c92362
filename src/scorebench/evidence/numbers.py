"""The numbers of a study as hypotheses and answers look them up: from its long table, or as they were published."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOST = ("diverged", "failed")
Place = tuple[str, str, str, str, str]
"""Data set, method, schedule, sampler, metric; empty where a number has none."""


@dataclass(frozen=True)
class Point:
    """A number at one noise level: its mean over n replicates and the standard error of that."""

    mean: float
    se: float | None
    n: int


@dataclass
class Numbers:
    """All numbers of one study. `size` says whether its conclusions stand: `quick` ones do not."""

    study: str
    size: str = "standard"
    values: dict[Place, dict[int, float]] = field(default_factory=dict)
    """Replicate -> value, of those that came to their end."""
    curves: dict[Place, dict[float, Point]] = field(default_factory=dict)
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
        return self.values.get((dataset, *_cell(cell), sampler, metric), {})

    def curve(self, dataset: str, cell: str, metric: str) -> dict[float, Point]:
        """Noise level -> point; a cell of the microscope is named by its method alone."""
        return self.curves.get((dataset, *_cell(cell), "", metric), {})

    def key(self, dataset: str, cell: str, metric: str, sampler: str = "") -> str:
        """The key of the result that a number was taken from."""
        return self.keys[dataset, *_cell(cell), sampler, metric]


def _cell(name: str) -> tuple[str, str]:
    method, _, schedule = name.partition("/")
    return method, schedule


def from_rows(rows: Iterable[Mapping[str, Any]], study: str, size: str = "standard") -> Numbers:
    """The numbers of a study's long table, rows as dicts."""
    numbers = Numbers(study, size)
    groups: dict[Place, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        value = row["value"]
        if value is None or not math.isfinite(value) or row["status"] in LOST:
            continue
        place = (
            row["dataset"], row["method"] or "", row["schedule"] or "", row["sampler"] or "", row["metric"],
        )  # fmt: skip
        numbers.keys[place] = row["key"] or ""
        if row["sigma"] is None:
            numbers.values.setdefault(place, {})[row["replicate"]] = value
        else:
            groups[place][row["sigma"]].append(value)
    for place, levels in groups.items():
        numbers.curves[place] = {sigma: _point(values) for sigma, values in sorted(levels.items())}
    return numbers


def _point(values: list[float]) -> Point:
    n, mean = len(values), math.fsum(values) / len(values)
    if n < 2:
        return Point(mean, None, n)
    return Point(mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n), n)


def from_folder(folder: Path) -> Numbers:
    """What `scorebench publish` wrote: results.csv, scales.csv and about.json.

    Raises:
        FileNotFoundError: nothing was published there.
    """
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    numbers = Numbers(about["study"], about["size"], unfinished=tuple(about.get("unfinished", ())))
    for at, cell in about.get("cells", {}).items():
        dataset, _, name = at.partition("/")
        numbers.spent[dataset, name] = cell["evaluations_and_products"]
        numbers.steps[dataset, name] = cell["steps"]
    for row in _csv(folder / "results.csv"):
        numbers.keys[_place(row)] = row["key"]
        listed = enumerate(row["values"].split())
        numbers.values[_place(row)] = {r: float(value) for r, value in listed if value != "-"}
    for row in _csv(folder / "scales.csv"):
        place, n = _place(row), int(row["n"])
        numbers.keys[place] = row["key"]
        columns = [[None if v == "-" else float(v) for v in row[name].split()] for name in ("sigma", "mean", "se")]
        numbers.curves[place] = {
            sigma: Point(mean, se, n) for sigma, mean, se in zip(*columns, strict=True) if None not in (sigma, mean)
        }
    return numbers


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _place(row: Mapping[str, str]) -> Place:
    return row["dataset"], row["method"], row["schedule"], row["sampler"], row["metric"]


def published(folder: Path = Path("studies/results")) -> list[Numbers]:
    """Everything that was published, the larger studies before their quick ones."""
    order = {"full": 0, "standard": 1, "quick": 2}
    found = [from_folder(path.parent) for path in folder.glob("*/about.json")]
    return sorted(found, key=lambda numbers: (order.get(numbers.size, 3), numbers.study))
