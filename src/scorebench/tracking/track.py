"""track: finished results -> MLflow, by one writer, so that a second pass has nothing to do.

A run is a cell, its metrics means over replicates, and below it a run for every replicate. A run is found again by
the key of its results and its replicate; it is complete when MLflow calls it FINISHED, so what a killed pass left
half-written is made anew.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.study.plan import Study
from scorebench.study.stages import FLOOR
from scorebench.tracking.models import register_best
from scorebench.tracking.record import CELL, Record, is_finished, jobs_behind
from scorebench.tracking.runs import PARENT, Identity, bring_floors, identities, is_now, log_run
from scorebench.tracking.store import connect, durable, faults, only_writer, shown, sqlite_file
from scorebench.tracking.views import WHICH, address, datasets, experiment_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DEFAULT_URI = "sqlite:///mlflow.db"


def track(study: Study) -> None:
    """Bring finished results of a study to MLflow at MLFLOW_TRACKING_URI, else to mlflow.db in this folder.

    Prints a line that says what was done.

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
            durable(uri)
    print(
        f"MLflow {shown(uri)}: experiment '{experiment_name(study)}': {done['logged']} runs logged,"
        f" {done['there']} already there, {done['retagged']} retagged, {done['unfinished']} cells unfinished,"
        f" {done['registered']} models registered"
    )


def pages(study: Study, port: int) -> list[str]:
    """Where to look in `scorebench ui` on a port: the runs of a study, and its saved view per data set.

    Raises:
        SystemExit: status 2, MLflow can't be used there; the reason is printed.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    with faults(uri, OSError, ImportError):
        experiment = _experiment(connect(uri), study, uri)
    views = [f"{dataset}: {WHICH} {address(experiment, port, dataset)}" for dataset in datasets(study)]
    return [f"all runs: {address(experiment, port)}", *views]


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
        identity: study.key(jobs_behind(cell)[FLOOR])
        for cell in study.applicable
        for identity in identities(study, cell)
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
        runs = identities(study, cell)
        planned |= set(runs)
        absent = [identity for identity in runs if identity not in found]
        done["there"] += len(runs) - len(absent)
        if not absent:
            continue
        if not is_finished(study, cell):
            done["unfinished"] += 1
            continue
        record = Record(study, cell)
        for key, which in absent:
            parent = None if which == CELL else found[key, CELL].info.run_id
            found[key, which] = log_run(client, experiment, record, which, parent)
            done["logged"] += 1
    for identity, run in found.items():
        done["retagged"] += is_now(client, run, "current", "yes" if identity in planned else "no")
    bring_floors(client, study, found)
    done["registered"] = register_best(client, experiment, study, found)
    return done


def _found(client: MlflowClient, experiment: str) -> dict[Identity, Run]:
    """Complete runs by identity; runs that a killed pass left half-written are deleted.

    A replicate whose cell's run is not there goes too: it would stand below nothing.
    """
    runs = _runs(client, experiment)
    complete = _complete(runs)
    parents = {run.info.run_id for (_, which), run in complete.items() if which == CELL}
    kept = {
        identity: run
        for identity, run in complete.items()
        if identity[1] == CELL or run.data.tags.get(PARENT) in parents
    }
    known = {run.info.run_id for run in kept.values()}
    for run in runs:
        if run.info.run_id not in known:
            client.delete_run(run.info.run_id)
    return kept


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


def _experiment(client: MlflowClient, study: Study, uri: str) -> str:
    """The study's experiment, made if it is not there; its description is kept up to date."""
    name, location, tags = experiment_name(study), _artifact_location(uri, study), experiment_tags(study)
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


def _artifact_location(uri: str, study: Study) -> str | None:
    """Beside an SQLite file, by name; a server knows better itself."""
    file = sqlite_file(uri)
    if file is None:
        return None
    folder = file.resolve().parent / "mlruns" / study.name
    return folder.as_uri() if "%" in str(folder) else str(folder)  # MLflow takes a path for a part of an address
