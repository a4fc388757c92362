"""What MLflow keeps of the tiny study, and what its files say of it."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from scorebench import storage
from scorebench.study.plan import Study

CELLS, REPLICATES = 2, 2
RUNS = CELLS * (1 + REPLICATES)


def summary(text: str) -> tuple[int, ...]:
    """Logged, already there, retagged, unfinished cells."""
    found = re.findall(r"(\d+) (?:runs logged|already there|retagged|cells unfinished)", text)
    return tuple(map(int, found))


def command(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    track = [sys.executable, "-m", "scorebench", "track", "--study", "tiny.yaml"]
    return subprocess.run(track, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def client_of(folder: Path, database: str = "mlflow.db"):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder}/{database}")


def runs_of(folder: Path, database: str = "mlflow.db") -> list:
    client = client_of(folder, database)
    experiment = client.get_experiment_by_name("scorebench/tiny")
    return list(client.search_runs([experiment.experiment_id], max_results=100))


def expected_of(study: Study, at: str, replicate: int) -> dict[str, dict[int, float]]:
    """What the files of a cell say of one replicate: metric -> step -> value."""
    files = {stage: study.files(study.job(stage, at)) for stage in ("train", "evaluate")}
    facts = storage.read_json(files["train"]["run.json"])["facts"]
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in pq.read_table(files["evaluate"]["scores.parquet"]).to_pylist():
        if row["replicate"] == replicate and row["value"] is not None and row["sigma"] != 0:
            sampler = f"/{row['sampler']}" if row["sampler"] else ""
            if row["sigma"] is None:
                found[row["metric"] + sampler][0] = row["value"]
            else:
                found[f"{row['metric']}_by_sigma"][round(1000 * math.log10(row["sigma"]))] = row["value"]
    for row in pq.read_table(study.files(study.job("floor", "ring"))["floors.parquet"]).to_pylist():
        if row["replicate"] == replicate:
            found[f"{row['metric']}/floor"][0] = row["value"]
    found["training_seconds"][0] = facts["training_seconds"]
    found["evaluations"][0] = facts["evaluations"]
    for row in pq.read_table(files["train"]["training.parquet"]).to_pylist():
        if row["replicate"] == replicate and row["sigma"] is None:
            found[f"train/{row['metric']}"][row["step"]] = row["value"]
    return found


def history_of(client, run) -> dict[str, dict[int, float]]:
    return {
        name: {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        for name in run.data.metrics
        if not name.startswith("sampling_seconds/")
    }
