"""`scorebench publish`: a finished study's numbers and where they come from, small enough for git."""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer

from scorebench import provenance, storage
from scorebench.study import Job, Study

FOLDER = Path("studies", "results")
COLUMNS = ("dataset", "method", "schedule", "sampler", "metric", "sigma", "n", "mean", "se", "values", "key")
DIGITS = 5
"""Significant digits of what is published; intervals of ten replicates say less."""

Row = dict[str, Any]


def publish(study: Annotated[Path, typer.Option("--study", help="the study file")]) -> None:
    """Write results.csv and about.json of a finished study to studies/results/<study>, for git."""
    loaded = Study(study)
    if not loaded.report_is_current():
        typer.echo(f"{study} is not finished: `snakemake --cores all --config study={study}` first", err=True)
        raise typer.Exit(1)
    rows = storage.read_table(loaded.files(Job("report"))["results.parquet"]).to_pylist()
    folder = FOLDER / loaded.name
    storage.write_text(folder / "results.csv", as_csv(condensed(rows)))
    storage.write_json(folder / "about.json", about(loaded))
    typer.echo(str(folder / "results.csv"))


def condensed(rows: list[Row]) -> list[Row]:
    """One row for all replicates of a number: how many are finite, their mean and its standard error.

    Numbers without a sigma also keep the values of the replicates in their order, `-` for one that is not finite or
    whose training did not come to its end: differences are paired by replicate. Of untrained networks just these.
    """
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if not (row["sigma"] is not None and row["metric"].endswith("_untrained")):
            groups[*(row[name] for name in COLUMNS[:6]), row["key"]].append(row)
    found = []
    for (*names, key), members in groups.items():
        members.sort(key=lambda row: -1 if row["replicate"] is None else row["replicate"])
        lost = {"diverged", "failed"}
        values = [None if row["status"] in lost else row["value"] for row in members]
        finite = [value for value in values if value is not None]
        row = dict(zip(COLUMNS, names, strict=False)) | {"n": len(finite), "key": key}
        row["mean"] = statistics.fmean(finite) if finite else None
        row["se"] = statistics.stdev(finite) / len(finite) ** 0.5 if len(finite) > 1 else None
        row["values"] = " ".join(map(_short, values)) if row["sigma"] is None else ""
        found.append(row)
    return sorted(found, key=lambda row: tuple(_order(row[name]) for name in COLUMNS[:6]))


def as_csv(rows: list[Row]) -> str:
    """The rows as a file, numbers to DIGITS significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = ((row[name], name) for name in COLUMNS)
        writer.writerow("" if v is None else _short(v) if name in ("mean", "se", "sigma") else v for v, name in cells)
    return text.getvalue()


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.{DIGITS}g}"


def _order(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value


def about(study: Study) -> dict[str, Any]:
    """Where the numbers come from: the study, its keys, commits, machines and versions, and what every cell did."""
    cards = {
        (stage, job.at): storage.read_json(study.card(job))
        for stage in ("prepare", "floor", "train", "sample", "evaluate")
        for job in study.jobs(stage)
    }
    each = list(cards.values())
    stages = sorted({stage for stage, _ in cards})
    return {
        "study": study.name,
        "size": study.params.size,
        "made_by": f"snakemake --cores all --config study={study.file}",
        "report_key": study.key(Job("report")),
        "study_sha256": provenance.file_digest(study.file),
        "commits": sorted({str(card["commit"]) for card in each}),
        "changed_since_commit": any(card["dirty"] for card in each),
        "machines": [*{provenance.canonical(card["machine"]): card["machine"] for card in each}.values()],
        "versions": {name: v for card in each for name, v in card["versions"].items()},
        "started": min(card["started"] for card in each),
        "ended": max(card["started"] + card["seconds"] for card in each),
        "job_seconds": {s: sum(card["seconds"] for (stage, _), card in cards.items() if stage == s) for s in stages},
        "cells": {at: _cell(study, at, card) for (stage, at), card in cards.items() if stage == "train"},
    }


def _cell(study: Study, at: str, card: dict[str, Any]) -> dict[str, Any]:
    """What a training did: its keys, its budget, its rate and how that was chosen."""
    training, facts = card["spec"]["training"], card["facts"]
    return {
        "train_key": card["key"],
        "evaluate_key": study.key(Job("evaluate", at)),
        "steps": training["steps"],
        "batch": training["batch"],
        "learning_rate": facts["learning_rate"],
        "choice": facts["choice"],
        "evaluations": facts["evaluations"],
        "seconds": facts["training_seconds"],
        "trained": facts["status"].count("trained"),
    }
