"""`scorebench doctor` against what it looks at: real folders, databases and settings, whole and broken."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scorebench import doctor as examination
from scorebench.doctor import Diagnosis, cluster, machine, stores
from scorebench.study.plan import Study

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study, the constraints and the profile."""
    for name in ("params.yaml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    (tmp_path / "slurm").symlink_to("workflow/profiles/slurm")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def only(findings: object) -> Diagnosis:
    found = list(findings)  # type: ignore[call-overload]
    assert len(found) == 1, found
    return found[0]


def test_another_version_than_the_pinned_one_is_named(folder: Path) -> None:
    study = Study("params.yaml")
    assert only(machine.packages(study)).state == "pass"
    (folder / "constraints.txt").write_text("numpy==1.0\npydantic==2.0  # old\nno-such-package==1\n")
    found = only(machine.packages(study))
    assert found.state == "warn"
    assert "numpy" in found.found
    assert "(pinned: 1.0), pydantic" in found.found
    assert "no-such-package" not in found.found


def test_git_is_asked_where_results_can_be_traced_to(folder: Path) -> None:
    study = Study("params.yaml")
    assert only(machine.git(study)).state == "warn", "no repository"
    for command in (["init", "-q", "-b", "main"], ["add", "-A"],
                    ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "Begin"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=folder, check=True)
    assert only(machine.git(study)) == Diagnosis("git", "pass", "main, nothing uncommitted")
    (folder / "new").touch()
    assert only(machine.git(study)).found == "main, 1 files changed or new"
    subprocess.run(["git", "rm", "-q", "--cached", "params.yaml"], cwd=folder, check=True)
    assert only(machine.git(study)).found == "the repository around this folder does not have params.yaml"


def test_a_home_that_cannot_be_written_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert only(machine.home(Study("params.yaml"))).state == "pass"
    monkeypatch.setenv("HOME", str(folder / "nobody"))
    assert only(machine.home(Study("params.yaml"))).state == "fail"


def test_the_tracking_store_is_tried_and_left_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study("params.yaml")
    assert only(stores.mlflow_store(study)).state == "pass"
    assert not (folder / "mlflow.db").exists()
    with sqlite3.connect("mlflow.db") as database:
        database.execute("CREATE TABLE there (x INTEGER)")
    assert "can be written" in only(stores.mlflow_store(study)).found
    with sqlite3.connect("mlflow.db") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("there",)]
    (folder / "mlflow.db").write_bytes(b"not a database at all" * 100)
    assert only(stores.mlflow_store(study)).state == "fail"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    found = only(stores.mlflow_store(study))
    assert found.state == "fail"
    assert "secret" not in found.found


def test_a_remote_is_looked_for_where_dvc_would(folder: Path) -> None:
    study = Study("params.yaml")
    assert "no .dvc" in only(stores.dvc_remote(study)).found
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    assert only(stores.dvc_remote(study)).found == "there is none"
    add = [sys.executable, "-m", "dvc", "remote", "add", "-q", "-f", "-d", "storage"]
    subprocess.run([*add, str(folder / "remote")], cwd=folder, check=True)
    assert only(stores.dvc_remote(study)) == Diagnosis(
        "DVC remote", "pass", f"{folder / 'remote'}, empty until the first `dvc push`"
    )
    subprocess.run([*add, str(folder / "params.yaml/remote")], cwd=folder, check=True)
    assert only(stores.dvc_remote(study)).state == "fail"


def test_a_folder_named_slurm_without_a_profile_hides_the_others(folder: Path) -> None:
    study = Study("params.yaml")
    assert only(cluster.profile(study)).state == "pass"
    (folder / "slurm").unlink()
    assert only(cluster.profile(study)).state == "fail"
    (folder / "slurm").write_text("workflow/profiles/slurm")  # by git with core.symlinks=false, and by unzipping
    assert only(cluster.profile(study)).advice == "ln -sf workflow/profiles/slurm slurm"
    (folder / "slurm").unlink()
    (folder / "slurm").mkdir()
    (folder / "slurm/config.yaml").write_text("executor: slurm\n")
    assert "not this project's own" in only(cluster.profile(study)).advice


def test_a_bad_site_file_is_said_and_the_exit_status_tells(folder: Path) -> None:
    (folder / "site.yaml").write_text("partitoin: x\n")
    run = [sys.executable, "-m", "scorebench", "doctor"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "did you mean 'partition'" in done.stdout
    (folder / "site.yaml").unlink()
    (folder / "bin").mkdir()
    for name in ("which", "bash", "sh", "git"):
        (folder / "bin" / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        run, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"PATH": str(folder / "bin")}
    )
    assert done.returncode == 0, done.stdout
    assert "not on this machine" in done.stdout


def test_a_check_that_breaks_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "slurm").unlink()
    monkeypatch.setattr(machine, "CHECKS", (machine.python,))
    monkeypatch.setattr(stores, "CHECKS", ())

    def broken(study: Study):
        raise OSError("the disk is on fire")
        yield

    monkeypatch.setattr(cluster, "CHECKS", (broken,))
    found = list(examination.examine(Study("params.yaml")))
    assert [each.state for each in found] == ["pass", "fail"]
    assert "the disk is on fire" in found[1].found
