"""One real Slurm for all workers of a session, studies for it, and what undisturbed runs of them give."""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_slurm import control

from project import TINY, Project, checkout
from shared import locked, once

FOLDER = Path(tempfile.gettempdir(), "slurm-local")
BUSY = FOLDER.with_suffix(".busy")
"""Locked by tests that use the cluster."""

TIRED = '''\
"""DSM: waits while `hold` is there, and naps and eats as `nap` (seconds a step) and `hog` (MB) say: same results."""

import time
from pathlib import Path
from typing import ClassVar

from scorebench.objectives import Objective
from scorebench.objectives.dsm import DenoisingScoreMatching

EATEN = []


class Tired(Objective):
    """DSM, slowly."""

    requires_noise: ClassVar[bool] = True

    def __call__(self, score, batch, generator=None):
        """Per-sample losses."""
        with Path("paces").open("a") as paces:  # when each step began
            print(time.time(), file=paces)
        while Path("hold").exists():
            time.sleep(0.1)
        if Path("nap").exists():
            time.sleep(float(Path("nap").read_text() or 0))
        if Path("hog").exists() and not EATEN:
            EATEN.append(b"x" * (int(Path("hog").read_text()) * 1_000_000))
            time.sleep(3)
        return DenoisingScoreMatching()(score, batch, generator)
'''

NAMED = (("dsm: {objective: dsm}", "tired: {objective: tired}"), ("methods: [dsm]", "methods: [tired]"))
TWO = TINY.replace(*NAMED[0]).replace(*NAMED[1]) + (
    "compute:\n"
    "  train: {threads: 1, mem_mb: 1000, runtime: 5, gpu: 1, checkpoint_seconds: 1}\n"
    "  sample: {threads: 1, mem_mb: 1000, runtime: 5}\n"
    "  evaluate: {threads: 1, mem_mb: 1500, runtime: 5}\n"
)
"""A study of two cells, the tired one and another."""
ONE = TWO.replace("  ssm_vr: {objective: ssm_vr}\n", "")
"""The tired cell alone: a Slurm job costs seconds."""


@pytest.fixture(scope="session")
def slurm() -> Iterator[Path]:
    """A Slurm that offers 4 CPUs and 3 stand-in GPUs; the folder of its logs.

    Jobs look for one cluster per machine, so all workers use the same: the first starts it, the last stops it.
    """
    if sys.platform != "linux":
        pytest.skip("Slurm needs Linux")
    if shutil.which("dpkg-query") is None:
        pytest.skip("tests/cluster/slurm_local.sh installs Slurm from Debian's packages; there is no dpkg here")
    if os.geteuid() != 0:
        pytest.skip("tests/cluster/slurm_local.sh needs root: jobs look for /etc/slurm/slurm.conf")
    with pytest.MonkeyPatch.context() as patch, (FOLDER.with_suffix(".users")).open("a") as users:
        patch.setenv("SLURM_LOCAL_DIR", str(FOLDER))
        patch.setenv("SLURM_LOCAL_CPUS", "4")
        patch.setenv("SLURM_LOCAL_GPUS", "3")
        for name in [name for name in os.environ if name.startswith("SCOREBENCH_SLURM_")]:
            patch.delenv(name)
        patch.setenv("SCOREBENCH_SLURM_POLL_SECONDS", "1")
        patch.setenv("SCOREBENCH_SLURM_LONGEST_POLL_SECONDS", "1")
        patch.setenv("SCOREBENCH_SLURM_LATENCY_WAIT", "5")
        patch.setenv("SLURM_CONF", str(FOLDER / "etc/slurm.conf"))
        with locked(BUSY, fcntl.LOCK_SH), locked(FOLDER.with_suffix(".starting")):
            fcntl.flock(users, fcntl.LOCK_SH)
            installed = control("install")
            if installed.returncode:
                pytest.skip(f"Slurm can't be installed here: {installed.stderr.strip()}")
            started = control("start")
            assert started.returncode == 0, started.stderr
        try:
            yield FOLDER / "log"
        finally:
            with locked(FOLDER.with_suffix(".starting")), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while another worker uses it
                stopped = control("stop")
                assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def cluster(slurm: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The same for one test: shared with others, or by a test marked `alone` with none, for it restarts daemons."""
    alone = request.node.get_closest_marker("alone") is not None
    with locked(BUSY, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
        yield slurm


def tired_checkout(folder: Path, study: str) -> Project:
    """A project with a study of these tests."""
    project = checkout(folder, TINY)
    (folder / "src/scorebench/objectives/tired.py").write_text(TIRED)
    (folder / "params.yaml").write_text(study)
    project.commit("A study for a cluster")
    return project


def built(factory: pytest.TempPathFactory, name: str, study: str) -> Project:
    """A study, built on this machine without a cluster and without faults."""

    def build(folder: Path) -> None:
        tired_checkout(folder, study).run("snakemake", "--cores", "2")

    return Project(once(factory, name, build))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What the study of one cell gives."""
    return built(tmp_path_factory, "one", ONE)


@pytest.fixture(scope="session")
def undisturbed_two(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What the study of two cells gives."""
    return built(tmp_path_factory, "two", TWO)


@pytest.fixture
def project(cluster: Path, tmp_path: Path) -> Project:
    """The study of one cell with nothing built yet, beside a running cluster."""
    return tired_checkout(tmp_path / "p", ONE)


@pytest.fixture
def other(cluster: Path, tmp_path: Path) -> Project:
    """The same once more."""
    return tired_checkout(tmp_path / "other", ONE)


@pytest.fixture
def two(cluster: Path, tmp_path: Path) -> Project:
    """The study of two cells with nothing built yet, beside a running cluster."""
    return tired_checkout(tmp_path / "p", TWO)
