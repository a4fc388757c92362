"""`scorebench track` against a real MLflow: what it says equals the files, and saying it again changes nothing."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scorebench import storage
from scorebench.cli import run_job
from scorebench.stages._tracking import LONGEST, flat
from scorebench.stages._tracking_store import only_writer, shown, sqlite_file
from scorebench.stages.track import behind, experiment_name, track
from scorebench.study import Study

STUDY = """
title: Tiny
description: Two methods on a ring.
seed: 3
replicates: 2
datasets:
  ring: {source: ring, sizes: {train: 300, validation: 50, test: 120}}
networks:
  default: {network: mlp, options: {width: 8, depth: 1}}
methods:
  dsm: {objective: dsm}
  ssm_vr: {objective: ssm_vr}
schedules:
  log_uniform: {schedule: log_uniform, options: {sigma_max: 5, sigma_min: 0.05, levels: 3}}
samplers:
  probability_flow: {sampler: probability_flow, options: {steps: 3}}
training: {steps: 30, batch: 16, learning_rate: 0.003, ema: 0.9, log_every: 10}
sampling: {points: 100}
evaluation:
  {sigmas: {min: 0.05, max: 5, count: 3}, points: 100, projections: 5, energy_points: 100, c2st_points: 100,
   c2st_folds: 2}
"""
CELLS, REPLICATES = 2, 2
RUNS = CELLS * REPLICATES


def summary(text: str) -> tuple[int, ...]:
    """Logged, already there, retagged, unfinished cells."""
    found = re.findall(r"(\d+) (?:runs logged|already there|retagged|cells unfinished)", text)
    return tuple(map(int, found))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a tiny study, brought to its own mlflow.db by the command."""
    folder = tmp_path_factory.mktemp("track")
    (folder / "tiny.yaml").write_text(STUDY)
    before = Path.cwd()
    os.chdir(folder)
    try:
        study = Study("tiny.yaml")
        for stage in ("prepare", "floor", "train", "sample", "evaluate"):
            for job in study.jobs(stage):
                run_job(study.file, stage, job.at, study.key(job))
    finally:
        os.chdir(before)
    done = command(folder)
    assert done.returncode == 0, done.stderr
    assert summary(done.stdout) == (RUNS, 0, 0, 0)
    said = done.stdout.splitlines()
    assert len(said) == 2
    assert re.fullmatch(
        r"In the UI: http://127\.0\.0\.1:5000/#/experiments/\d+/runs\?workflowType=machine_learning", said[1]
    )
    assert done.stderr == ""
    return folder


def command(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    track = [sys.executable, "-m", "scorebench", "track", "--study", "tiny.yaml"]
    return subprocess.run(track, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of results and database to change at will, at an address of its own: MLflow keeps stores by address."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(change, (str(finished), str(tmp_path)))
    database.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


@pytest.fixture
def again(here: Path, capsys: pytest.CaptureFixture[str]):
    """Track once more: logged, already there, retagged, unfinished cells."""

    def run() -> tuple[int, ...]:
        track(Study("tiny.yaml"))
        return summary(capsys.readouterr().out)

    return run


def client_of(folder: Path, database: str = "mlflow.db"):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder}/{database}")


def runs_of(folder: Path, database: str = "mlflow.db") -> list:
    client = client_of(folder, database)
    experiment = client.get_experiment_by_name("scorebench/tiny")
    return list(client.search_runs([experiment.experiment_id], max_results=100))


@pytest.mark.slow
def test_mlflow_holds_what_the_files_hold(here: Path) -> None:
    study, client = Study("tiny.yaml"), client_of(here)
    runs = runs_of(here)
    assert len(runs) == RUNS
    for run in runs:
        tags, at = run.data.tags, f"ring/{run.data.tags['method']}/log_uniform"
        replicate = int(tags["replicate"])
        files = {stage: study.files(study.job(stage, at)) for stage in ("train", "evaluate")}
        trained = storage.read_json(files["train"]["run.json"])

        expected = defaultdict(list)
        for row in pq.read_table(files["evaluate"]["scores.parquet"]).to_pylist():
            if row["replicate"] == replicate and row["value"] is not None:
                sampler = f"/{row['sampler']}" if row["sampler"] else ""
                name = row["metric"] + (sampler if row["sigma"] is None else "_by_sigma")
                expected[name].append(row["value"])  # the files go through sigma ascending
        for row in pq.read_table(study.files(study.job("floor", "ring"))["floors.parquet"]).to_pylist():
            if row["replicate"] == replicate:
                expected[f"{row['metric']}/floor"].append(row["value"])
        expected["training_seconds"] = [trained["facts"]["training_seconds"]]
        expected["evaluations"] = [trained["facts"]["evaluations"]]
        for row in pq.read_table(files["train"]["training.parquet"]).to_pylist():
            if row["replicate"] == replicate:
                expected[f"train/{row['metric']}"].append(row["value"])

        assert set(expected) | {"sampling_seconds/probability_flow"} == set(run.data.metrics)
        for name, values in expected.items():
            history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.step)
            assert [point.value for point in history] == values, name
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")]
        assert sorted(steps) == [10, 20, 30]
        levels = [point.step for point in client.get_metric_history(run.info.run_id, "D_by_sigma")]
        assert sorted(levels) == [0, 1, 2]

        assert run.info.run_name == f"ring {tags['method']} log_uniform r{replicate}"
        assert tags["key"] == study.key(study.job("evaluate", at))
        assert tags["train_key"] == trained["key"]
        assert (tags["status"], tags["current"], tags["study"]) == ("trained", "yes", "tiny")
        wanted = {
            "training.steps": "30",
            "network": "mlp",
            "network.width": "8",
            "objective": tags["method"],
            "schedule": "log_uniform",
            "schedule.sigma_max": "5.0",
            "dataset.points.train": "300",
            "sampler.probability_flow.steps": "3",
        }
        assert wanted.items() <= run.data.params.items()
        assert run.inputs.dataset_inputs[0].dataset.name == "ring"


