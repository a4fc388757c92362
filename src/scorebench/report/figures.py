"""What every figure of the page shows: one small function a figure, which gives its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scorebench.evidence.catalogue import UNTRAINED
from scorebench.evidence.intervals import interval
from scorebench.evidence.table import Curve
from scorebench.report.questions import combinations, singles
from scorebench.report.recommendation import Recommendation
from scorebench.report.results import Results, label
from scorebench.report.rows import (
    CellRow,
    CombinationRow,
    FloorRow,
    GradientRow,
    LearnedRow,
    LevelRow,
    Names,
    RangeRow,
    ScaleRow,
    SingleRow,
    StartRow,
    TrainingRow,
    band,
    column,
    short,
)

FEWEST, MOST, ALL = 12, 60, 25_000
"""Points of a training curve that are kept, and of all of them together."""

CURVES = {
    "score_error": "E w(σ) ‖s − s*‖² on validation points",
    "validation_dsm": "E w(σ) ‖s + ε/σ‖² / 2 on validation points",
    "loss": "training loss, to which every method adds a constant of its own",
}
"""Training curves and what they show, in the order in which they are offered."""

LEARNED = {
    "lambda": "λ(σ), the weight on SSM-VR",
    "u": "u(σ), the logarithm of the expected loss; the weight is divided by its exponential",
    "mass": "share of the training's noise levels in each bin of ln σ",
    "variance_ratio": "variance of a mirrored pair's gradient over that of two independent samples",
    "mirrored": "share of replicates that draw mirrored pairs",
}
"""What methods and schedules learn as functions of sigma, in words; a name that is not here stands for itself."""

GRADIENTS = {
    "gradient_ratio": "variance of a gradient over that of DSM's",
    "gradient_variance": "variance of a gradient",
    "gradient_correlation": "correlation of a gradient with DSM's",
    "best_weight": "weight on the method with which its mix with DSM varies least",
    "mix_gain": "how many times less that mix varies than the better of the two",
}
PHASES = {"end": "at the end of training", "early": "early in training", "start": "at the start"}


def cells(names: Names) -> Iterator[CellRow]:
    """All cells that have numbers."""
    for dataset, method, schedule in names.cells:
        yield CellRow(names.datasets.index(dataset), names.methods.index(method), names.schedules.index(schedule))


def levels(results: Results, names: Names) -> Iterator[LevelRow]:
    """Every metric of every cell, and how it stands against the best of its table."""
    for dataset in results.datasets:
        for name in results.metrics(dataset):
            columns = results.columns(dataset, name)
            order = results.ranking(dataset, name, columns)
            for place in columns:
                for method in results.methods(dataset):
                    level = interval(list(results.values(dataset, method, place, name).values()))
                    cell = names.cell.get((dataset, method, place[0]))
                    if level is None or cell is None:
                        continue
                    key, mark = label(method, place), None
                    if order is not None and (key == order.best or key in order.behind):
                        mark = 2 if key == order.best else int(key in order.tied)
                    at = (cell, names.sampler(place[1]), names.metric[name])
                    yield LevelRow(*at, short(level.mean), short(level.half), level.n, mark)


def floors(results: Results, names: Names) -> Iterator[FloorRow]:
    """The truth against the truth, by every metric that it has."""
    for i, dataset in enumerate(names.datasets):
        for name in results.metrics(dataset):
            if (level := interval(list(results.floor(dataset, name).values()))) is not None:
                yield FloorRow(i, names.metric[name], short(level.mean), short(level.half))


def scales(results: Results, names: Names) -> Iterator[ScaleRow]:
    """D(sigma) of all cells."""
    for i, cell in enumerate(names.cells):
        if curve := results.curve(*cell):
            yield ScaleRow(i, band(curve, names))


def starts(results: Results, names: Names) -> Iterator[StartRow]:
    """D(sigma) of untrained networks; the same curve once."""
    for i, dataset in enumerate(names.datasets):
        seen: list[StartRow] = []
        for at, curve in results.table.curves.items():
            if at.dataset == dataset and at.metric == f"D{UNTRAINED}" and len(curve) > 1:
                x = sorted(curve)
                row = StartRow(i, column(x), column(curve[sigma].mean for sigma in x))
                if row not in seen:
                    seen.append(row)
                    yield row


def training(written: Sequence[Mapping[str, Curve]], names: Names) -> Iterator[TrainingRow]:
    """The curves that trainings wrote down, of as many points as a page bears."""
    most = max(FEWEST, min(MOST, ALL // max(1, len(written) * len(CURVES))))
    for i, curves in enumerate(written):
        for k, name in enumerate(CURVES):
            if curve := curves.get(name):
                steps = sorted(curve)
                every = -(-len(steps) // most)
                kept = sorted({*steps[::every], steps[-1]})
                yield TrainingRow(i, k, band({step: curve[step] for step in kept}, names))


def learned(written: Sequence[Mapping[str, Curve]], names: Names) -> Iterator[LearnedRow]:
    """What was learned beside networks, by noise level; of decisions the mean alone, for yes and no have no ends."""
    for i, curves in enumerate(written):
        for metric, curve in curves.items():
            if metric.startswith("learned."):
                name = metric.removeprefix("learned.")
                shown = band(curve, names)
                if all(value in (0, 1) for p in curve.values() for value in (p.lowest, p.highest)):
                    shown = shown._replace(low=None, high=None)
                yield LearnedRow(i, LEARNED.get(name, name), shown)


def gradients(results: Results, names: Names) -> Iterator[GradientRow]:
    """The numbers of the microscope."""
    for phase, when in PHASES.items():
        for name, words in GRADIENTS.items():
            for at, curve in results.table.curves.items():
                if not at.schedule and at.metric == f"{name}@{phase}":
                    dataset = names.datasets.index(at.dataset)
                    yield GradientRow(dataset, at.method, f"{words}, {when}", band(curve, names))


def single_levels(results: Results, names: Names) -> Iterator[SingleRow]:
    """Cells of one noise level of plain DSM."""
    for dataset, method, schedule, sigma in singles(results):
        yield SingleRow(names.cell[dataset, method, schedule], short(sigma))


def combined(results: Results, names: Names) -> Iterator[CombinationRow]:
    """Every combined method over every one of its parts."""
    for row in (row for dataset in results.datasets for row in combinations(results, dataset)):
        cell, part = names.cell[row.dataset, row.method, row.schedule], names.methods.index(row.part)
        yield CombinationRow(
            cell, part, *map(short, (row.comparison.estimate, row.comparison.low, row.comparison.high))
        )


def ranges(advice: Mapping[str, Recommendation], names: Names) -> Iterator[RangeRow]:
    """Noise levels that are advised, and those that the study's schedules have."""
    for dataset, advised in advice.items():
        for row in advised.ranges:
            schedule = None if row.schedule is None else names.schedules.index(row.schedule)
            yield RangeRow(names.datasets.index(dataset), schedule, short(row.low), short(row.high), row.best)
