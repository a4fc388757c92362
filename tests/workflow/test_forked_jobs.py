"""A run's jobs are forked from one parent: with the same results, and whoever is killed, nothing is left behind."""

import contextlib
import os
import shutil
import signal
from pathlib import Path

import pytest

from processes import here, is_client, is_parent, job_processes, start, wait_for, wait_for_jobs
from project import Project

pytestmark = pytest.mark.slow

SIDECAR = "results/default/checkpoints/*/*/*/*/.progress.safetensors"


def above(process: int) -> int:
    """The process that a process was started by."""
    return int(Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[1])


def assert_nothing_is_left(project: Project, sockets: Path) -> None:
    assert here(project) == {}
    assert list(sockets.glob("scorebench-*")) == []


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where runs have their temporary files."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_the_same_results_as_of_jobs_that_start_by_themselves(project: Project, built: Project) -> None:
    """And one at a time: checkpoints, samples, scores and tables, byte for byte, from nothing."""
    for name in ("results", "reports", "data/prepared", ".snakemake"):
        shutil.rmtree(project.folder / name)
    project.run("snakemake", "--cores", "1", "--no-hooks")
    assert project.contents() == built.contents()


def test_a_killed_parent_and_a_killed_client(begun: Project, undisturbed: Project, sockets: Path) -> None:
    """The jobs of a parent that is killed end, start again by themselves, and the run comes to its end with no fault.

    That of a client that is killed ends with it, and its rule fails; the next run goes on.
    """
    driver = start(begun, "snakemake", "--cores", "2")
    try:
        wait_for(begun.folder, SIDECAR)
        (parent,) = here(begun, is_parent)
        jobs = job_processes(begun)
        assert jobs
        assert {above(job) for job in jobs} == {parent}, "the jobs are forked from it"
        os.kill(min(here(begun, is_client)), signal.SIGKILL)
        os.kill(parent, signal.SIGKILL)
        output, _ = driver.communicate(timeout=300)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
    assert driver.returncode == 1
    assert output.count("Error in rule train_cell") == 1
    assert_nothing_is_left(begun, sockets)
    begun.run("snakemake", "--cores", "2")
    assert begun.contents() == undisturbed.contents()
    assert_nothing_is_left(begun, sockets)


def test_nothing_is_left_when_the_driver_was_killed(begun: Project, sockets: Path) -> None:
    """Its jobs come to their end, and then the parent and its socket are gone."""
    driver = start(begun, "snakemake", "--cores", "2")
    wait_for(begun.folder, SIDECAR)
    driver.kill()
    assert driver.stdout is not None
    driver.stdout.close()
    driver.wait()
    assert job_processes(begun)
    assert here(begun, is_parent)
    wait_for_jobs(begun)
    begun.run("scorebench", "resume")
    assert_nothing_is_left(begun, sockets)
