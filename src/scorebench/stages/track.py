"""track: finished results -> MLflow, by one writer, so that a second pass has nothing to do.

A run is one replicate of one cell. It is found again by the key of its results; it is complete when MLflow calls it
FINISHED, so what a killed pass left half-written is made anew.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorebench.stages._tracking import Point, Record, floors, is_there, jobs_of
from scorebench.stages._tracking_store import connect, faults, only_writer, shown, sqlite_file
from scorebench.study import Study

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DEFAULT_URI = "sqlite:///mlflow.db"
METRICS_PER_CALL, PARAMS_PER_CALL = 1000, 100
"""MLflow's limits of `log_batch`."""
Identity = tuple[str, str]
"""Key of the results and replicate, as tags: what a run is found by."""


def track(study: Study) -> None:
    """Bring finished results of a study to MLflow at MLFLOW_TRACKING_URI, else to mlflow.db in this folder.

    Prints a line that says what was done and, for a local store, where its runs are in the UI.

    Raises:
        SystemExit: status 2, MLflow can't be used there; the reason is printed.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    with contextlib.ExitStack() as stack:
        with faults(uri, OSError, ImportError):
            stack.enter_context(only_writer(uri))
            client = connect(uri)
            experiment = _experiment(client, study, uri)
        with faults(uri):
            done = _bring(client, experiment, study)
    print(
        f"MLflow {shown(uri)}: experiment '{experiment_name(study)}': {done['logged']} runs logged,"
        f" {done['there']} already there, {done['retagged']} retagged, {done['unfinished']} cells unfinished"
    )
    if sqlite_file(uri) is not None:  # the UI opens on its page for language models otherwise
        print(f"In the UI: http://127.0.0.1:5000/#/experiments/{experiment}/runs?workflowType=machine_learning")


def behind(study: Study) -> list[str] | None:
    """How the runs in MLflow differ from the plan, in words; empty where they are exactly its cells and replicates.

    None where MLflow is not kept: MLFLOW_TRACKING_URI names no store, there is no mlflow.db in this folder, or the
    study was never brought to it.

    Raises:
        SystemExit: status 2, MLflow can't be used there; the reason is printed.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    if uri == DEFAULT_URI and not Path("mlflow.db").is_file():
        return None
    with faults(uri, OSError, ImportError):
        client = connect(uri)
        experiment = client.get_experiment_by_name(experiment_name(study))
        if experiment is None or experiment.lifecycle_stage == "deleted":
            return None
        found = _complete(_runs(client, experiment.experiment_id))
    planned = {
        (study.key(jobs_of(cell)["evaluate"]), str(replicate)): study.key(jobs_of(cell)["floor"])
        for cell in study.applicable
        for replicate in range(study.params.replicates)
    }
    tags = {identity: run.data.tags for identity, run in found.items()}
    there = found.keys() & planned.keys()
    counts = {
        "not there": len(planned.keys() - found.keys()),
        "current, but not planned": sum(
            tags[identity].get("current") == "yes" for identity in found.keys() - planned.keys()
        ),
        "planned, but not current": sum(tags[identity].get("current") != "yes" for identity in there),
        "of other floors": sum(tags[identity].get("floor_key") != planned[identity] for identity in there),
    }
    return [f"runs {words}: {count}" for words, count in counts.items() if count]


def experiment_name(study: Study) -> str:
    """The experiment that holds the runs of a study."""
    return f"scorebench/{study.name}"


def _bring(client: MlflowClient, experiment: str, study: Study) -> Counter[str]:
    """Log what is missing, mark which runs the plan still names, and count both."""
    found = _found(client, experiment)
    done: Counter[str] = Counter()
    planned = set()
    for cell in study.applicable:
        jobs = jobs_of(cell)
        key, replicates = study.key(jobs["evaluate"]), study.params.replicates
        planned.add(key)
        absent = [r for r in range(replicates) if (key, str(r)) not in found]
        done["there"] += replicates - len(absent)
        if not absent:
            continue
        if not all(is_there(study, job) for stage, job in jobs.items() if stage != "floor"):
            done["unfinished"] += 1
            continue
        record = Record(study, cell)
        for replicate in absent:
            found[key, str(replicate)] = _log(client, experiment, record, replicate)
            done["logged"] += 1
    for run in found.values():
        done["retagged"] += _is_now(client, run, "current", "yes" if run.data.tags["key"] in planned else "no")
    _bring_floors(client, study, found)
    return done


def _found(client: MlflowClient, experiment: str) -> dict[Identity, Run]:
    """Complete runs by identity; runs that a killed pass left half-written are deleted."""
    runs = _runs(client, experiment)
    for run in runs:
        if run.info.status != "FINISHED":
            client.delete_run(run.info.run_id)
    return _complete(runs)


def _runs(client: MlflowClient, experiment: str) -> list[Run]:
    """Our runs, complete or not. One query for all of them: asking for each would take longer than logging it."""
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        found += [run for run in page if "key" in run.data.tags and "replicate" in run.data.tags]  # not somebody else's
        token = page.token
        if not token:
            return found


def _complete(runs: list[Run]) -> dict[Identity, Run]:
    return {(run.data.tags["key"], run.data.tags["replicate"]): run for run in runs if run.info.status == "FINISHED"}


