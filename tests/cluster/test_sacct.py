"""A cluster that keeps accounts: sacct is found to answer, and is what tells how jobs fare."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_slurm import control
from test_faults_on_slurm import cancelled_job_goes_on

from project import Project

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


@pytest.fixture
def accounts(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same cluster with slurmdbd."""
    monkeypatch.setenv("SLURM_LOCAL_ACCOUNTING", "1")
    if (installed := control("install")).returncode:
        pytest.skip(f"slurmdbd and its database can't be installed here: {installed.stderr.strip()}")
    started = control("start")
    assert started.returncode == 0, started.stderr
    yield
    monkeypatch.setenv("SLURM_LOCAL_ACCOUNTING", "0")
    started = control("start")
    assert started.returncode == 0, started.stderr


def words(text: str) -> str:
    """A table without its lines."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.alone
@pytest.mark.xdist_group("alone")
def test_doctor_and_the_run_take_what_answers(project: Project, undisturbed: Project, accounts: None) -> None:
    said = words(project.run("scorebench", "doctor"))
    assert "sacct, every 1 s: its database answers" in said
    said = project.run("snakemake", "--cores", "8", "--profile", "slurm", "--verbose")
    assert "command=sacct" in said
    assert "command=squeue" not in said
    assert project.contents() == undisturbed.contents()
    (project.folder / "site.yaml").write_text("status_command: squeue\n")
    assert "squeue, every 1 s: site.yaml says so" in words(project.run("scorebench", "doctor"))


@pytest.mark.alone
@pytest.mark.xdist_group("alone")
def test_a_cancelled_job_goes_on_in_the_next_attempt(project: Project, undisturbed: Project, accounts: None) -> None:
    """sacct says `CANCELLED by 0`, not `CANCELLED`."""
    cancelled_job_goes_on(project, undisturbed)


def test_doctor_tells_what_is_offered_and_what_does_not_fit(project: Project) -> None:
    said = words(project.run("scorebench", "doctor"))
    assert "squeue, every 1 s: the cluster keeps no accounts" in said
    assert "partition local (default)" in said
    assert "4 CPUs" in said
    assert "3 GPU standin" in said
    assert "1 CPUs, 1000 MB, 5 min, 1 GPU: fits in local, all 3 attempts" in said
    project.edit("runtime: 5, gpu: 1", "runtime: 5000, gpu: 4")
    said = words(project.run("scorebench", "doctor", ok=False))
    assert "local has at most 1440 min, 3 GPU" in said
    project.edit("runtime: 5000, gpu: 4", "runtime: 500, gpu: 1")
    assert "attempt 3 would not fit in local" in words(project.run("scorebench", "doctor"))
