"""What a rule of the workflow calls: one function per stage, from its slice of the study and files to files.

A stage function takes `spec` (what it is told of the study; scorebench/specs/), the folders of its inputs by role, the
folder to write to, and `running` (who keeps its checkpoints and shows how far it is); it returns the facts that go into
the job's run.json. It knows nothing of Snakemake, DVC, MLflow or the study around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from scorebench.training.checkpoint import Course

Inputs: TypeAlias = dict[str, Path]
"""Folders of results that a job reads, by what it calls them."""


class Running:
    """What a job is given beside its spec, on which no result depends: who keeps its checkpoints, who is shown how far
    it is. This one is nobody.
    """

    @contextmanager
    def checkpoints(self, device: str) -> Iterator[Course | None]:
        """While this lasts, who keeps the checkpoints of trainings on this device; None: nobody."""
        yield None

    def shown(self, label: str, calls: int) -> AbstractContextManager[None]:
        """While this lasts, so many calls of a sampler are shown under this label."""
        return nullcontext()


UNATTENDED = Running()
"""Keeps nothing and shows nothing."""


def set_up(threads: int, gpu: bool = False) -> str:
    """Deterministic algorithms on so many threads, for both can change the last digits of a sum.

    Returns the device: `cuda` where a GPU is asked for and there is one, else `cpu`.
    """
    import os

    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is not deterministic without it
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms would import torch's compiler: a second
    torch.set_num_threads(threads)
    return "cuda" if gpu and torch.cuda.is_available() else "cpu"
