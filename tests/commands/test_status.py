"""`scorebench status` from what there is to see: files, processes and logs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scorebench.cli import run_job
from scorebench.cluster import slurm
from scorebench.commands.status import left
from scorebench.running.status import StudyStatus, log_of, look
from scorebench.study.plan import Job, Study
from two_cells import STUDY


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Two cells, nothing done, on a machine without a cluster."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scorebench.cluster.slurm.is_here", lambda: False)
    Path("params.yaml").write_text(STUDY)
    return Study("params.yaml")


def states(now: StudyStatus, stage: str) -> dict[str, str]:
    return {job.at: str(status) for job, status in now.jobs.items() if job.stage == stage}


def test_files_processes_and_logs_say_where_jobs_stand(study: Study) -> None:
    now = look(study)
    assert set(now.jobs.values()) == {"to do"}
    assert now.failures == []
    assert "no earlier runs" in left(study, now)

    run_job(study.file, "prepare", "ring", "")
    first, second = study.jobs("train")
    words = ["scorebench", "train", "--key", study.key(second)]
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", *words])
    try:
        log = log_of(study, first)
        log.parent.mkdir(parents=True)
        log.write_text("reading\n\x1b[31mthe disk is on fire\x1b[0m\n\n")
        now = look(study, tail=1)
        assert states(now, "prepare") == {"ring": "done"}
        assert states(now, "train") == {first.at: "failed", second.at: "running"}
        assert states(now, "sample") == {first.at: "to do", second.at: "to do"}
        (failure,) = now.failures
        assert (failure.job, failure.log, failure.lines) == (first, log, ["the disk is on fire"])
        assert now.running == 1
    finally:
        process.kill()
        process.wait()
    assert states(look(study), "train")[second.at] == "to do"

    run_job(study.file, "train", first.at, "")
    now = look(study)
    assert states(now, "train") == {first.at: "done", second.at: "to do"}
    assert now.failures == [], "an old log of a job that is done is no failure"
    assert left(study, now).startswith("8 jobs left, less than a minute with ")
    assert "7 of them of unknown cost" in left(study, now)


def test_what_slurm_wrote_says_why(study: Study, tmp_path: Path) -> None:
    job = study.jobs("train")[0]
    folder = tmp_path / ".snakemake/slurm_logs/rule_train_cell" / f"{job.at.replace('/', '_')}_{study.key(job)}"
    folder.mkdir(parents=True)
    (folder / "7.log").write_text(  # of the first attempt
        "slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-01-01 DUE TO TIME LIMIT ***\n"
    )
    now = look(study)
    assert states(now, "train")[job.at] == "failed"
    assert now.failures[0].reason == "its time was over"
    (folder / "8.log").write_text("slurmstepd: error: Exceeded job memory limit\nStepId=8.0 exceeded memory limit\n")
    os.utime(folder / "7.log", (0, 0))
    assert look(study).failures[0].reason == "it used more memory than it asked for"


@pytest.fixture
def dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of a Slurm whose controller is gone."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sbatch", "squeue", "scontrol"):
        program = programs / name
        program.write_text(f"#!/bin/sh\necho {name}: Unable to contact slurm controller >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))


def test_the_command_prints_a_table(study: Study, dead: None) -> None:
    """A Slurm that is gone troubles nobody who never submitted a job."""
    command = [sys.executable, "-m", "scorebench", "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("│")] == [
        "prepare", "train", "sample", "floor", "advice", "evaluate", "report",
    ]  # fmt: skip
    slurm.LOGS.mkdir(parents=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "Slurm does not answer, so what it runs is not known" in done.stdout


def test_a_report_of_an_earlier_plan_is_to_do_and_no_failure(study: Study) -> None:
    report = Job("report")
    log = log_of(study, report)
    log.parent.mkdir(parents=True)
    log.with_stem("0123456789ab").write_text("the disk was on fire\n")
    now = look(study)
    assert now.jobs[report] == "to do"
    assert now.failures == []
    log.write_text("the disk is on fire\n")
    assert [failure.job.stage for failure in look(study).failures] == ["report"]
