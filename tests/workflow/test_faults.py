"""Runs that are stopped, killed or starved go on: nothing half-written counts, nothing finished is redone.

With real processes, signals and file systems. What comes out is what an undisturbed run gives, byte for byte.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import LONG, assert_whole, job_processes, start, wait_for, wait_for_jobs
from project import Project

pytestmark = pytest.mark.slow

SIDECAR = "results/default/checkpoints/*/*/*/*/.progress.safetensors"


def resumed(project: Project) -> dict[str, list[int]]:
    """Method -> the steps from which its training went on."""
    cards = project.folder.glob("results/default/checkpoints/*/*/*/*/run.json")
    return {card.parts[-4]: json.loads(card.read_text())["facts"]["resumed_at"] for card in cards}


def go_on(project: Project, undisturbed: Project) -> None:
    """The same command again: it does the rest, and the end is that of an undisturbed run."""
    before = project.jobs()
    assert_whole(project)
    project.run("snakemake", "--cores", "2")
    after = project.jobs()
    assert {name: after[name] for name in before} == before, "what was finished is not redone"
    assert project.contents() == undisturbed.contents(), "and nothing else is left"
    assert "Nothing to be done" in project.run("snakemake", "-n", "--cores", "1")


@contextlib.contextmanager
def running(project: Project) -> Iterator[subprocess.Popen[str]]:
    """A run whose first training has a checkpoint."""
    driver = start(project, "snakemake", "--cores", "2")
    try:
        wait_for(project.folder, SIDECAR)
        yield driver
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()


def wait_until_asked(job: int, seconds: float = 300) -> None:
    """Until a process that is stopped has been sent SIGTERM."""
    end = time.monotonic() + seconds
    while True:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{job}/status").read_text().splitlines())
        if int(status["ShdPnd"], 16) & 1 << (signal.SIGTERM - 1):
            return
        assert time.monotonic() < end, f"process {job} was asked nothing in {seconds} s"
        time.sleep(0.02)


def test_ctrl_c_keeps_what_trainings_have(begun: Project, undisturbed: Project) -> None:
    """SIGINT to the driver and its jobs, as a terminal sends it; then the same command, nothing between."""
    with running(begun) as driver:
        os.killpg(driver.pid, signal.SIGINT)
        driver.communicate(timeout=300)
        assert driver.returncode != 0
    logs = [path.read_text() for path in begun.folder.glob("logs/default/train/*/*/*/*.log")]
    assert any(re.search(r"stopped by SIGINT after step \d+ of training: the next attempt", log) for log in logs)
    assert not any("Traceback" in log for log in logs)
    go_on(begun, undisturbed)
    assert any(resumed(begun).values())


def test_sigterm_to_the_driver_lets_jobs_end(begun: Project, undisturbed: Project) -> None:
    with running(begun) as driver:
        os.kill(driver.pid, signal.SIGTERM)
        output, _ = driver.communicate(timeout=300)
    assert "Will exit after finishing currently running jobs" in output
    assert len(resumed(begun)) == 2
    assert begun.run("scorebench", "resume").strip() == "nothing was left behind"
    go_on(begun, undisturbed)
    assert not any(resumed(begun).values())


def test_driver_killed_and_resumed(begun: Project, undisturbed: Project) -> None:
    """Its jobs live on without it; `scorebench resume` ends them, they keep what they have, and all goes on."""
    with running(begun) as driver:
        jobs = list(job_processes(begun))
        for job in jobs:
            os.kill(job, signal.SIGSTOP)  # else it may be done before it is asked to end
        said = begun.run("scorebench", "resume", ok=False)
        assert f"a run is under way in this folder: process {driver.pid}" in said
        assert "locked" in begun.run("snakemake", "--cores", "1", ok=False).lower()
        assert driver.poll() is None, "neither harms it"
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        resume = start(begun, "scorebench", "resume")
        for job in jobs:
            wait_until_asked(job)
            os.kill(job, signal.SIGCONT)
        said, _ = resume.communicate(timeout=300)
        assert re.search(r"ended: process \d+: train --study params.yaml --cell ring8/", said)
        assert "unlocked" in said
        go_on(begun, undisturbed)
    assert any(resumed(begun).values())


def test_a_job_that_outlives_its_driver_is_not_redone(begun: Project, undisturbed: Project) -> None:
    """Snakemake takes results for half-written whose end it has not seen; `scorebench resume` looks at them."""
    with running(begun) as driver:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        wait_for(begun.folder, "results/default/checkpoints/*/*/*/*/run.json")
        wait_for_jobs(begun)
        trained = len(resumed(begun))
        assert trained
        said = begun.run("scorebench", "resume")
        assert said.count("kept: results/default/checkpoints/") == trained
        go_on(begun, undisturbed)


def test_killed_jobs_go_on_in_the_next_run(begun: Project, undisturbed: Project) -> None:
    """One job killed without a word, one asked to end: the driver says that they failed, the rest is done."""
    with running(begun) as driver:
        pids: dict[str, int] = {}
        end = time.monotonic() + 300
        while len(pids) < 2 and time.monotonic() < end:
            cells = {words[words.index("--cell") + 1]: pid for pid, words in job_processes(begun).items()}
            for method in {path.parts[-4] for path in begun.folder.glob(SIDECAR)} - pids.keys():
                pids[method] = cells[f"ring8/{method}/log_uniform"]
                os.kill(pids[method], signal.SIGSTOP)  # it waits until the other has a checkpoint, too
            time.sleep(0.02)
        assert len(pids) == 2
        os.kill(pids["dsm"], signal.SIGKILL)
        os.kill(pids["ssm_vr"], signal.SIGTERM)
        os.kill(pids["ssm_vr"], signal.SIGCONT)
        output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 1
    assert output.count("Error in rule train_cell") == 2
    assert "exited with non-zero exit code 75" in output or "exit status 75" in output or "(exit code 75)" in output
    go_on(begun, undisturbed)
    assert all(resumed(begun).values())


# A job killed while it writes

WIDE = (
    LONG.replace("{width: 8, depth: 1}", "{width: 1000, depth: 2}")
    .replace("steps: 2500", "steps: 12")
    .replace("checkpoint_seconds: 0.2", "checkpoint_seconds: 0.001")
)
"""A network of megabytes, so that a write takes long enough to be seen; a checkpoint after the first step."""


@pytest.fixture(scope="module")
def wide(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("wide") / "project"
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    shutil.rmtree(folder / "results")
    (folder / "params.yaml").write_text(WIDE)
    return Project(folder)


TRAIN = ("scorebench", "train", "--cell", "ring8/dsm/log_uniform")


def killed_at_sight(project: Project, folder: Path, pattern: str) -> None:
    """Train, and kill it as soon as such a file is there; again where it was too quick."""
    for _ in range(5):
        job = start(project, *TRAIN)
        while job.poll() is None and not any(folder.glob(pattern)):
            time.sleep(0.001)
        job.kill()
        job.communicate()
        if any(folder.glob(pattern)):
            return
        shutil.rmtree(folder)
    raise AssertionError(f"no {pattern} was seen")


@pytest.mark.parametrize("name", ["model.safetensors", ".progress.safetensors"])
def test_a_job_killed_while_it_writes_leaves_nothing_half_written(wide: Project, name: str) -> None:
    """Killed at the sight of the temporary file: under the real name is nothing, or what was whole before."""
    wide.run(*TRAIN)
    folder = next(wide.folder.glob("results/default/checkpoints/ring8/dsm/log_uniform/*"))
    names = ("model.safetensors", "training.parquet")
    whole = {each: (folder / each).read_bytes() for each in names}
    shutil.rmtree(folder)
    killed_at_sight(wide, folder, f".{name}.*.tmp")
    assert not (folder / name).exists() or name.startswith(".progress")
    assert not (folder / "run.json").exists()
    wide.run(*TRAIN)
    assert {each: (folder / each).read_bytes() for each in names} == whole
    assert {path.name for path in folder.iterdir()} == {*names, "run.json"}


# A disk that fills up


@pytest.fixture
def small_disk(begun: Project) -> Iterator[Path]:
    """results/ on a file system of its own, which holds 48 kB."""
    results = begun.folder / "results"
    results.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs takes root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(results)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        yield results
    finally:
        subprocess.run(["umount", str(results)], check=False)


def test_a_disk_that_fills_up(begun: Project, undisturbed: Project, small_disk: Path) -> None:
    """Jobs fail and say why, nothing is half there; with room again, the same command does the rest."""
    said = begun.run("snakemake", "--cores", "2", ok=False)
    assert "Error in rule" in said
    logs = [path.read_text() for path in begun.folder.glob("logs/default/*/**/*.log")]
    assert any("No space left on device" in log for log in logs)
    assert not [path for path in small_disk.rglob("*") if path.name.endswith(".tmp")]
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    go_on(begun, undisturbed)
