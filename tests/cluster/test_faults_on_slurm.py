"""Faults of a real Slurm: the run survives them, redoes nothing that was finished, and ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from in_queue import of_cell, queue, until

from processes import here, is_parent
from project import Project

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

CELL = "ring8/tired/log_uniform"


@contextmanager
def driven(project: Project, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A run on the cluster in the background; what it says is in `said` in the project's folder."""
    extra = {f"SCOREBENCH_SLURM_{name.upper()}": value for name, value in settings.items()}
    environment = os.environ | {"PYTHONPATH": str(project.folder / "src")} | extra
    with (project.folder / "said").open("w") as said:
        driver = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "8", "--profile", "slurm"],
            cwd=project.folder, env=environment, stdout=said, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield driver
        finally:
            driver.kill()
            driver.wait()


def ends(project: Project, driver: subprocess.Popen[str], status: int = 0) -> str:
    """Wait for a run to end; what it said."""
    driver.wait(timeout=600)
    said = (project.folder / "said").read_text()
    assert driver.returncode == status, said
    return said


def nap(project: Project, seconds: float) -> None:
    """How long every step of the tired training lasts from now on; 0: no longer than it must."""
    (project.folder / "nap").write_text(str(seconds))


def checkpoint(project: Project) -> bool:
    """Whether the tired training has kept a checkpoint."""
    return any((project.folder / f"results/default/checkpoints/{CELL}").glob("*/.progress.safetensors"))


def resumed_at(project: Project) -> list[int]:
    """Steps from which the tired training went on."""
    card = next((project.folder / f"results/default/checkpoints/{CELL}").glob("*/run.json"))
    steps: list[int] = json.loads(card.read_text())["facts"]["resumed_at"]
    return steps


def assert_nothing_is_redone(project: Project) -> None:
    """Every job but the tired training was submitted once."""
    tired = f"rule_train_cell_wildcards_{CELL.replace('/', '_')}_"
    rules = [job["rule"] for job in queue(project) if not job["rule"].startswith(tired)]
    assert any(rule.startswith("rule_sample_cell") for rule in rules)
    assert len(rules) == len(set(rules)), sorted(rules)


def cancelled_job_goes_on(project: Project, undisturbed: Project) -> None:
    """What tells of a cancelled job, squeue or sacct, makes no difference."""
    nap(project, 1)
    with driven(project) as driver:
        until(lambda: checkpoint(project), "a checkpoint")
        (job,) = of_cell(project, "train_cell", CELL)
        assert here(project, is_parent) == {}, "a job stays in its allocation"
        assert "running" in project.run("scorebench", "status")
        subprocess.run(["scancel", job["id"]], check=True)
        nap(project, 0)
        ends(project, driver)
    assert [job["state"] for job in of_cell(project, "train_cell", CELL)] == ["CANCELLED", "COMPLETED"]
    assert resumed_at(project)
    assert project.contents() == undisturbed.contents()
    assert_nothing_is_redone(project)


def test_a_cancelled_job_goes_on_in_the_next_attempt(two: Project, undisturbed_two: Project) -> None:
    cancelled_job_goes_on(two, undisturbed_two)


def without_keyed_reports(project: Project) -> dict[str, str]:
    """Results, but for reports below their keys, which are of all that the study says, so of the edit too."""
    return {name: digest for name, digest in project.contents().items() if "/reports/" not in name}


def test_a_job_whose_time_is_over_goes_on_in_the_next_attempt(
    project: Project, other: Project, undisturbed: Project
) -> None:
    """With a warning, it ends by itself before its time; without, Slurm ends it. Both wait for their minute at once."""
    for each in (project, other):
        each.edit("runtime: 5, gpu: 1", "runtime: 1, gpu: 1")
        nap(each, 15)
    with driven(project, warning_seconds="5") as warned, driven(other, warning_seconds="0") as unwarned:
        for each in (project, other):
            until(lambda each=each: len(of_cell(each, "train_cell", CELL)) > 1, "a second attempt")
            nap(each, 0)
        ends(project, warned)
        ends(other, unwarned)
    for each, state in ((project, "FAILED"), (other, "TIMEOUT")):
        first, second = of_cell(each, "train_cell", CELL)
        assert (first["state"], first["minutes"]) == (state, "1:00")
        assert (second["state"], second["minutes"]) == ("COMPLETED", "2:00"), "twice the time"
        assert resumed_at(each)
        assert without_keyed_reports(each) == without_keyed_reports(undisturbed)
        assert_nothing_is_redone(each)


def test_a_job_that_needs_more_memory_says_so_and_gets_it(project: Project, undisturbed: Project) -> None:
    (project.folder / "hog").write_text("1000")
    with driven(project, retries="0") as driver:
        said = ends(project, driver, status=1)
    assert "exceeded memory limit" in said, "Slurm's reason is shown"
    status = " ".join(project.run("scorebench", "status").split())
    assert f"failed train {CELL}: it used more memory than it asked for" in status
    before = project.jobs()
    with driven(project, retries="1") as driver:
        ends(project, driver)
    attempts = of_cell(project, "train_cell", CELL)
    assert [job["memory"] for job in attempts] == ["1000M", "1000M", "2000M"]
    assert [job["state"] for job in attempts] == ["FAILED", "FAILED", "COMPLETED"]
    assert {name: project.jobs()[name] for name in before} == before
    assert project.contents() == undisturbed.contents()


def test_after_a_killed_driver_make_resume_cancels_its_jobs_and_goes_on(two: Project, undisturbed_two: Project) -> None:
    nap(two, 1)
    with driven(two) as driver:
        until(lambda: checkpoint(two), "a checkpoint")
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    finished = two.jobs()
    orphans = [job for job in queue(two) if job["state"] in ("RUNNING", "PENDING")]
    assert orphans  # which still nap: else the training would end before it is cancelled, with nothing to go on from
    cluster = Project(two.folder, {"SNAKEMAKE_PROFILE": "slurm"})
    said = cluster.run("make", "-o", ".venv/.installed", "resume")
    assert f"cancelled: Slurm job {of_cell(two, 'train_cell', CELL)[0]['id']}: " in said
    assert {job["state"] for job in queue(two)} <= {"CANCELLED", "COMPLETED"}
    first, second = of_cell(two, "train_cell", CELL)
    assert (first["state"], second["state"]) == ("CANCELLED", "COMPLETED")
    assert {name: two.jobs()[name] for name in finished} == finished
    assert resumed_at(two)
    assert two.contents() == undisturbed_two.contents()
    two.agrees()
