"""The numbers behind the charts of the page, as one compact JSON value: names once, then rows of numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from scorebench import storage
from scorebench.evidence.catalogue import UNTRAINED, metric
from scorebench.evidence.intervals import Interval, interval
from scorebench.evidence.table import Curve, point
from scorebench.report.questions import combinations, denoising, singles
from scorebench.report.recommendation import Recommendation
from scorebench.report.results import Column, Results, label

DIGITS = 4
"""Of the points of curves: as many as can be seen. Other numbers have six."""
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


def embedded(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def book(results: Results, trained: dict[str, Path], advice: Mapping[str, Recommendation]) -> dict[str, Any]:
    """Everything that the charts draw; `trained` are the folders of training by place."""
    datasets, methods, schedules = results.datasets, results.methods(), results.schedules()
    samplers = list(results.params["samplers"])
    names = sorted({name for dataset in datasets for name in results.metrics(dataset)})
    place = {name: i for i, name in enumerate(names)}
    cells = [cell for cell in _cells(results) if results.outcome(*cell).kind in ("done", "partly")]
    index = {cell: i for i, cell in enumerate(cells)}
    grids: dict[tuple[float, ...], int] = {}
    mains = {dataset: results.main(dataset) for dataset in datasets}
    written = [_written(trained.get("/".join(cell))) for cell in cells]
    return {
        "study": results.spec["study"],
        "replicates": results.replicates,
        "datasets": datasets,
        "main": [[place[m[0]], samplers.index(m[1]) if m[1] else -1] if (m := mains[d]) else None for d in datasets],
        "methods": methods,
        "oracles": [methods.index(method) for method in methods if results.oracle(method)],
        "schedules": schedules,
        "samplers": samplers,
        "metrics": [
            {"name": m.name, "label": m.label, "unit": m.unit, "best": m.best, "good": m.good}
            for m in map(metric, names)
        ],
        "cells": [[datasets.index(d), methods.index(m), schedules.index(s)] for d, m, s in cells],
        "levels": [row for dataset in datasets for row in _levels(results, dataset, place, samplers, index)],
        "floors": [
            [datasets.index(dataset), place[name], *_interval(level)]
            for dataset in datasets
            for name in results.metrics(dataset)
            if (level := interval(list(results.floor(dataset, name).values()))) is not None
        ],
        "scales": [[index[cell], *_shared(curve, grids)] for cell in cells if (curve := results.curve(*cell))],
        "starts": list(_starts(results)),
        "curves": [{"name": name, "label": label} for name, label in CURVES.items()],
        "training": list(_training(written, grids)),
        "learned": list(_learned(written, grids)),
        "denoising": [denoising(results, dataset) for dataset in datasets],
        "singles": [[datasets.index(d), index[d, m, s], _short(x)] for d, m, s, x in singles(results)],
        "combinations": [
            [datasets.index(c.dataset), index[c.dataset, c.method, c.schedule], methods.index(c.part)]
            + [_short(x) for x in (c.comparison.estimate, c.comparison.low, c.comparison.high)]
            for c in combinations(results)
        ],
        "gradients": list(_gradients(results, grids)),
        "grids": [[_short(x) for x in grid] for grid in grids],
        "ranges": [
            [
                _at(datasets, dataset),
                _at(schedules, row.schedule),
                _short(row.low),
                _short(row.high),
                row.best,
            ]
            for dataset, found in advice.items()
            for row in found.ranges
        ],
    }


def that_learned(numbers: Mapping[str, Any]) -> list[str]:
    """Of what `book` made: the data sets on which anything was learned beside the network."""
    there = {numbers["cells"][row[0]][0] for row in numbers["learned"]}
    return [dataset for i, dataset in enumerate(numbers["datasets"]) if i in there]


def _at(names: list[str], name: str | None) -> int | None:
    """Its index, or None for no name."""
    return None if name is None else names.index(name)


def _cells(results: Results) -> list[tuple[str, str, str]]:
    """In the order of the study."""
    order = (results.datasets, results.methods(), results.schedules())
    return sorted(results.cells, key=lambda cell: [names.index(n) for names, n in zip(order, cell, strict=True)])


def _short(value: float | None, digits: int = 6) -> float | None:
    """A number of some digits; None for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{digits}g}")


def _interval(level: Interval) -> list[float | None]:
    return [_short(level.mean), _short(level.half)]


