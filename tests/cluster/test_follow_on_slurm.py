"""Training curves reach MLflow while the jobs run on the cluster, from one process."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from in_queue import until
from test_faults_on_slurm import driven, ends, nap

from project import Project

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

SOON = 15.0
"""Seconds within which a point must be there."""


def live_steps(database: Path) -> set[int]:
    """Steps of the tired training's loss that live runs hold."""
    if not database.exists():
        return set()
    question = (
        "SELECT step FROM metrics JOIN tags live USING (run_uuid) JOIN tags method USING (run_uuid)"
        " WHERE metrics.key = 'train/loss' AND live.key = 'current' AND live.value = 'live'"
        " AND method.key = 'method' AND method.value = 'tired'"
    )
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as reader:
        try:
            return {step for (step,) in reader.execute(question)}
        except sqlite3.OperationalError:  # its tables are being made
            return set()


def test_curves_are_in_mlflow_soon_and_live_runs_go_when_the_finished_ones_come(project: Project) -> None:
    project.edit("ema: 0.9, log_every: 10", "ema: 0.9, log_every: 1")
    project.run("scorebench", "track")  # a new database takes its time
    nap(project, 2)
    environment = os.environ | {"PYTHONPATH": str(project.folder / "src")}
    follower = subprocess.Popen(
        [sys.executable, "-m", "scorebench", "track", "--follow"],
        cwd=project.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        with driven(project) as driver:
            arrived: dict[int, float] = {}

            def eight_are_there() -> bool:
                for step in live_steps(project.folder / "mlflow.db") - arrived.keys():
                    arrived[step] = time.time()
                return len(arrived) >= 8

            until(eight_are_there, "eight points of the curve")
            nap(project, 0)
            ends(project, driver)
        began = [float(line) for line in (project.folder / "paces").read_text().split()]
        for step in sorted(arrived):
            computed = began[step - 1] + 2  # the nap comes first
            assert arrived[step] - computed < SOON, f"step {step} came after {arrived[step] - computed:.1f} s"
        said, _ = follower.communicate(timeout=120)
        assert follower.returncode == 0, said
    finally:
        follower.kill()
        follower.wait()
    current, others = project.tracked()
    assert len(current) == 3, "one run of the cell and one of each replicate"
    assert others == set(), "no live run is left"
