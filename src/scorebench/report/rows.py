"""The kinds of rows behind the figures of the page, whose fields scripts read by their names.

Names of data sets, methods and the like are places in the lists of `Names`, so that each stands in the page once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scorebench.evidence.table import Curve

DIGITS = 4
"""Of the points of curves: as many as can be seen. Other numbers have six."""
Number = float | None
Numbers = list[Number]


@dataclass
class Names:
    """The lists that rows refer to by place."""

    datasets: list[str]
    methods: list[str]
    schedules: list[str]
    samplers: list[str]
    metrics: list[str]
    cells: list[tuple[str, str, str]]
    grids: dict[tuple[float, ...], int] = field(default_factory=dict)
    """Noise levels or steps that curves share -> their place."""

    def __post_init__(self) -> None:
        self.cell = {cell: i for i, cell in enumerate(self.cells)}
        self.metric = {name: i for i, name in enumerate(self.metrics)}

    def sampler(self, name: str) -> int | None:
        """The place of a sampler, None for no sampler."""
        return self.samplers.index(name) if name else None


class CellRow(NamedTuple):
    """A data set, a method and a schedule."""

    dataset: int
    method: int
    schedule: int


class LevelRow(NamedTuple):
    """A metric of a cell with half its interval. mark: 2 best, 1 no difference to the best found, 0 behind, None where
    it can't win.
    """

    cell: int
    sampler: int | None
    metric: int
    mean: Number
    half: Number
    replicates: int
    mark: int | None


class FloorRow(NamedTuple):
    """The truth measured against the truth."""

    dataset: int
    metric: int
    mean: Number
    half: Number


class Band(NamedTuple):
    """A curve over a grid: mean, lowest and highest value over replicates; no ends where there is one replicate."""

    grid: int
    mean: Numbers
    low: Numbers | None
    high: Numbers | None


class ScaleRow(NamedTuple):
    """D(sigma) of a cell."""

    cell: int
    band: Band


class StartRow(NamedTuple):
    """D(sigma) of untrained networks."""

    dataset: int
    x: Numbers
    mean: Numbers


class TrainingRow(NamedTuple):
    """A training curve of a cell; curve: its place in CURVES."""

    cell: int
    curve: int
    band: Band


class LearnedRow(NamedTuple):
    """What a cell learned beside the network, in words."""

    cell: int
    words: str
    band: Band


class GradientRow(NamedTuple):
    """A number of the microscope, in words."""

    dataset: int
    method: str
    words: str
    band: Band


class SingleRow(NamedTuple):
    """A cell of one noise level."""

    cell: int
    sigma: Number


class CombinationRow(NamedTuple):
    """The error of a cell over that of a method that its own combines."""

    cell: int
    part: int
    ratio: Number
    low: Number
    high: Number


class RangeRow(NamedTuple):
    """Noise levels of a schedule, or, without one, of the advice."""

    dataset: int
    schedule: int | None
    low: Number
    high: Number
    best: bool


Row = (
    CellRow | LevelRow | FloorRow | ScaleRow | StartRow | TrainingRow | LearnedRow | GradientRow | SingleRow
    | CombinationRow | RangeRow
)  # fmt: skip


def packed(rows: Iterable[Row]) -> dict[str, Any]:
    """Rows of one kind with the names of their fields once; a band's fields stand among the others."""
    listed = list(rows)
    if not listed:
        return {"names": [], "rows": []}
    names = [each for name in listed[0]._fields for each in (Band._fields if name == "band" else (name,))]
    flat = [[each for value in row for each in (value if isinstance(value, Band) else (value,))] for row in listed]
    return {"names": names, "rows": flat}


def short(value: float | None, digits: int = 6) -> Number:
    """A number of some digits; None for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{digits}g}")


def column(values: Iterable[float | None]) -> Numbers:
    """Points of a curve, of as many digits as can be seen."""
    return [short(value, DIGITS) for value in values]


def band(curve: Curve, names: Names) -> Band:
    """A curve whose x stands among the grids, of which most curves share a few."""
    x = tuple(sorted(curve))
    points = [curve[at] for at in x]
    several = any(p.n > 1 for p in points)
    low, high = (column(p.lowest for p in points), column(p.highest for p in points)) if several else (None, None)
    return Band(names.grids.setdefault(x, len(names.grids)), column(p.mean for p in points), low, high)
