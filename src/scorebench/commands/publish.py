"""`scorebench publish`: a finished study's numbers and where they come from, small enough for git."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from scorebench import storage
from scorebench.parts import LOST
from scorebench.specs.card import AnyCard, TrainCard
from scorebench.study import budgets, keys, results
from scorebench.study.plan import Job, Study
from scorebench.study.stages import EVALUATE, REPORT, TRAIN

FOLDER = Path("studies", "results")
PLACE = ("dataset", "method", "schedule", "sampler", "metric")
COLUMNS = (*PLACE, "n", "mean", "se", "values", "key")
SCALES = (*PLACE, "n", "sigma", "mean", "se", "key")
LEFT_OUT = ("relative_error", "cosine")
"""By sigma: other ways to say D."""

Row = dict[str, Any]


def publish(
    study: Annotated[Path, typer.Option("--study", help="the study file")],
    partial: Annotated[bool, typer.Option("--partial", help="what is finished, and which cells are not")] = False,
) -> None:
    """Write results.csv, scales.csv and about.json of a finished study to studies/results/<study>, for git."""
    from scorebench.stages._results import cards, collect

    loaded = Study(study)
    planned = loaded.inputs(Job(REPORT.name))
    missing = [job for job in planned.values() if not results.is_there(loaded, job)]
    if missing and not partial:
        typer.echo(
            f"{study} is not finished, {len(missing)} jobs are left: `snakemake --cores all --config study={study}`"
            " runs them, and --partial publishes the rest without them",
            err=True,
        )
        raise typer.Exit(1)
    done = {role: loaded.directory(job) for role, job in planned.items() if job not in missing}
    rows = collect(done, cards(done)).to_pylist()
    folder = FOLDER / loaded.name
    storage.write_text(folder / "results.csv", as_csv(COLUMNS, condensed(rows)))
    storage.write_text(folder / "scales.csv", as_csv(SCALES, curves([*rows, *learned(loaded)])))
    storage.write_json(folder / "about.json", about(loaded))
    typer.echo(str(folder / "results.csv"))


def learned(study: Study) -> list[Row]:
    """What methods and schedules of finished trainings learned as functions of sigma: metrics `learned.<name>`."""
    rows = []
    for job in study.jobs(TRAIN.name):
        if not results.is_there(study, job):
            continue
        place = dict(zip(PLACE, (*job.names, None), strict=False))
        for row in storage.read_table(study.files(job)["training.parquet"]).to_pylist():
            if row["sigma"] is not None:
                value = row["value"] if math.isfinite(row["value"]) else None
                rows.append({**row, **place, "value": value, "status": "", "key": study.key(job)})
    return rows


def condensed(rows: list[Row]) -> list[Row]:
    """One row for all replicates of a number: how many are finite, their mean and its standard error.

    `values` are those of the replicates in their order, `-` for one that is not finite or whose training did not come
    to its end: differences are paired by replicate.
    """
    table = []
    for place, members in _grouped(rows, lambda row: row["sigma"] is None).items():
        values = [_kept(row) for row in members]
        table.append(dict(zip(COLUMNS, (*place, *_moments(values), _list(values, 5), members[0]["key"]), strict=True)))
    return table


def curves(rows: list[Row]) -> list[Row]:
    """One row for a number at all noise levels: levels, means over replicates and standard errors, as lists.

    n: how many replicates are finite, at the level where they are fewest.
    """
    table = []
    for place, members in _grouped(rows, lambda row: row["sigma"] is not None).items():
        if place[4] in LEFT_OUT or place[4].endswith("_untrained"):
            continue
        levels = sorted({row["sigma"] for row in members})
        moments = [_moments([_kept(row) for row in members if row["sigma"] == level]) for level in levels]
        n, means, errors = min(moment[0] for moment in moments), *([m[k] for m in moments] for k in (1, 2))
        lists = (_list(levels, 5), _list(means, 4), _list(errors, 2))
        table.append(dict(zip(SCALES, (*place, n, *lists, members[0]["key"]), strict=True)))
    return table


def _grouped(rows: list[Row], wanted: Callable[[Row], bool]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by place, both in order, a place's rows by replicate."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if wanted(row):
            groups[tuple(row[name] for name in PLACE)].append(row)
    for members in groups.values():
        members.sort(key=lambda row: -1 if row["replicate"] is None else row["replicate"])
    return {place: groups[place] for place in sorted(groups, key=lambda place: [name or "" for name in place])}


def _kept(row: Row) -> float | None:
    value: float | None = row["value"]
    return None if row["status"] in LOST else value


def _moments(values: list[float | None]) -> tuple[int, float | None, float | None]:
    finite = [value for value in values if value is not None]
    mean = statistics.fmean(finite) if finite else None
    return len(finite), mean, statistics.stdev(finite) / len(finite) ** 0.5 if len(finite) > 1 else None


def _list(values: Sequence[float | None], digits: int) -> str:
    return " ".join("-" if value is None else f"{value:.{digits}g}" for value in values)


def as_csv(columns: tuple[str, ...], rows: list[Row]) -> str:
    """The rows as a file, numbers to five significant digits: intervals of ten replicates say less."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = (row[name] for name in columns)
        writer.writerow("" if v is None else f"{v:.5g}" if isinstance(v, float) else v for v in cells)
    return text.getvalue()


def about(study: Study) -> dict[str, Any]:
    """Where the numbers come from: the study, its keys, commits, machines and versions, and what every cell did."""
    cards = {
        (stage, job.at): results.card(study, job, AnyCard)
        for stage in REPORT.reads
        for job in study.jobs(stage)
        if results.is_there(study, job)
    }
    each = list(cards.values())
    stages = sorted({stage for stage, _ in cards})
    return {
        "study": study.name,
        "size": study.params.size,
        "unfinished": [job.at for job in study.jobs(EVALUATE.name) if not results.is_there(study, job)],
        "made_by": f"snakemake --cores all --config study={study.file}",
        "report_key": study.key(Job(REPORT.name)),
        "study_sha256": keys.file_digest(study.file),
        "commits": sorted({str(card.commit) for card in each}),
        "changed_since_commit": any(card.dirty for card in each),
        "machines": [each.model_dump(mode="json") for each in dict.fromkeys(card.machine for card in each)],
        "versions": {name: v for card in each for name, v in card.versions.items()},
        "started": min(card.started for card in each),
        "ended": max(card.started + card.seconds for card in each),
        "job_seconds": {s: sum(card.seconds for (stage, _), card in cards.items() if stage == s) for s in stages},
        "cells": {at: _cell(study, at) for stage, at in cards if stage == EVALUATE.name},
    }


def _cell(study: Study, at: str) -> dict[str, Any]:
    """What a training did: its keys, its budget, its rate and how that was chosen.

    evaluations: points at which the score was evaluated. evaluations_and_products: as budgets count them, a product
    with the Jacobian as one more.
    """
    card = results.card(study, Job(TRAIN.name, at), TrainCard)
    training, facts = card.spec.training, card.facts
    dataset, method, _ = at.split("/")
    each = budgets.per_sample(study.objectives[method], study.sources[dataset].dimension())
    return {
        "train_key": card.key,
        "evaluate_key": study.key(Job(EVALUATE.name, at)),
        "steps": training.steps,
        "batch": training.batch,
        "learning_rate": facts.learning_rate,
        "choice": None if facts.choice is None else facts.choice.model_dump(mode="json"),
        "evaluations": facts.evaluations,
        "evaluations_and_products": round(training.steps * training.batch * each),
        "seconds": facts.training_seconds,
        "trained": len(facts.trained),
    }
