"""What `scorebench resume` ends and what it leaves alone: real processes, in this folder and in another."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scorebench.cli import app
from scorebench.running import client

MODULE = """
import pathlib, signal, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(f"ready-{sys.argv[1]}").touch()
time.sleep(3600)
"""
JOB = ("scorebench", "train", "--key", "0123456789ab")


@contextmanager
def process(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a folder whose command line is that of a job or a driver."""
    for name in ("scorebench", "snakemake"):
        (folder / f"{name}.py").write_text(MODULE)
    child = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, env={**os.environ, "PYTHONPATH": ""})
    try:
        end = time.monotonic() + 300
        while not (folder / f"ready-{words[1]}").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        yield child
    finally:
        child.kill()
        child.wait()


def resume(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["resume", *options])
    return done.exit_code, done.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", str(tmp_path))  # no Slurm
    return folder


def test_a_client_that_waits_for_its_job_to_begin_is_ended(here: Path) -> None:
    """Else the parent of a run that was killed, busy importing, would begin the job when nobody waits for it."""
    with socket.socket(socket.AF_UNIX) as parent:
        parent.bind("parent")  # it hears and does not answer
        parent.listen()
        command = [sys.executable, "-I", "-S", client.__file__, "train", "--cell", "a/b/c", "--key", "0123456789ab"]
        waiting = subprocess.Popen(command, env={client.VARIABLE: str(here / "parent")})
        line, _ = parent.accept()
        line.recv(1, socket.MSG_PEEK)
        status, said = resume()
        assert (status, said) == (0, f"ended: process {waiting.pid}: train --cell a/b/c --key 0123456789ab\n")
        with pytest.raises(ProcessLookupError):
            os.kill(waiting.pid, 0)
        waiting.wait()
        line.close()


def test_nothing_left_behind(here: Path) -> None:
    assert resume() == (0, "nothing was left behind\n")


def test_a_job_left_behind_is_asked_to_end(here: Path) -> None:
    with process(here, *JOB) as job:
        status, said = resume()
        assert (status, said) == (0, f"ended: process {job.pid}: train --key 0123456789ab\n")
        job.wait(5)


def test_one_that_does_not_is_killed(here: Path) -> None:
    with process(here, *JOB, "stubborn") as job:
        status, said = resume("--patience", "0.3")
        assert status == 0
        assert f"killed, for it did not end within 0.3 s: process {job.pid}" in said
        job.wait(5)


def test_other_folders_and_other_programs_are_left_alone(here: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with process(other, *JOB) as job, process(here, "scorebench", "status") as program:
        assert resume() == (0, "nothing was left behind\n")
        assert job.poll() is None
        assert program.poll() is None


@pytest.mark.parametrize("words", [("snakemake", "--cores"), ("scorebench", "stage", "train")])
def test_a_run_under_way_is_left_alone(here: Path, words: tuple[str, ...]) -> None:
    """Of Snakemake, and of `dvc repro`, whose stages run it in their own process."""
    with process(here, *words) as driver, process(here, *JOB) as job:
        status, said = resume()
        assert status == 1
        assert f"a run is under way in this folder: process {driver.pid}" in said
        assert driver.poll() is None
        assert job.poll() is None


def test_a_dry_run_is_no_run(here: Path) -> None:
    with process(here, "snakemake", "-n"):
        assert resume() == (0, "nothing was left behind\n")
