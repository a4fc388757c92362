"""The numbers behind the charts of the page, as one compact JSON value: lists of names, then rows of figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from scorebench import storage
from scorebench.evidence.catalogue import metric
from scorebench.evidence.table import Curve, point
from scorebench.report import figures, rows
from scorebench.report.questions import denoising
from scorebench.report.recommendation import Recommendation
from scorebench.report.results import Results


def embedded(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def book(results: Results, trained: dict[str, Path], advice: Mapping[str, Recommendation]) -> dict[str, Any]:
    """Everything that the charts draw; `trained` are the folders of training by place."""
    named = {name for dataset in results.datasets for name in results.metrics(dataset)}
    names = rows.Names(
        results.datasets,
        results.methods(),
        results.schedules(),
        list(results.params.samplers),
        sorted(named),
        [cell for cell in _cells(results) if results.outcome(*cell).kind in ("done", "partly")],
    )
    written = [_written(trained.get("/".join(cell))) for cell in names.cells]
    shown: dict[str, Iterable[rows.Row]] = {
        "cells": figures.cells(names),
        "levels": figures.levels(results, names),
        "floors": figures.floors(results, names),
        "scales": figures.scales(results, names),
        "starts": figures.starts(results, names),
        "training": figures.training(written, names),
        "learned": figures.learned(written, names),
        "singles": figures.single_levels(results, names),
        "combinations": figures.combined(results, names),
        "gradients": figures.gradients(results, names),
        "ranges": figures.ranges(advice, names),
    }
    return {
        "study": results.spec.study,
        "replicates": results.replicates,
        "datasets": names.datasets,
        "main": [_main(results, dataset, names) for dataset in names.datasets],
        "methods": names.methods,
        "oracles": [i for i, method in enumerate(names.methods) if results.oracle(method)],
        "schedules": names.schedules,
        "samplers": names.samplers,
        "metrics": [
            {"name": m.name, "label": m.label, "unit": m.unit, "best": m.best, "good": m.good}
            for m in map(metric, names.metrics)
        ],
        "curves": [{"name": name, "label": label} for name, label in figures.CURVES.items()],
        "denoising": [denoising(results, dataset) for dataset in names.datasets],
        **{name: rows.packed(each) for name, each in shown.items()},
        "grids": [[rows.short(x) for x in grid] for grid in names.grids],
    }


def that_learned(numbers: Mapping[str, Any]) -> list[str]:
    """Of what `book` made: the data sets on which anything was learned beside the network."""
    learned, cells = numbers["learned"], numbers["cells"]
    if not learned["rows"]:
        return []
    cell, dataset = learned["names"].index("cell"), cells["names"].index("dataset")
    there = {cells["rows"][row[cell]][dataset] for row in learned["rows"]}
    return [name for i, name in enumerate(numbers["datasets"]) if i in there]


def _main(results: Results, dataset: str, names: rows.Names) -> dict[str, int | None] | None:
    """The main metric of a data set and its sampler."""
    if (main := results.main(dataset)) is None:
        return None
    return {"metric": names.metric[main[0]], "sampler": names.sampler(main[1])}


def _cells(results: Results) -> list[tuple[str, str, str]]:
    """In the order of the study."""
    order = (results.datasets, results.methods(), results.schedules())
    return sorted(results.cells, key=lambda cell: [names.index(n) for names, n in zip(order, cell, strict=True)])


def _written(folder: Path | None) -> Mapping[str, Curve]:
    """What a training wrote down: metric -> curve over steps, or over noise levels for what was learned."""
    curves: dict[str, dict[float, list[float]]] = {}
    for row in storage.read_table(folder / "training.parquet").to_pylist() if folder else []:
        if row["value"] is not None and math.isfinite(row["value"]):
            x = row["step"] if row["sigma"] is None else row["sigma"]
            curves.setdefault(row["metric"], {}).setdefault(x, []).append(row["value"])
    return {name: {x: point(values) for x, values in curve.items()} for name, curve in curves.items()}
