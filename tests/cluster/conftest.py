"""One real Slurm for the whole session, a study for it, and what an undisturbed run of that gives."""

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

FOLDER = Path(tempfile.gettempdir(), "slurm-local")

TIRED = '''\
"""DSM that naps and eats as the files `nap` (seconds a step) and `hog` (MB) say: the same numbers at another pace."""

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
        if Path("nap").exists():
            time.sleep(float(Path("nap").read_text() or 0))
        if Path("hog").exists() and not EATEN:
            EATEN.append(b"x" * (int(Path("hog").read_text()) * 1_000_000))
            time.sleep(3)
        return DenoisingScoreMatching()(score, batch, generator)
'''

NAMED = (("dsm: {objective: dsm}", "tired: {objective: tired}"), ("methods: [dsm]", "methods: [tired]"))
STUDY = TINY.replace(*NAMED[0]).replace(*NAMED[1]) + (
    "compute:\n"
    "  train: {threads: 1, mem_mb: 1000, runtime: 5, gpu: 1, checkpoint_seconds: 1}\n"
    "  sample: {threads: 1, mem_mb: 1000, runtime: 5}\n"
    "  evaluate: {threads: 1, mem_mb: 1000, runtime: 5}\n"
)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Path]:
    """A Slurm that offers 4 CPUs and 3 stand-in GPUs; the folder of its logs."""
    if sys.platform != "linux":
        pytest.skip("Slurm needs Linux")
    if shutil.which("dpkg-query") is None:
        pytest.skip("tests/cluster/slurm_local.sh installs Slurm from Debian's packages; there is no dpkg here")
    if os.geteuid() != 0:
        pytest.skip("tests/cluster/slurm_local.sh needs root: jobs look for /etc/slurm/slurm.conf")
    installed = control("install")
    if installed.returncode:
        pytest.skip(f"Slurm can't be installed here: {installed.stderr.strip()}")
    with pytest.MonkeyPatch.context() as patch, (FOLDER.with_suffix(".lock")).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # jobs look for one cluster per machine: another session ends first
        patch.setenv("SLURM_LOCAL_DIR", str(FOLDER))
        patch.setenv("SLURM_LOCAL_CPUS", "4")
        patch.setenv("SLURM_LOCAL_GPUS", "3")
        for name in [name for name in os.environ if name.startswith("SCOREBENCH_SLURM_")]:
            patch.delenv(name)
        patch.setenv("SCOREBENCH_SLURM_POLL_SECONDS", "1")
        patch.setenv("SCOREBENCH_SLURM_LATENCY_WAIT", "5")
        patch.setenv("SLURM_CONF", str(FOLDER / "etc/slurm.conf"))
        started = control("start")
        assert started.returncode == 0, started.stderr
        try:
            yield FOLDER / "log"
        finally:
            stopped = control("stop")
            assert stopped.returncode == 0, stopped.stderr


def tired_checkout(folder: Path) -> Project:
    """A project with the study of these tests."""
    project = checkout(folder, TINY)
    (folder / "src/scorebench/objectives/tired.py").write_text(TIRED)
    (folder / "params.yaml").write_text(STUDY)
    project.commit("A study for a cluster")
    return project


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study, built on this machine without a cluster and without faults."""
    project = tired_checkout(tmp_path_factory.mktemp("local") / "built")
    project.run("snakemake", "--cores", "2")
    return project


@pytest.fixture
def project(slurm: Path, tmp_path: Path) -> Project:
    """The study with nothing built yet, beside a running cluster."""
    return tired_checkout(tmp_path / "p")
