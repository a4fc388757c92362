"""Runs that are watched and killed: a study whose trainings last seconds, and the processes of a run."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from project import TINY, Project

LONG = (
    TINY.replace("steps: 20, batch: 16", "steps: 2500, batch: 16").replace("log_every: 10", "log_every: 500")
    + "compute: {train: {checkpoint_seconds: 0.2}}\n"
).replace("  - {methods: [dsm], schedules: [clean]}\n", "")
"""Two cells whose trainings last seconds, with a checkpoint every fifth of one."""


def here(project: Project, is_one: Callable[[list[str]], bool] = bool) -> dict[int, list[str]]:
    """Process -> its command line, of those in the project's folder whose command line is one of these."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode().rstrip("\0").split("\0")
            if (entry / "cwd").readlink() == project.folder and is_one(words):
                found[int(entry.name)] = words
    return found


def is_parent(words: list[str]) -> bool:
    """Whether a command line is that of the parent of a run's jobs."""
    return words[1:4] == ["-m", "scorebench", "parent"]


def is_client(words: list[str]) -> bool:
    """Whether a command line is that of what a rule runs for a job."""
    return any(word.endswith("running/client.py") for word in words[:4])


def job_processes(project: Project) -> dict[int, list[str]]:
    """Process -> words after `scorebench` of the jobs that run there."""
    jobs = here(project, lambda words: words[1:3] == ["-m", "scorebench"] and "--key" in words)
    return {process: words[3:] for process, words in jobs.items()}


def start(project: Project, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(project.folder / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(folder: Path, pattern: str, seconds: float = 300, pause: float = 0.02) -> Path:
    end = time.monotonic() + seconds
    while True:
        for path in folder.glob(pattern):
            return path
        assert time.monotonic() < end, f"no {pattern} in {folder} after {seconds} s"
        time.sleep(pause)


def wait_for_jobs(project: Project, seconds: float = 300) -> None:
    """Until no job runs there any more."""
    end = time.monotonic() + seconds
    while jobs := job_processes(project):
        assert time.monotonic() < end, f"still there after {seconds} s: {jobs}"
        time.sleep(0.02)


def hold_a_job(project: Project, seconds: float = 300) -> int:
    """Wait for a job and stop it where it is, until it is sent SIGCONT; its process."""
    end = time.monotonic() + seconds
    while True:
        for job in job_processes(project):
            with contextlib.suppress(ProcessLookupError):
                os.kill(job, signal.SIGSTOP)
                state = Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":  # else it was over before it was stopped
                    return job
        assert time.monotonic() < end, f"no job after {seconds} s"
        time.sleep(0.02)


def assert_whole(project: Project) -> None:
    """Every card tells of files that are there, with the bytes that it says."""
    for card in project.folder.rglob("run.json"):
        for name, recorded in json.loads(card.read_text())["outputs"].items():
            assert hashlib.sha256((card.parent / name).read_bytes()).hexdigest() == recorded, card.parent / name
