"""Runs through an MLflow server that keeps them in PostgreSQL: what several machines would use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from scorebench import storage
from scorebench.cli import run_job
from scorebench.study.plan import Study

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.xdist_group("postgresql")]

REPLICATES = 50
STUDY = f"""
title: Many
seed: 3
replicates: {REPLICATES}
datasets:
  ring: {{source: ring, sizes: {{train: 100, validation: 20, test: 100}}}}
networks:
  default: {{network: mlp, options: {{width: 4, depth: 1}}}}
methods:
  dsm: {{objective: dsm}}
  ssm_vr: {{objective: ssm_vr}}
schedules:
  single: {{schedule: single, options: {{sigma: 0.5}}}}
samplers:
  langevin: {{sampler: langevin, options: {{step: 0.01, steps: 2}}}}
training: {{steps: 4, batch: 8, learning_rate: 0.003, ema: 0.9, log_every: 2}}
sampling: {{points: 100}}
evaluation:
  {{sigmas: {{min: 0.5, max: 1, count: 2}}, points: 100, projections: 2, energy_points: 100, c2st_points: 100,
   c2st_folds: 2}}
"""
RUNS = 2 * (1 + REPLICATES)


def program(name: str) -> str:
    """A program of PostgreSQL's server, which Debian keeps out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    return path


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(answers: Any, process: subprocess.Popen[bytes], what: str) -> None:
    """Wait for a server to answer."""
    end = time.monotonic() + 120
    while True:
        try:
            return answers()
        except Exception:
            assert process.poll() is None, f"{what} has ended"
            assert time.monotonic() < end, f"{what} does not answer"
            time.sleep(0.2)


@contextmanager
def server(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lasts as long as the block."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True, **options)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of an empty database in a PostgreSQL of its own, on loopback."""
    import psycopg2

    initdb, postgres = program("initdb"), program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="scorebench-postgresql-"))
    to_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        to_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    port = free_port()
    data = str(folder / "data")
    try:
        subprocess.run(
            [*to_user, initdb, "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8"], cwd=folder, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        command = [*to_user, postgres, "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
        with server(command, folder / "log", cwd=folder) as process:
            address = f"postgresql://mlflow@127.0.0.1:{port}/mlflow"
            admin = f"host=127.0.0.1 port={port} user=mlflow dbname=postgres"
            until(lambda: psycopg2.connect(admin).close(), process, "PostgreSQL")
            connection = psycopg2.connect(admin)
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE mlflow")
            connection.close()
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def tracking(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server on that database."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--host", "127.0.0.1",
        "--port", str(port), "--workers", "2", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with server(command, folder / "log", cwd=folder) as process:
        until(lambda: requests.get(f"{address}/health", timeout=5).raise_for_status(), process, "MLflow")
        yield address


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a hundred tiny trainings."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("params.yaml").write_text(STUDY)
        study = Study("params.yaml")
        for stage in ("prepare", "train", "sample", "floor", "evaluate"):
            for job in study.jobs(stage):
                run_job(Path("params.yaml"), stage, job.at, "")
    return folder


def test_runs_reach_postgresql_once_and_are_what_the_files_say(
    tracking: str, database: str, finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import psycopg2

    from scorebench.tracking.track import behind, track

    monkeypatch.chdir(finished)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    study = Study("params.yaml")
    start = time.monotonic()
    track(study)
    took = time.monotonic() - start
    assert f"{RUNS} runs logged, 0 already there" in capsys.readouterr().out
    start = time.monotonic()
    track(study)
    again = time.monotonic() - start
    assert f"0 runs logged, {RUNS} already there" in capsys.readouterr().out
    assert behind(study) == []
    assert again < took / 3, f"the first pass took {took:.0f} s, the second {again:.0f} s"
    with capsys.disabled():
        print(f" [{RUNS} runs in {took:.0f} s, again in {again:.1f} s]", end="")

    scores = storage.read_table(study.directory(study.jobs("evaluate")[0]) / "scores.parquet").to_pylist()
    wanted = {row["replicate"]: row["value"] for row in scores if row["metric"] == "clean_error"}
    question = (
        "SELECT replicate.value, latest_metrics.value FROM runs JOIN latest_metrics USING (run_uuid)"
        " JOIN tags replicate USING (run_uuid) JOIN tags method USING (run_uuid)"
        " WHERE status = 'FINISHED' AND latest_metrics.key = 'clean_error' AND replicate.key = 'replicate'"
        " AND replicate.value <> 'all' AND method.key = 'method' AND method.value = %s"
    )
    connection = psycopg2.connect(database)
    cursor = connection.cursor()
    cursor.execute(question, (study.jobs("evaluate")[0].names[1],))
    assert {int(replicate): value for replicate, value in cursor.fetchall()} == pytest.approx(wanted)
    cursor.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'")
    assert cursor.fetchone() == (RUNS,)
    connection.close()


def test_doctor_tells_whether_such_a_store_can_be_written(
    tracking: str, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from scorebench.doctor.stores import mlflow_store

    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(STUDY)
    study = Study("params.yaml")
    for address in (tracking, database):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        (found,) = mlflow_store(study)
        assert found.state == "pass", found
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database.replace("/mlflow", "/absent"))
    (found,) = mlflow_store(study)
    assert found.state == "fail"
