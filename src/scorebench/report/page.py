"""The page itself: gathers sentences, tables, numbers of charts and pictures, and fills the template."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from scorebench import storage
from scorebench.report import charts, hypotheses, origins, questions
from scorebench.report.gallery import galleries
from scorebench.report.recommendation import recommendation
from scorebench.report.results import Results
from scorebench.report.scales import scale_tables
from scorebench.report.summary import headline
from scorebench.report.tables import table
from scorebench.specs.advice import Advised
from scorebench.specs.card import Cards
from scorebench.specs.prepare import DataDescription
from scorebench.study.stages import ADVICE, PREPARE, SAMPLE, TRAIN

Folders = dict[str, dict[str, Path]]
"""Stage -> place -> folder."""

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("d3.min.js", "plot.min.js", "numbers.js", "drawing.js", "figures.js", "page.js")
"""In the order in which they build on each other; the first two are libraries, see assets/README.md."""


def page(results: Results, folders: Folders, cards: Cards) -> str:
    """The report as HTML."""
    advised = {dataset: _advised(folder) for dataset, folder in folders[ADVICE.name].items()}
    advice = {
        dataset: beside
        for dataset in results.datasets
        if dataset in advised and (beside := recommendation(results, dataset, advised[dataset])) is not None
    }
    shown = galleries(results, folders[PREPARE.name], folders[SAMPLE.name])
    sections = [_section(results, dataset, folders) | {"gallery": shown.get(dataset)} for dataset in results.datasets]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = origins.moment
    looked_at = {at.dataset for at in results.table.curves if not at.schedule}
    numbers = charts.book(results, folders[TRAIN.name], advice)
    scripts = [Markup((ASSETS / name).read_text(encoding="utf-8")) for name in SCRIPTS]  # ours: no values in them
    return environment.get_template("report.html.j2").render(
        study=results.spec.study,
        params=results.params,
        replicates=results.replicates,
        oracles=[method for method in results.methods() if results.oracle(method)],
        headlines=[headline(results, dataset) for dataset in results.datasets],
        noise=_answers(results, questions.noise),
        hybrid=_answers(results, questions.hybrid),
        overall={"noise": questions.noise_overall(results), "hybrid": questions.hybrid_overall(results)},
        sections=sections,
        gradients=[dataset for dataset in results.datasets if dataset in looked_at],
        hypotheses=hypotheses.tried(results),
        advice=advice,
        learned=charts.that_learned(numbers),
        book=charts.embedded(numbers),
        holes=_holes(results),
        origins=origins.origins(cards),
        runs=origins.listed(cards),
        cards=charts.embedded(origins.shared(cards)),
        yaml=origins.as_yaml(results.spec.params),
        sheet=Markup((ASSETS / "report.css").read_text(encoding="utf-8")),
        scripts=scripts,
        hashes=[base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts],
        cells=len(results.cells),
        done=sum(results.outcome(*cell).kind in ("done", "partly") for cell in results.cells),
    )


def _advised(folder: Path) -> Advised:
    return Advised.model_validate(storage.read_json(folder / "advice.json"))


def _answers(results: Results, asked: Any) -> dict[str, list[Markup]]:
    """Data set -> sentences, of those that have any."""
    return {dataset: said for dataset in results.datasets if (said := asked(results, dataset))}


def _section(results: Results, dataset: str, folders: Folders) -> dict[str, Any]:
    data = folders[PREPARE.name].get(dataset)
    described = DataDescription.model_validate(storage.read_json(data / "dataset.json")) if data else None
    return {
        "name": dataset,
        "place": results.datasets.index(dataset),
        "described": described,
        "known": results.known_score(dataset),
        "tables": [table(results, dataset, name) for name in results.metrics(dataset)],
        "scales": scale_tables(results, dataset),
        "costs": (main := results.main(dataset)) is not None and bool(results.columns(dataset, main[0])),
    }


def _holes(results: Results) -> list[dict[str, Any]]:
    """Cells without numbers, or with fewer replicates, by kind and reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for cell in sorted(results.cells):
        outcome = results.outcome(*cell)
        if outcome.kind in ("not applicable", "diverged", "partly"):
            kind = "not applicable" if outcome.kind == "not applicable" else "diverged"
            grouped.setdefault((kind, outcome.why), []).append("/".join(cell))
    for (dataset, method, schedule, sampler, name), values in sorted(results.table.values.items()):
        if name == "finite_share" and schedule and values and min(values.values()) < 1:
            lost = 100 * (1 - min(values.values()))
            why = f"up to {lost:.2g} % of a replicate's samples by {sampler} are not finite, so these have no distances"
            grouped.setdefault(("samples", why), []).append(f"{dataset}/{method}/{schedule}")
    return [{"kind": kind, "why": why, "cells": cells} for (kind, why), cells in grouped.items()]
