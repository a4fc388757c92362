"""`scorebench ui` with the real MLflow: its page is there where the addresses say, and ends with the command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow
STUDY = """\
title: Nothing is finished yet
seed: 1
replicates: 1
datasets: {ring: {source: ring}}
networks: {default: {network: mlp}}
methods: {dsm: {objective: dsm}}
schedules: {many: {schedule: log_uniform}}
samplers: {flow: {sampler: probability_flow}}
training: {steps: 1, batch: 8, learning_rate: 0.001}
sampling: {points: 100}
evaluation: {sigmas: {min: 0.1, max: 1, count: 2}, points: 100}
"""


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    (folder / "nothing.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "scorebench", "ui", "--study", "nothing.yaml", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def there(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_page_is_where_it_says_until_the_command_ends(tmp_path: Path, port: int, end: signal.Signals) -> None:
    shown = start(tmp_path, port)
    try:
        assert shown.stdout is not None
        said = []
        while "Ctrl-C ends it." not in (line := shown.stdout.readline()):
            assert line, shown.stderr.read() if shown.stderr else ""
            said.append(line.strip())
        page = rf"http://127\.0\.0\.1:{port}/#/experiments/\d+/runs\?workflowType=machine_learning"
        assert [line for line in said if re.fullmatch(rf"all runs: {page}", line)]
        assert [
            line for line in said if re.fullmatch(rf"ring: which method is best\? {page}&viewStateShareKey=ring", line)
        ]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            assert b"MLflow" in answer.read()
        second = start(tmp_path, port)
        assert f"port {port} is taken" in second.communicate(timeout=300)[1]
        assert second.returncode == 1
        os.killpg(shown.pid, end) if end == signal.SIGINT else shown.send_signal(end)
        assert shown.wait(300) == (0 if end == signal.SIGINT else 143)
        assert not there(port)
    finally:
        if shown.poll() is None:
            os.killpg(shown.pid, signal.SIGKILL)


def test_a_server_that_ends_by_itself_is_said(tmp_path: Path, port: int) -> None:
    shown = start(tmp_path, port)
    try:
        assert shown.stdout is not None
        while "Ctrl-C ends it." not in (line := shown.stdout.readline()):
            assert line, shown.stderr.read() if shown.stderr else ""
        for child in psutil.Process(shown.pid).children():
            child.terminate()
        assert "MLflow has ended by itself; logs/mlflow.log" in shown.communicate(timeout=300)[1]
        assert shown.returncode == 1
    finally:
        if shown.poll() is None:
            os.killpg(shown.pid, signal.SIGKILL)


def test_a_store_that_cannot_be_opened_is_said_before_anything_starts(tmp_path: Path, port: int) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    refused = start(tmp_path, port)
    said = refused.communicate(timeout=300)[1]
    assert refused.returncode == 2
    assert "mlflow.db" in said
    assert "Traceback" not in said
