"""Where jobs stand, from the processes that there are."""

import subprocess
import sys
from pathlib import Path

import pytest

from project import TINY
from scorebench.running.status import JobStatus, look
from scorebench.study.plan import Study


def test_jobs_of_a_run_are_queued_however_snakemake_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`snakemake` at a prompt is a Python that runs a file of this name; `python -m snakemake` names no file."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(TINY)
    Path("bin").mkdir()
    Path("bin/snakemake").write_text("import time; print('here', flush=True); time.sleep(600)")
    study = Study(Path("params.yaml"))
    assert set(look(study).jobs.values()) == {JobStatus.TO_DO}
    command = [sys.executable, tmp_path / "bin/snakemake", "--cores", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        run.stdout.readline()
        said = look(study)
        run.kill()
    assert said.driven
    assert set(said.jobs.values()) == {JobStatus.QUEUED}
