"""Daemons of a real Slurm that crash under a run and come back."""

import pytest
from in_queue import until
from local_slurm import control
from test_faults_on_slurm import assert_nothing_is_redone, checkpoint, driven, ends, nap

from project import Project

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.alone, pytest.mark.xdist_group("alone")]


def beside_is_done(project: Project) -> bool:
    """Whether Snakemake has seen the end of what runs beside the training.

    A controller that crashes forgets the ends of the last seconds, and such a job is tried again, as lost.
    """
    said = (project.folder / "said").read_text()
    return "(Rule: floor_dataset)" in said and "(Rule: advice_dataset)" in said


def test_a_controller_and_a_node_that_crash_are_waited_for(project: Project, undisturbed: Project) -> None:
    nap(project, 1)
    with driven(project) as driver:
        until(lambda: checkpoint(project), "a checkpoint")
        hold = project.folder / "hold"
        hold.touch()
        until(lambda: beside_is_done(project), "the end of the jobs beside it")
        for daemon in ("slurmctld", "slurmd"):
            assert control("kill", daemon).returncode == 0
        started = control("start")
        assert started.returncode == 0, started.stderr
        nap(project, 0)
        hold.unlink()
        ends(project, driver)
    assert project.contents() == undisturbed.contents()
    assert_nothing_is_redone(project)
