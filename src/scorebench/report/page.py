"""The page itself: gathers sentences, tables, figures and pictures, and fills the template."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from scorebench import storage
from scorebench.evidence.statistics import estimate
from scorebench.report import origins
from scorebench.report.catalogue import UNTRAINED, metric
from scorebench.report.figures import Charts, Point, styles
from scorebench.report.gallery import gallery
from scorebench.report.results import Results
from scorebench.report.summary import findings
from scorebench.report.tables import table

Folders = dict[str, dict[str, Path]]
"""Stage -> place -> folder."""

CURVES = (
    ("score_error", "E w(σ) ‖s − s*‖² on validation points", True),
    ("validation_dsm", "E w(σ) ‖s + ε/σ‖² / 2 on validation points", True),
    ("loss", "training loss", False),
)
"""Training curves: metric, label, whether on a logarithmic axis."""


def page(results: Results, folders: Folders, cards: origins.Cards) -> str:
    """The report as HTML."""
    methods = results.methods()
    looks = styles(methods, {method for method in methods if results.oracle(method)})
    charts = Charts(looks)
    sections = [_section(results, dataset, folders, charts) for dataset in results.datasets]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source, _, _ = environment.loader.get_source(environment, "report.js.j2")  # type: ignore[union-attr]
    script = Markup(source)  # ours, and no values are put into it
    return environment.get_template("report.html.j2").render(
        study=results.spec["study"],
        params=results.params,
        replicates=results.replicates,
        oracles=[method for method in methods if results.oracle(method)],
        looks=looks,
        sections=sections,
        sheet=charts.sheet(),
        holes=_holes(results),
        origins=origins.origins(cards),
        runs=origins.runs(cards),
        cards=origins.embedded(cards),
        yaml=origins.as_yaml(results.params),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        cells=len(results.cells),
        done=sum(results.state(*cell).kind in ("done", "partly") for cell in results.cells),
    )


def _section(results: Results, dataset: str, folders: Folders, charts: Charts) -> dict[str, Any]:
    data = folders["prepare"].get(dataset)
    described = storage.read_json(data / "dataset.json") if data else {}
    names = results.metrics(dataset)
    main = results.main(dataset)
    leading = [name for name in names if name == "clean_error" or (main and name == main[0])]
    return {
        "name": dataset,
        "described": described,
        "known": results.known_score(dataset),
        "findings": findings(results, dataset),
        "leading": [table(results, dataset, name) for name in leading],
        "tables": [table(results, dataset, name) for name in names if name not in leading],
        "errors": _scale_errors(results, dataset, charts),
        "curves": list(_training(results, dataset, folders, charts)),
        "costs": _costs(results, dataset, charts),
        "gallery": gallery(results, dataset, data, described, folders["sample"]) if data else None,
    }


def _scale_errors(results: Results, dataset: str, charts: Charts) -> dict[str, Any] | None:
    """A figure of D(sigma) per schedule of more than one level, all with the same limits."""
    shown: set[str] = set()
    figures = []
    measured = [
        value
        for (at, _, _, _, name), curve in results.curves.items()
        for values in curve.values()
        for value in values.values()
        if at == dataset and name == "D" and len(curve) > 1 and value > 0
    ]
    for schedule in results.schedules(dataset):
        found = {
            suffix: {
                method: curve
                for method in results.methods(dataset)
                if len(curve := results.curves.get((dataset, method, schedule, None, f"D{suffix}"), {})) > 1
            }
            for suffix in ("", UNTRAINED)
        }
        if found[""]:
            distinct = {repr(curve): curve for curve in found[UNTRAINED].values()}
            starts = [v for curve in distinct.values() for values in curve.values() for v in values.values()]
            limits = (min(measured, default=0.1) / 2, 2 * max(starts + measured, default=10.0))
            figures.append((schedule, charts.scale_errors(found[""], list(distinct.values()), limits)))
            shown |= set(found[""])
    return {"figures": figures, "methods": _in_order(results, shown)} if figures else None


def _in_order(results: Results, methods: set[str]) -> list[str]:
    return [method for method in results.methods() if method in methods]


def _training(results: Results, dataset: str, folders: Folders, charts: Charts) -> Iterator[dict[str, Any]]:
    """Metrics of the training curves with a figure per schedule."""
    curves: dict[tuple[str, str], dict[str, dict[float, dict[int, float]]]] = {}
    for method in results.methods(dataset):
        for schedule in results.schedules(dataset):
            folder = folders["train"].get(f"{dataset}/{method}/{schedule}")
            for row in storage.read_table(folder / "training.parquet").to_pylist() if folder else []:
                at = curves.setdefault((row["metric"], schedule), {}).setdefault(method, {})
                at.setdefault(row["step"], {})[row["replicate"]] = row["value"]
    for name, label, log in CURVES:
        figures = [
            (schedule, charts.training(curves[name, schedule], label, log))
            for schedule in results.schedules(dataset)
            if (name, schedule) in curves
        ]
        if figures:
            shown = {method for schedule, _ in figures for method in curves[name, schedule]}
            yield {"name": name, "figures": figures, "methods": _in_order(results, shown)}


def _costs(results: Results, dataset: str, charts: Charts) -> dict[str, Any] | None:
    """Costs against the main metric; schedules differ in the fill of their marks."""
    if (main := results.main(dataset)) is None:
        return None
    name, sampler = main
    columns = [column for column in results.columns(dataset, name) if sampler in (None, column[1])]
    label = f"{name} ({metric(name).unit})" if metric(name).unit else name
    figures, shown = [], set()
    for cost, words in (
        ("training_seconds", "training time of all replicates, s"),
        ("evaluations", "points evaluated per replicate"),
    ):
        points: list[Point] = []
        for fill, column in enumerate(columns):
            for method in results.methods(dataset):
                level = estimate(list(results.values(dataset, method, column, name).values()))
                paid = estimate(list(results.values(dataset, method, (column[0], None), cost).values()))
                if level is not None and paid is not None and paid.mean > 0:
                    points.append((method, fill, paid.mean, level.mean, level.half))
        varied = len({round(point[2], 6) for point in points}) > 1
        if points and (varied or cost == "training_seconds"):
            figures.append((metric(cost).label, charts.costs(points, words, label)))
            shown |= {point[0] for point in points}
    if not figures:
        return None
    return {"figures": figures, "schedules": [s for s, _ in columns], "methods": _in_order(results, shown)}


def _holes(results: Results) -> list[dict[str, Any]]:
    """Cells without numbers, or with fewer replicates, by kind and reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for cell in sorted(results.cells):
        state = results.state(*cell)
        if state.kind in ("not applicable", "diverged", "partly"):
            kind = "not applicable" if state.kind == "not applicable" else "diverged"
            grouped.setdefault((kind, state.why), []).append("/".join(cell))
    for (dataset, method, schedule, sampler, name), values in sorted(results.scalars.items(), key=str):
        if name == "finite_share" and schedule is not None and values and min(values.values()) < 1:
            lost = 100 * (1 - min(values.values()))
            why = f"up to {lost:.2g} % of a replicate's samples by {sampler} are not finite, so these have no distances"
            grouped.setdefault(("samples", why), []).append(f"{dataset}/{method}/{schedule}")
    return [{"kind": kind, "why": why, "cells": cells} for (kind, why), cells in grouped.items()]
