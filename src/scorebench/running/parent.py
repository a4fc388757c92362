"""The parent of a run's jobs on one machine: it has imported what they need, and forks one process for each.

A job often works for less time than its start takes, and most of that is imports. So Snakemake's main process starts a
parent before its first job, and each rule runs `client`, which asks the parent for the job; `forking` is what the
parent does. It ends with the run, if the process that started it is killed, too; the jobs that still run end first.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from scorebench.running.client import VARIABLE
from scorebench.running.forking import PATIENCE, ROOM
from scorebench.study import keys

if TYPE_CHECKING:
    from scorebench.study.plan import Study

THREADS = dict.fromkeys(
    [f"{name}_NUM_THREADS" for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")] + ["VECLIB_MAXIMUM_THREADS"], "1"
)
"""What Snakemake sets for a job of one thread. Libraries read it when imported: jobs of more threads start alone."""
LONGEST_PATH = 100
"""Bytes in the path of a socket that every system takes."""


def start(study: Study) -> None:
    """Start a parent for the jobs of a study that this process runs from now on; it ends when this process does.

    Where there can't be one, nothing happens, and jobs start as they do without.
    """
    if sys.platform != "linux":  # elsewhere threads that libraries start at import do not survive a fork
        return
    groups = (study.sources, study.networks, study.objectives, study.schedules, study.samplers)
    modules = {type(part).__module__ for group in groups for part in group.values()}
    folder = tempfile.mkdtemp(prefix="scorebench-")
    if len(os.fsencode(folder)) > LONGEST_PATH:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix="scorebench-", dir="/tmp")
    reading, writing = os.pipe()  # that the writing end is closed tells the parent that this process has ended
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/parent")
            listener.listen(1024)
            command = [sys.executable, "-m", "scorebench", "parent", folder, str(listener.fileno()), str(reading)]
            process = subprocess.Popen(
                [*command, *sorted(modules), "." * ROOM],
                env=os.environ | THREADS | {"PYTHONPATH": str(keys.ROOT.parent)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(listener.fileno(), reading),
                start_new_session=True,  # Ctrl-C reaches the clients, which tell their jobs
            )
    except OSError:  # no sockets in this file system, no process to be had
        os.close(writing)
        shutil.rmtree(folder, ignore_errors=True)
        return
    finally:
        os.close(reading)
    os.environ[VARIABLE] = f"{folder}/parent"
    atexit.register(_end, process, writing, folder)


def _end(process: subprocess.Popen[bytes], writing: int, folder: str) -> None:
    """Let the parent end, which it does when its last job has."""
    os.environ.pop(VARIABLE, None)
    os.close(writing)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    shutil.rmtree(folder, ignore_errors=True)
