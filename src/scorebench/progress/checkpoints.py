"""A training's checkpoints in one file beside its results, written when it is time and when the job must end."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from scorebench import storage
from scorebench.progress.live import Live, Row
from scorebench.progress.scratch import CHECKPOINT
from scorebench.progress.stopping import SIGNALS, Stopped
from scorebench.training.checkpoint import MAIN, Note, TrainState

if TYPE_CHECKING:
    from torch import Tensor

SHARE = 100
"""A checkpoint is put off until training has taken so many times as long as the last one took."""


class Checkpoints:
    """The last checkpoint of a job in `.progress.safetensors` in the folder of its results, and notes.

    A job may be several trainings, one after another; each has a name. job: what a checkpoint must be of
    to be gone on from, as JSON holds it. A file that is damaged or of another job is named on standard error and moved
    aside, never used. The file holds a checksum of all that it says.
    """

    def __init__(self, folder: Path, job: dict[str, str], seconds: float) -> None:
        self.path, self.job, self.seconds = folder / CHECKPOINT, job, seconds
        self.notes: dict[str, Note] = {}
        self.cost = 0.0
        self.saved = time.monotonic()
        self.signal: signal.Signals | None = None
        self.left = self._read()
        self.live = Live(folder, job)

    def training(self, name: str) -> OneTraining:
        """Who keeps the checkpoints of a training of this name."""
        return OneTraining(self, name)

    def _read(self) -> tuple[str, TrainState] | None:
        """What was left here, and of which training, if it is whole and of this job; with it come the notes."""
        if not self.path.is_file():
            return None
        try:
            content = storage.read_about(self.path)
            tensors = storage.read_parameters(self.path)
            said, left, why = content["said"], None, None
            if content["checksum"] != _checksum(tensors, said):
                why = "its checksum is not that of its content"
            elif said["job"] != self.job:
                why = f"it is of another job: {_plain(said['job'])}, this is {_plain(self.job)}"
            else:
                left = said["training"], TrainState.of(tensors, said["facts"])
        except Exception as error:  # whatever a damaged file makes a reader say
            why = f"it can't be read: {type(error).__name__}: {error}"
        if why is not None:
            aside = self.path.with_name(f"{self.path.name}.refused")
            self.path.replace(aside)
            _say(f"not used: {self.path}: {why}. It is {aside.name} now; training begins anew.")
            return None
        self.notes.update(said["notes"])
        return left

    def due(self) -> bool:
        """Whether the time has come, or the job was asked to end."""
        return self.signal is not None or time.monotonic() - self.saved > max(self.seconds, SHARE * self.cost)

    def save(self, training: str, state: TrainState) -> None:
        """Write a checkpoint, all or nothing; one that can't be written is said and does not end the training.

        Raises:
            Stopped: the job was asked to end.
        """
        from safetensors import SafetensorError

        start = time.monotonic()
        tensors = {name: tensor.detach().cpu() for name, tensor in state.tensors().items()}
        said = {"job": self.job, "training": training, "notes": self.notes, "facts": state.history.facts()}
        kept = "the next attempt goes on from there"
        try:
            storage.write_parameters(self.path, tensors, {"checksum": _checksum(tensors, said), "said": said})
        except (OSError, SafetensorError) as error:
            kept = f"no checkpoint could be written: {error}"
            _say(f"{self.path}: {kept}")
        self.saved = time.monotonic()
        self.cost = self.saved - start
        if self.signal is not None:
            raise Stopped(f"stopped by {self.signal.name} after step {state.history.step} of {training}: {kept}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this lasts, a signal that asks the job to end makes the next step end with a checkpoint."""
        if threading.current_thread() is not threading.main_thread():  # only the main thread can
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)


@dataclass(frozen=True)
class OneTraining:
    """One training of a job: what `fit` takes as its progress."""

    kept: Checkpoints
    name: str

    def load(self) -> TrainState | None:
        """Where it was stopped, if it was this one."""
        if self.kept.left is None or self.kept.left[0] != self.name:
            return None
        state = self.kept.left[1]
        _say(f"going on from step {state.history.step} of {self.name}, as {self.kept.path} says")
        return state

    def show(self, step: int, curve: Sequence[Row]) -> None:
        """Let people see it; trials are not shown."""
        if self.name == MAIN:
            self.kept.live.show(step, curve)

    def due(self) -> bool:
        """Whether to save now."""
        return self.kept.due()

    def save(self, state: TrainState) -> None:
        """Write it. Raises Stopped where the job was asked to end."""
        self.kept.save(self.name, state)


def _checksum(tensors: dict[str, Tensor], said: dict[str, Any]) -> str:
    """SHA-256 over the names, types, shapes and bytes of the tensors and over what is said beside them."""
    import torch

    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _plain(job: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(job.items()))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
