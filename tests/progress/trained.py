"""A small training as a job does it, and one in a process of its own that a signal from outside stops."""

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from scorebench.progress.attended import Attended
from scorebench.progress.checkpoints import Checkpoints
from scorebench.progress.stopping import Stopped
from scorebench.specs.train import TrainSpec
from scorebench.stages.train import train

SPEC = TrainSpec.model_validate({
    "seed": 3,
    "replicates": 2,
    "network": {"kind": "network", "name": "mlp", "options": {"width": 8, "depth": 1}},
    "schedule": {"kind": "schedule", "name": "minimax", "options": {}},
    "objective": {"kind": "objective", "name": "hybrid", "options": {"weighting": "learned"}},
    "training": {"steps": 1500, "batch": 16, "learning_rate": 0.003, "ema": 0.99, "log_every": 10},
})  # fmt: skip
KEY = "0123456789ab"
RESULTS = ("model.safetensors", "training.parquet")


def attended(out: Path, seconds: float = 0.05) -> Attended:
    return Attended(out, KEY, seconds)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def stop(data: dict[str, Path], out: Path, number: signal.Signals, step: int = 300, spec: TrainSpec = SPEC) -> str:
    """Train in another process, which gets a signal once it has done so many steps; what it said as it ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    child = context.Process(target=_train, args=(theirs, data, out, number, step, spec))
    child.start()
    theirs.close()
    try:
        assert ours.recv() == "ready"
        assert child.pid is not None
        os.kill(child.pid, number)
        said: str = ours.recv()
        child.join(300)
        assert child.exitcode == 0
    finally:
        child.kill()
        child.join()
    return said


def _train(parent: Connection, data: dict[str, Path], out: Path, number: int, step: int, spec: TrainSpec) -> None:
    import torch

    torch.set_num_threads(1)
    steps, due, handler = 0, Checkpoints.due, signal.getsignal(number)

    def watched(kept: Checkpoints) -> bool:
        nonlocal steps
        steps += 1
        if steps == step:
            parent.send("ready")
            while kept.signal is None:
                time.sleep(0.001)
        return due(kept)

    Checkpoints.due = watched  # type: ignore[method-assign]
    try:
        train(spec, data, out, attended(out))
    except Stopped as stopped:
        assert signal.getsignal(number) is handler, "as it was before"
        parent.send(str(stopped))