def _levels(
    results: Results,
    dataset: str,
    place: dict[str, int],
    samplers: list[str],
    index: dict[tuple[str, str, str], int],
) -> Iterator[list[Any]]:
    """Rows of cell, sampler, metric, mean, half the interval, replicates, and how it stands.

    How it stands: 2 best, 1 no difference to the best found, 0 behind, null where it can't win.
    """
    for name in results.metrics(dataset):
        columns: list[Column] = results.columns(dataset, name)
        order = results.ranking(dataset, name, columns)
        for column in columns:
            for method in results.methods(dataset):
                level = interval(list(results.values(dataset, method, column, name).values()))
                if level is None or (dataset, method, column[0]) not in index:
                    continue
                key, mark = label(method, column), None
                if order is not None and (key == order.best or key in order.behind):
                    mark = 2 if key == order.best else int(key in order.tied)
                sampler = samplers.index(column[1]) if column[1] else -1
                cell = index[dataset, method, column[0]]
                yield [cell, sampler, place[name], *_interval(level), level.n, mark]


def _band(curve: Curve) -> list[list[float | None]]:
    """x, mean, lowest and highest value over replicates; only the first two where there is one replicate."""
    x = sorted(curve)
    points = [curve[at] for at in x]
    columns: list[list[float] | list[float | None]] = [x, [p.mean for p in points]]
    if any(p.n > 1 for p in points):
        columns += [[p.lowest for p in points], [p.highest for p in points]]
    return [[_short(v, DIGITS) for v in column] for column in columns]


def _shared(curve: Curve, grids: dict[tuple[float, ...], int]) -> list[Any]:
    """A band whose x stands among the grids, of which most curves share a few: its number there, then the rest."""
    x = tuple(sorted(curve))
    return [grids.setdefault(x, len(grids)), *_band(curve)[1:]]


def _starts(results: Results) -> Iterator[list[Any]]:
    """D(sigma) of untrained networks: data set, noise levels, means; the same curve once."""
    for i, dataset in enumerate(results.datasets):
        seen = []
        for at, curve in results.table.curves.items():
            if at.dataset == dataset and at.metric == f"D{UNTRAINED}" and len(curve) > 1:
                found = _band(curve)[:2]
                if found not in seen:
                    seen.append(found)
                    yield [i, *found]


def _gradients(results: Results, grids: dict[tuple[float, ...], int]) -> Iterator[list[Any]]:
    """Rows of data set, method, metric and phase in words, grid of noise levels, means, lowest and highest values."""
    for phase, when in PHASES.items():
        for name, words in GRADIENTS.items():
            for at, curve in results.table.curves.items():
                if not at.schedule and at.metric == f"{name}@{phase}":
                    yield [results.datasets.index(at.dataset), at.method, f"{words}, {when}", *_shared(curve, grids)]


def _written(folder: Path | None) -> Mapping[str, Curve]:
    """What a training wrote down: metric -> curve over steps, or over noise levels for what was learned."""
    curves: dict[str, dict[float, list[float]]] = {}
    for row in storage.read_table(folder / "training.parquet").to_pylist() if folder else []:
        if row["value"] is not None and math.isfinite(row["value"]):
            x = row["step"] if row["sigma"] is None else row["sigma"]
            curves.setdefault(row["metric"], {}).setdefault(x, []).append(row["value"])
    return {name: {x: point(values) for x, values in curve.items()} for name, curve in curves.items()}


def _training(written: list[Mapping[str, Curve]], grids: dict[tuple[float, ...], int]) -> Iterator[list[Any]]:
    """Rows of cell, which curve, which grid of steps, means, lowest and highest values."""
    most = max(FEWEST, min(MOST, ALL // max(1, len(written) * len(CURVES))))
    for i, curves in enumerate(written):
        for k, name in enumerate(CURVES):
            if curve := curves.get(name):
                steps = sorted(curve)
                every = -(-len(steps) // most)
                kept = sorted({*steps[::every], steps[-1]})
                yield [i, k, *_shared({step: curve[step] for step in kept}, grids)]


def _learned(written: list[Mapping[str, Curve]], grids: dict[tuple[float, ...], int]) -> Iterator[list[Any]]:
    """Rows of cell, what was learned in words, grid of noise levels, means, lowest and highest values."""
    for i, curves in enumerate(written):
        for metric_, curve in curves.items():
            if metric_.startswith("learned."):
                name = metric_.removeprefix("learned.")
                band = _shared(curve, grids)
                decisions = all(value in (0, 1) for p in curve.values() for value in (p.lowest, p.highest))
                yield [i, LEARNED.get(name, name), *(band[:2] if decisions else band)]  # ends of yes and no say nothing
