"""evaluate: a trained network and its samples -> numbers in long form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from scorebench import storage
from scorebench.specs.evaluate import EvaluateFacts, EvaluateSpec
from scorebench.stages import UNATTENDED, Inputs, Running, set_up
from scorebench.stages._dataset import exact_target, read_points
from scorebench.stages._distances import Distances
from scorebench.stages._scores import Row, score_rows
from scorebench.stages._trained import trained

SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("sampler", pa.string()),
        ("metric", pa.string()),
        ("sigma", pa.float64()),
        ("value", pa.float64()),
    ]
)


def evaluate(spec: EvaluateSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> EvaluateFacts:
    """Write scores.parquet: columns replicate, sampler or null, metric, sigma or null, value.

    A value is null where it is not finite, or where the replicate diverged or failed.
    """
    set_up(spec.threads)
    rows = [*score_rows(spec, inputs), *_sample_errors(spec, inputs)]
    rows += _lost(rows, spec.replicates, trained(inputs["checkpoint"]))
    columns = zip(*[(*row[:4], _finite(row[4])) for row in rows], strict=True) if rows else [()] * len(SCHEMA)
    table = pa.table([pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)
    storage.write_table(out / "scores.parquet", table)
    return EvaluateFacts(rows=len(rows))


def _lost(rows: list[Row], replicates: int, kept: list[int]) -> list[Row]:
    """Rows without a value for replicates that have no network: what was measured of the others."""
    measured = dict.fromkeys(row[1:4] for row in rows) or {(None, "clean_error", None): None}
    return [(r, *at, None) for r in range(replicates) if r not in kept for at in measured]


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _sample_errors(spec: EvaluateSpec, inputs: Inputs) -> list[Row]:
    table = storage.read_table(inputs["samples"] / "samples.parquet")
    labels, replicates = table["sampler"].to_numpy(), table["replicate"].to_numpy()
    if not len(labels):
        return []
    x = storage.points_of(table["x"])
    data = inputs["data"]
    test, train = read_points(data, "test"), read_points(data, "train")
    distances = Distances(test, exact_target(data), spec.evaluation, spec.seed, train)
    rows: list[Row] = []
    for label in sorted(set(labels)):
        for replicate in sorted(set(replicates.tolist())):
            here = x[(labels == label) & (replicates == replicate)]
            finite = np.isfinite(here).all(1) & (np.abs(here) < 1e6).all(1)
            rows.append((replicate, label, "finite_share", None, float(finite.mean())))
            if finite.all():
                rows += [(replicate, label, metric, None, value) for metric, value in distances(here).items()]
    return rows