@pytest.mark.slow
def test_runs_have_tables_and_pictures(finished: Path) -> None:
    client = client_of(finished)
    for run in runs_of(finished):
        names = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert names == {"scores.csv", "error_by_sigma.csv", "D_by_sigma.png", "samples"}
        folder = Path(run.info.artifact_uri)
        assert folder.is_relative_to(finished / "mlruns" / "tiny")
        for picture in ("D_by_sigma.png", "samples/probability_flow.png"):
            assert (folder / picture).read_bytes().startswith(b"\x89PNG\r\n")
        table = (folder / "error_by_sigma.csv").read_text().splitlines()
        assert table[0].startswith('"sigma","D"')
        assert [float(line.split(",")[1]) for line in table[1:]] == [
            point.value
            for point in sorted(client.get_metric_history(run.info.run_id, "D_by_sigma"), key=lambda point: point.step)
        ]


@pytest.mark.slow
def test_experiment_says_how_to_read_it(finished: Path) -> None:
    experiment = client_of(finished).get_experiment_by_name(experiment_name(Study(finished / "tiny.yaml")))
    note = experiment.tags["mlflow.note.content"]
    assert note.startswith("**Tiny**")
    assert "sort by `D_integral`" in note
    assert "Two methods on a ring." in note
    assert 'tags.dataset = "ring"' in note


@pytest.mark.slow
def test_second_pass_has_nothing_to_do(here: Path, again) -> None:
    before = {run.info.run_id for run in runs_of(here)}
    assert again() == (0, RUNS, 0, 0)
    assert {run.info.run_id for run in runs_of(here)} == before
    assert behind(Study("tiny.yaml")) == []


@pytest.mark.slow
def test_a_deleted_database_comes_back(here: Path) -> None:
    before = {run.info.run_name: run.data.metrics for run in runs_of(here)}
    for file in here.glob("mlflow.db*"):
        file.unlink()
    assert list(here.glob("mlruns/tiny/*"))  # of the database that was deleted
    done = command(here)
    assert (done.returncode, summary(done.stdout)) == (0, (RUNS, 0, 0, 0)), done.stderr
    shutil.move(here / "mlflow.db", here / "new.db")
    assert {run.info.run_name: run.data.metrics for run in runs_of(here, "new.db")} == before


@pytest.mark.slow
def test_a_copied_database_does_not_write_to_where_it_came_from(
    finished: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(finished / "mlflow.db", here / "copied.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/copied.db")
    with pytest.raises(SystemExit) as stopped:
        track(Study("tiny.yaml"))
    assert stopped.value.code == 2
    assert f"keeps its pictures in {finished}" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_lags_where_mlflow_is_not_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "other.yaml").write_text(STUDY)
    assert behind(Study("other.yaml")) is None, "another study is kept there"
    (here / "empty").mkdir()
    monkeypatch.chdir(here / "empty")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert behind(Study("../tiny.yaml")) is None
    assert not list((here / "empty").iterdir())


@pytest.mark.slow
def test_half_written_runs_are_made_anew(here: Path, again) -> None:
    run = runs_of(here)[0]
    client_of(here).update_run(run.info.run_id, status="RUNNING")
    assert behind(Study("tiny.yaml")) == ["runs not there: 1"]
    assert again() == (1, RUNS - 1, 0, 0)
    after = runs_of(here)
    assert len(after) == RUNS
    assert run.info.run_id not in {each.info.run_id for each in after}
    redone = next(each for each in after if each.info.run_name == run.info.run_name)
    assert redone.data.metrics == run.data.metrics
    assert redone.data.params == run.data.params


