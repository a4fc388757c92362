"""Kills at random moments, over and over: of the driver or of a job, by any signal. `make soak` kills 20 times.

SCOREBENCH_SOAK_KILLS, SCOREBENCH_SOAK_SEED and SCOREBENCH_SOAK_SECONDS say how often, at which moments and how long at
most.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from processes import assert_whole, job_processes, start
from project import Project

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SCOREBENCH_SOAK_KILLS", "3"))
SEED = int(os.environ.get("SCOREBENCH_SOAK_SEED", "1"))
SECONDS = float(os.environ.get("SCOREBENCH_SOAK_SECONDS", "600"))
START = 3.0
"""Seconds that a run takes before its first job, about."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def test_soak(begun: Project, undisturbed: Project) -> None:
    """After every kill, what is there is whole and what was finished stays; at the end all is as undisturbed."""
    chance, latest = random.Random(SEED), START + seconds_of(undisturbed)
    end = time.monotonic() + SECONDS
    killed = studies = 0
    while killed < KILLS and time.monotonic() < end:
        before = begun.jobs()
        said, killed_now = disturb(begun, chance, chance.uniform(2, latest))
        print(f"{killed + 1}: {said}")
        assert_whole(begun)
        begun.run("scorebench", "resume")
        after = begun.jobs()
        assert {name: after[name] for name in before} == before, f"redone after: {said}"
        killed += killed_now
        if not killed_now:  # it was done before its moment came
            finish(begun, undisturbed)
            studies += 1
    assert killed == KILLS, f"{killed} kills in {SECONDS:g} s: more time, SCOREBENCH_SOAK_SECONDS, is needed"
    begun.run("snakemake", "--cores", "2")
    finish(begun, undisturbed)
    print(f"{killed} kills, {studies + 1} studies")


def seconds_of(project: Project) -> float:
    """From the first job's end to the last one's: a moment later than that would find the run over."""
    ends = [card.stat().st_mtime for card in project.folder.rglob("run.json")]
    return max(ends) - min(ends)


def disturb(project: Project, chance: random.Random, after: float) -> tuple[str, bool]:
    """Start a run and kill something after so many seconds: what it was, and False if the run was over before."""
    begin = time.monotonic()
    driver = start(project, "snakemake", "--cores", "2")
    with contextlib.suppress(subprocess.TimeoutExpired):
        driver.wait(after)
    if driver.poll() is not None:
        output, _ = driver.communicate()
        assert driver.returncode == 0, output
        return f"over after {time.monotonic() - begin:.1f} s", False
    jobs = job_processes(project)
    number = chance.choice(SIGNALS)
    victim = chance.choice(("driver", "all", "job")) if jobs else "driver"
    with contextlib.suppress(ProcessLookupError):
        if victim == "driver":
            os.kill(driver.pid, number)
        elif victim == "all":
            os.killpg(driver.pid, number)
        else:
            os.kill(chance.choice(sorted(jobs)), number)
    driver.wait(timeout=300)  # not for its output: jobs that it left behind hold that open
    assert driver.stdout is not None
    driver.stdout.close()
    return f"{number.name} to {victim} after {after:.1f} s", True


def finish(project: Project, undisturbed: Project) -> None:
    """The end is that of an undisturbed run; then begin anew."""
    assert project.contents() == undisturbed.contents()
    for name in ("results", "reports", "logs"):
        shutil.rmtree(Path(project.folder, name))
