"""`scorebench ui`: MLflow's page for the results of a study, and where on it to look."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from scorebench.study.plan import Study

LOG = Path("logs/mlflow.log")
PATIENCE = 180.0
"""Seconds that MLflow may take to start; it takes ten where little else runs."""


def ui(
    study: Annotated[Path, typer.Option("--study", help="the study file")] = Path("params.yaml"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="of this machine, on loopback")] = 5000,
) -> None:
    """Bring finished results to MLflow and show them: prints where to look, one address per data set; Ctrl-C ends it.

    MLFLOW_TRACKING_URI says where runs are kept, else sqlite:///mlflow.db. Exit status 1 where the port is taken or
    MLflow does not start; its own words are in logs/mlflow.log.
    """
    from scorebench.tracking.track import DEFAULT_URI, pages, track

    loaded, uri = Study(study), os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    if not uri.startswith("http") and _taken(port):
        _give_up(f"port {port} is taken, perhaps by another MLflow: end that one, or take another with --port")
    track(loaded)
    if uri.startswith("http"):  # a server, which shows its runs itself
        print(f"MLflow is at {uri}")
        return
    signal.signal(signal.SIGTERM, _end)
    LOG.parent.mkdir(exist_ok=True)
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    with LOG.open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        print("starting MLflow", end="", flush=True)
        _await(server, port)
        print("\n\n" + "\n".join(pages(loaded, port)) + "\n\nCtrl-C ends it.", flush=True)
        server.wait()
        _give_up(f"MLflow has ended by itself; {LOG} may say why")
    except KeyboardInterrupt:
        print()
    finally:
        server.terminate()
        server.wait()


def _taken(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    """Until MLflow answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
            print(".", end="", flush=True)
    said = LOG.read_text(errors="replace").strip().splitlines()
    _give_up(f"\nMLflow did not start; {LOG} ends with: {said[-1] if said else 'nothing'}")


def _give_up(why: str) -> NoReturn:
    print(why, file=sys.stderr)
    raise typer.Exit(1)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise typer.Exit(128 + number)
