"""Writing runs to MLflow: one of a cell or a replicate, what is added to it later, and what marks it."""

from __future__ import annotations

import getpass
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorebench import storage
from scorebench.study import results
from scorebench.study.cells import Cell
from scorebench.study.plan import Study
from scorebench.study.stages import EVALUATE, FLOOR, PREPARE
from scorebench.tracking.record import CELL, Point, Record, floors, jobs_behind

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

METRICS_PER_CALL, PARAMS_PER_CALL = 1000, 100
"""MLflow's limits of `log_batch`."""
Identity = tuple[str, str]
"""Key of the results and replicate (or `all`), as tags: what a run is found by."""
PARENT = "mlflow.parentRunId"


def identities(study: Study, cell: Cell) -> list[Identity]:
    """The runs of a cell: its own first, then one per replicate."""
    key = study.key(jobs_behind(cell)[EVALUATE])
    return [(key, which) for which in (CELL, *map(str, range(study.params.replicates)))]


def log_run(client: MlflowClient, experiment: str, record: Record, which: str, parent: str | None) -> Run:
    """One run; it counts only once it is FINISHED, which is said last."""
    from mlflow.entities import Param

    replicate = None if parent is None else int(which)
    name = str(record.cell) if replicate is None else f"{record.cell} r{replicate}"
    tags = record.tags(replicate) | _user() | ({} if parent is None else {PARENT: parent})
    if record.floors(replicate):
        tags["floor_key"] = record.study.key(record.jobs[FLOOR])
    run: Run = client.create_run(experiment, start_time=record.started, tags=tags, run_name=name)
    run_id = run.info.run_id
    points = [*(record.means() if replicate is None else record.points(replicate)), *record.floors(replicate)]
    run.data.metrics.update({point.name: point.value for point in points})
    params = [Param(name, value) for name, value in record.params.items()]
    rest = _to_metrics(points)
    for batch in _batches(params, PARAMS_PER_CALL):
        client.log_batch(run_id, params=batch, metrics=rest[: METRICS_PER_CALL - PARAMS_PER_CALL])
        rest = rest[METRICS_PER_CALL - PARAMS_PER_CALL :]
    _log_metrics(client, run_id, rest)
    client.log_inputs(run_id, datasets=[_dataset(record)])
    if replicate is None:
        with tempfile.TemporaryDirectory() as folder:
            for file, content in record.artifacts():
                path = Path(folder, file)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, "FINISHED", end_time=record.ended)
    return run


def _to_metrics(points: list[Point]) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(p.name, p.value, p.at, p.step) for p in points]


def _log_metrics(client: MlflowClient, run_id: str, metrics: list[Any]) -> None:
    for batch in _batches(metrics, METRICS_PER_CALL):
        client.log_batch(run_id, metrics=batch)


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _dataset(record: Record) -> Any:
    """What the run trained on, for MLflow's own column of data sets."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    facts, folder = record.prepare.facts, record.folders[PREPARE]
    columns = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, facts.dimension]}}]
    described = Dataset(
        name=record.cell.dataset,
        digest=record.prepare.key,
        source_type="local",
        source=json.dumps({"uri": str(folder)}),
        schema=json.dumps({"mlflow_tensorspec": {"features": json.dumps(columns), "targets": None}}),
        profile=json.dumps({f"{split}_points": n for split, n in facts.rows.items()}),
    )
    return DatasetInput(described, [InputTag("mlflow.data.context", "training")])


def bring_floors(client: MlflowClient, study: Study, found: dict[Identity, Run]) -> None:
    """Floors belong to a data set, not to a cell: they may be made, or made anew, when the run is long there."""
    now = round(1000 * time.time())
    tables: dict[str, Any] = {}
    for cell in study.applicable:
        job = jobs_behind(cell)[FLOOR]
        if not results.is_there(study, job):
            continue
        key = study.key(job)
        for identity in identities(study, cell):
            run = found.get(identity)
            if run is None or run.data.tags.get("floor_key") == key:
                continue
            if key not in tables:
                tables[key] = storage.read_table(study.directory(job) / "floors.parquet")
            replicates = list(range(study.params.replicates)) if identity[1] == CELL else [int(identity[1])]
            points = floors(tables[key], replicates, now)
            client.log_batch(run.info.run_id, metrics=_to_metrics(points), tags=[_tag("floor_key", key)])


def _tag(name: str, value: str) -> Any:
    from mlflow.entities import RunTag

    return RunTag(name, value)


def is_now(client: MlflowClient, run: Run, tag: str, value: str) -> bool:
    """Set a tag if it has another value; whether it had."""
    if run.data.tags.get(tag) == value:
        return False
    client.set_tag(run.info.run_id, tag, value)
    return True


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (KeyError, OSError):  # a container's user may have no name
        return {}
