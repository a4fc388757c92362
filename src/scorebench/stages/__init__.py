"""What a rule of the workflow calls: one function per stage, from its slice of the study and files to files.

A stage function takes `spec` (the job's slice of the study), the folders of its inputs by role, and the folder
to write to; it returns the facts that go into the job's run.json. It knows nothing of Snakemake, DVC, MLflow or
the study around it.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from scorebench import parts

Spec = dict[str, Any]
Inputs = dict[str, Path]


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""What asks a job to end: Slurm and `kill`, Ctrl-C, Slurm's warning before the time limit."""


class Stopped(RuntimeError):
    """A job that was asked to end before its time; run again, it goes on from there."""


def built(part: dict[str, Any]) -> Any:
    """A part from its description in a spec."""
    return parts.build(part["kind"], part["name"], part["options"])


def set_up(spec: Spec) -> str:
    """Deterministic algorithms on as many threads as the spec says, for both can change the last digits of a sum.

    Returns the device: `cuda` where the study asks for a GPU and there is one, else `cpu`.
    """
    import os

    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is not deterministic without it
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms would import torch's compiler: a second
    torch.set_num_threads(int(spec.get("threads", 1)))
    return "cuda" if spec.get("gpu") and torch.cuda.is_available() else "cpu"
