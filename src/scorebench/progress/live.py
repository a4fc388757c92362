"""A training's curve while it grows, in a file beside its results, for people to follow; nothing goes on from it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scorebench.progress.scratch import LIVE

EVERY = 5.0
"""Seconds between two writes."""
Row = tuple[int, int, str, float]
"""Replicate, step, metric, value."""


class Live:
    """Appends what a curve has gained since the last write, every few seconds.

    The first line says whose curve it is, and of which attempt; a later attempt begins the file anew.
    """

    def __init__(self, folder: Path, job: dict[str, str]) -> None:
        self.path, self.written, self.last = folder / LIVE, 0, float("-inf")
        self.head = {**job, "since": time.time()}

    def show(self, step: int, curve: Sequence[Row]) -> None:
        """After a step: write if it is time. A disk that can't be written does not end the training."""
        now = time.monotonic()
        if now - self.last < EVERY:
            return
        first = self.last == float("-inf")
        lines: list[Any] = [self.head] if first else []
        lines += [*curve[self.written :], {"step": step, "at": time.time()}]
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("w" if first else "a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in lines))
            self.written = len(curve)
        self.last = now


class Seen(NamedTuple):
    """What a live file says: the key of the job, since when it runs (s since 1970), the step and when, and all rows of
    the curve so far.
    """

    key: str
    since: float
    step: int
    at: float
    rows: list[Row]


def read(path: Path) -> Seen | None:
    """A live file, if it is there and holds something; a line that is just being written is left for later."""
    try:
        lines = list(_lines(path))
    except OSError:
        return None
    if not lines or not isinstance(lines[0], dict):
        return None
    marks = [line for line in lines[1:] if isinstance(line, dict) and {"step", "at"} <= line.keys()]
    if not marks:
        return None
    rows = [(int(r), int(s), str(m), float(v)) for r, s, m, v in (x for x in lines if isinstance(x, list))]
    head = lines[0]
    return Seen(str(head["key"]), float(head["since"]), int(marks[-1]["step"]), float(marks[-1]["at"]), rows)


def _lines(path: Path) -> Iterator[Any]:
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        with contextlib.suppress(ValueError):
            if line.endswith("\n"):
                yield json.loads(line)
