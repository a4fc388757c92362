"""A job that somebody attends: its checkpoints are kept beside its results, its progress is drawn on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scorebench.progress.checkpoints import Checkpoints
from scorebench.samplers import progress
from scorebench.stages import Running


@dataclass(frozen=True)
class Attended(Running):
    """The job of this key, whose results go to `folder`. checkpoint_seconds (s): between two checkpoints."""

    folder: Path
    key: str
    checkpoint_seconds: float

    @contextmanager
    def checkpoints(self, device: str) -> Iterator[Checkpoints]:
        """A file beside the results, of this key and this device; signals end the job with a checkpoint."""
        kept = Checkpoints(self.folder, {"key": self.key, "device": device}, self.checkpoint_seconds)
        with kept.listening():
            yield kept

    def shown(self, label: str, calls: int) -> AbstractContextManager[None]:
        """A bar, where stderr is a terminal."""
        return progress(label, calls)
