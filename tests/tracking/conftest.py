"""The results of a tiny study, and what MLflow keeps of them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from kept import RUNS, command, summary

from scorebench.cli import run_job
from scorebench.study.plan import Study
from scorebench.tracking.track import track
from two_cells import STUDY


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
    assert said[0].endswith("0 cells unfinished, 1 models registered")
    assert len(said) == 1
    assert done.stderr == ""
    return folder


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of results and database to change at will, at an address of its own: MLflow keeps stores by address."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        places = (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "storage_location"),
        )
        for table, column in places:
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