@pytest.mark.slow
def test_runs_that_left_the_plan_are_marked_and_kept(here: Path, again) -> None:
    def current() -> list[str]:
        return [run.data.tags["current"] for run in runs_of(here)]

    (here / "tiny.yaml").write_text(STUDY.replace("steps: 30", "steps: 31"))
    assert behind(Study("tiny.yaml")) == [f"runs not there: {RUNS}", f"runs current, but not planned: {RUNS}"]
    assert again() == (0, 0, RUNS, CELLS)
    assert behind(Study("tiny.yaml")) == [f"runs not there: {RUNS}"]
    assert current() == ["no"] * RUNS
    (here / "tiny.yaml").write_text(STUDY)
    assert behind(Study("tiny.yaml")) == [f"runs planned, but not current: {RUNS}"]
    assert again() == (0, RUNS, RUNS, 0)
    assert current() == ["yes"] * RUNS


@pytest.mark.slow
def test_unfinished_cells_are_left_out_and_diverged_ones_are_not(here: Path, again) -> None:
    study, client = Study("tiny.yaml"), client_of(here)
    for run in runs_of(here):
        if run.data.tags["method"] == "dsm":
            client.delete_run(run.info.run_id)
    evaluated = study.files(study.job("evaluate", "ring/dsm/log_uniform"))["run.json"]
    evaluated.rename("aside")
    assert again() == (0, RUNS - REPLICATES, 0, 1)

    Path("aside").rename(evaluated)
    trained = study.files(study.job("train", "ring/dsm/log_uniform"))["run.json"]
    card = storage.read_json(trained)
    card["facts"] |= {
        "status": ["trained", "diverged"],
        "ended_at": [None, 17],
        "reasons": [None, "the loss was not finite"],
    }
    storage.write_json(trained, card)
    assert again() == (REPLICATES, RUNS - REPLICATES, 0, 0)
    tags = {run.info.run_name: run.data.tags for run in runs_of(here)}
    assert tags["ring dsm log_uniform r0"]["status"] == "trained"
    assert tags["ring dsm log_uniform r1"]["status"] == "diverged"
    assert tags["ring dsm log_uniform r1"]["ended_at"] == "17"


@pytest.mark.slow
def test_floors_made_anew_are_logged_to_old_runs(here: Path, again) -> None:
    study, client, run = Study("tiny.yaml"), client_of(here), runs_of(here)[0]
    name = "sliced_wasserstein/floor"
    client.set_tag(run.info.run_id, "floor_key", "of before")
    assert behind(study) == ["runs of other floors: 1"]
    client.log_metric(run.info.run_id, name, 99.0)
    assert again() == (0, RUNS, 0, 0)
    now = client.get_run(run.info.run_id)
    assert now.data.tags["floor_key"] == study.key(study.job("floor", "ring"))
    assert now.data.metrics[name] == run.data.metrics[name]


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("nonsense://somewhere", "nonsense"),
        ("sqlite:////no/such/folder/mlflow.db", "No such file or directory"),
        ("sqlite:///text.db", "file is not a database"),
        ("http://someone:secret@127.0.0.1:1", "refused"),
    ],
)
@pytest.mark.slow
def test_an_unusable_store_is_one_clear_line(
    uri: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(STUDY)
    Path("text.db").write_text("this is not a database, although its name says so" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(SystemExit) as stopped:
        track(Study("tiny.yaml"))
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert "MLFLOW_TRACKING_URI" in err
    assert "secret" not in err


def test_two_writers_take_turns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    order = []

    def second() -> None:
        with only_writer(uri):
            order.append("second")

    waiting = threading.Thread(target=second)
    with (tmp_path / "mlflow.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    assert "another `scorebench track` is writing" in capfd.readouterr().err


def test_params_are_flat_and_short() -> None:
    nested = {"training": {"steps": 30, "ema": 0.9}, "means": [[0.0, 1.0]] * 1000, "on": True, "none": None}
    given = dict(flat("", nested))
    assert given["training.steps"] == "30"
    assert given["training.ema"] == "0.9"
    assert (given["on"], given["none"]) == ("true", "null")
    assert len(given["means"]) == LONGEST


def test_addresses() -> None:
    assert sqlite_file("sqlite:///mlflow.db") == Path("mlflow.db")
    assert sqlite_file("sqlite:////tmp/a.db?timeout=5") == Path("/tmp/a.db")
    assert sqlite_file("sqlite://") is None
    assert sqlite_file("http://localhost:5000") is None
    assert shown("postgresql://me:secret@host/db") == "postgresql://***@host/db"
    assert shown("sqlite:///mlflow.db") == "sqlite:///mlflow.db"