def _log(client: MlflowClient, experiment: str, record: Record, replicate: int) -> Run:
    """One run; it counts only once it is FINISHED, which is said last."""
    from mlflow.entities import Param

    tags = record.tags(replicate) | _user()
    name = f"{record.name} r{replicate}"
    run: Run = client.create_run(experiment, start_time=record.started, tags=tags, run_name=name)
    run_id = run.info.run_id
    params = [Param(name, value) for name, value in record.params(replicate).items()]
    for batch in _batches(params, PARAMS_PER_CALL):
        client.log_batch(run_id, params=batch)
    _log_points(client, run_id, list(record.points(replicate)))
    client.log_inputs(run_id, datasets=[_dataset(record)])
    with tempfile.TemporaryDirectory() as folder:
        for file, content in record.artifacts(replicate):
            path = Path(folder, file)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, "FINISHED", end_time=record.ended)
    return run


def _log_points(client: MlflowClient, run_id: str, points: list[Point]) -> None:
    from mlflow.entities import Metric

    metrics = [Metric(p.name, p.value, p.at, p.step) for p in points]
    for batch in _batches(metrics, METRICS_PER_CALL):
        client.log_batch(run_id, metrics=batch)


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _dataset(record: Record) -> Any:
    """What the run trained on, for MLflow's own column of data sets."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    facts, folder = record.cards["prepare"]["facts"], record.folders["prepare"]
    columns = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, facts["dimension"]]}}]
    described = Dataset(
        name=record.cell.dataset,
        digest=record.cards["prepare"]["key"],
        source_type="local",
        source=json.dumps({"uri": str(folder)}),
        schema=json.dumps({"mlflow_tensorspec": {"features": json.dumps(columns), "targets": None}}),
        profile=json.dumps({f"{split}_points": n for split, n in facts["rows"].items()}),
    )
    return DatasetInput(described, [InputTag("mlflow.data.context", "training")])


def _bring_floors(client: MlflowClient, study: Study, found: dict[Identity, Run]) -> None:
    """Floors belong to a data set, not to a cell: they may be made, or made anew, when the run is long there."""
    now = round(1000 * time.time())
    for cell in study.applicable:
        jobs = jobs_of(cell)
        if not is_there(study, jobs["floor"]):
            continue
        key = study.key(jobs["floor"])
        for replicate in range(study.params.replicates):
            run = found.get((study.key(jobs["evaluate"]), str(replicate)))
            if run is None or run.data.tags.get("floor_key") == key:
                continue
            _log_points(client, run.info.run_id, floors(study, jobs["floor"], replicate, now))
            _is_now(client, run, "floor_key", key)


def _is_now(client: MlflowClient, run: Run, tag: str, value: str) -> bool:
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


def _experiment(client: MlflowClient, study: Study, uri: str) -> str:
    """The study's experiment, made if it is not there; its description is kept up to date."""
    name, location = experiment_name(study), _artifact_location(uri, study)
    tags = {
        "mlflow.note.content": describe_experiment(study),
        "mlflow.experimentKind": "custom_model_development",  # else the page first asks what the experiment is
        "study": str(study.file),
    }
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name, artifact_location=location, tags=tags))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    if location and location != experiment.artifact_location:
        raise FileNotFoundError(  # never write to another folder: it may be the one that this was copied from
            f"this database was moved or copied: it keeps its pictures in {experiment.artifact_location},"
            f" not in {location}. Delete it and run `scorebench track` again, which brings all back"
        )
    for tag, value in tags.items():
        if experiment.tags.get(tag) != value:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return str(experiment.experiment_id)


def describe_experiment(study: Study) -> str:
    """What a newcomer reads above the runs: what they are, and which metric to sort by."""
    p = study.params
    samplers = ", ".join(f"`{name}`" for name in p.samplers)
    return f"""**{p.title}**. To compare methods, sort by `D_integral`, lowest first. Unfold for how to read the runs.

{p.description}

A run is one replicate of one cell: data set, method, noise schedule. Look at one data set at a time: search
`tags.dataset = "{next(iter(p.datasets))}" and tags.current = "yes"`, tick metrics under Columns, group by the tag
`method`.

- **`D_integral`**: the error of the score, D(sigma) = sigma² E‖s − s*‖², integrated over ln sigma. Only where the
  true score is known and the schedule has several noise levels. `clean_error`, for every schedule: relative error of
  the score at the lowest level against that of the clean data. `..._untrained`: the same before training.
- **`sliced_wasserstein/SAMPLER`**, where the score is not known (also `energy_distance`, `c2st`): distance of samples
  to test points, lowest is best; SAMPLER is one of {samplers}. `sliced_wasserstein/floor` is what a true sample of
  that size scores: differences below it mean nothing.
- `D_by_sigma`: error per noise level. The step is the place of sigma, ascending: see `error_by_sigma.csv` of a run.
- `train/...`: curves over training steps.
- Tag `status`: `trained`, `diverged` or `failed` (tag `ended_at`: at which step).
- Tag `current`: `no` where the study, as it is now, no longer gives this run. Nothing is deleted.
"""


def _artifact_location(uri: str, study: Study) -> str | None:
    """Beside an SQLite file, by name; a server knows better itself."""
    file = sqlite_file(uri)
    return str(file.resolve().parent / "mlruns" / study.name) if file else None
