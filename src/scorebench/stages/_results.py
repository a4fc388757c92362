"""The results of a study as one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scorebench import storage
from scorebench.evidence.table import Row
from scorebench.specs.card import AnyCard, Cards
from scorebench.specs.train import TrainFacts
from scorebench.stages import Inputs
from scorebench.study.stages import CARD, EVALUATE, FLOOR, MICROSCOPE, REPORT, TRAIN

TRUTH = "truth"
"""Stands as the method of the true-against-true floors."""

LOOKED_AT = "microscope"
"""Stands as the status of what was measured on networks of no cell."""

SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("method", pa.string()),
        ("schedule", pa.string()),
        ("replicate", pa.int32()),
        ("sampler", pa.string()),
        ("metric", pa.string()),
        ("sigma", pa.float64()),
        ("value", pa.float64()),
        ("status", pa.string()),
        ("key", pa.string()),
    ]
)


def folders(inputs: Inputs, stage: str) -> Iterator[tuple[str, Path]]:
    """Place -> folder of all results of a stage, in order."""
    for role, folder in sorted(inputs.items()):
        prefix, _, at = role.partition("/")
        if prefix == stage:
            yield at, folder


def cards(inputs: Inputs) -> Cards:
    """The run.json of all results."""
    return {
        stage: {at: AnyCard.model_validate(storage.read_json(folder / CARD)) for at, folder in folders(inputs, stage)}
        for stage in REPORT.reads
    }


def trainings(read: Cards) -> dict[str, TrainFacts]:
    """Place -> how the training of every cell went."""
    return {at: TrainFacts.model_validate(card.facts) for at, card in read[TRAIN.name].items()}


def collect(inputs: Inputs, read: Cards) -> pa.Table:
    """All numbers of a study in long form, one row each.

    Floors have the method `truth`; cells also get evaluations. status: trained, diverged, failed or truth. key: that of
    the scores. No times: the same study gives the same table.
    """
    rows: list[dict[str, Any]] = []
    for at, folder in folders(inputs, FLOOR.name):
        common = {"dataset": at, "method": TRUTH, "status": TRUTH, "key": read[FLOOR.name][at].key}
        rows += [{**common, **row} for row in storage.read_table(folder / "floors.parquet").to_pylist()]
    for at, folder in folders(inputs, MICROSCOPE.name):
        common = {"dataset": at, "status": LOOKED_AT, "key": read[MICROSCOPE.name][at].key}
        table = storage.read_table(folder / "gradients.parquet").drop_columns("error")
        rows += [{**common, **row} for row in table.to_pylist()]
    trained = trainings(read)
    for at, folder in folders(inputs, EVALUATE.name):
        names = dict(zip(("dataset", "method", "schedule"), at.split("/"), strict=True))
        facts = trained[at]
        common = {**names, "key": read[EVALUATE.name][at].key}
        for row in storage.read_table(folder / "scores.parquet").to_pylist():
            rows.append({**common, "status": facts.status[row["replicate"]], **row})
        for replicate, status in enumerate(facts.status):
            value = float(facts.evaluations)
            rows.append({**common, "replicate": replicate, "status": status, "metric": "evaluations", "value": value})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def training_times(trained: Mapping[str, TrainFacts]) -> Iterator[Row]:
    """training_seconds of every cell as rows of the long form, the same for all replicates: they train as one."""
    for at, facts in trained.items():
        dataset, method, schedule = at.split("/")
        for replicate, status in enumerate(facts.status):
            yield Row(
                dataset=dataset,
                method=method,
                schedule=schedule,
                replicate=replicate,
                sampler=None,
                metric="training_seconds",
                sigma=None,
                value=facts.training_seconds,
                status=status,
                key=None,
            )


def times(read: Cards) -> pa.Table:
    """What every job took: stage, place, seconds, peak memory."""
    return pa.Table.from_pylist(
        [
            {"stage": stage, "at": at, "seconds": card.seconds, "peak_memory_mb": card.peak_memory_mb}
            for stage, there in read.items()
            for at, card in there.items()
        ]
    )


def scales(table: pa.Table) -> pa.Table:
    """D(sigma) of every cell, mean over replicates: data set, method, schedule, sigma, D."""
    rows = table.filter(pc.equal(table["metric"], "D"))
    names = ["dataset", "method", "schedule", "sigma"]
    mean = rows.group_by(names, use_threads=False).aggregate([("value", "mean")])
    return mean.rename_columns([*names, "D"]).sort_by([(name, "ascending") for name in names])
