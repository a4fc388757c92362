"""`python -m snakemake`, `dvc` and `scorebench` for tests, forked from a process that has imported other libraries.

Most of the time of a short command is its imports. So each worker has one process that has done those of libraries,
never those of scorebench, whose source is the tested project's own; every command is a fork of it that runs the module
as `python -m` does: with its own folder, environment, path, arguments, files and exit. What a command itself starts, it
starts as ever.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARIES = (
    *("snakemake.cli", "snakemake_executor_plugin_slurm", "dvc.cli.parser", "dvc.repo", "dvc.repo.plots", "dvc_http"),
    *("mlflow", "mlflow.store.tracking.sqlalchemy_store", "mlflow.data.pandas_dataset", "mlflow.entities"),
    *("typer", "rich.table", "pyarrow.parquet", "ruamel.yaml", "grimp", "psutil", "jinja2"),
)
SECONDS = 600
"""How long a command may take."""


def run(words: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run `python -m` with these words there: exit status (negative: by which signal it ended), output then errors."""
    with tempfile.TemporaryDirectory() as top:
        files = [f"{top}/output", f"{top}/errors"]
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps([words, str(folder), environment, files]) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        return int(answer), "".join(Path(file).read_text(errors="replace") for file in files)


@functools.cache
def _server() -> subprocess.Popen[str]:
    """This process's own, which ends with it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(Path(__file__).resolve())]
    server = subprocess.Popen(
        command, cwd="/", env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.communicate)
    return server


def serve() -> None:
    """Fork for every line that is read; returns or exits in the forks, too."""
    del sys.path[0]  # the tests' own modules are none of a command's
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.partition(".")[0] == "scorebench"]
    gc.freeze()
    with contextlib.suppress(KeyboardInterrupt):
        for line in requests:
            child = os.fork()
            if not child:
                _become(*json.loads(line))
                return
            answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
            answers.flush()


def _become(words: list[str], folder: str, environment: dict[str, str], files: list[str]) -> None:
    signal.alarm(SECONDS)
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # as the new environment has it
    sys.path[:0] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve()
