"""What the workers of one session share."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def locked(file: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """A lock that processes take on a file: by one alone, or with LOCK_SH by many together."""
    with file.open("a") as lock:
        fcntl.flock(lock, how)
        yield


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """A folder that the first worker to ask for it builds, and that all may read."""
    top = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose own folder lies in that of the session
        top = top.parent
    folder, done = top / name, top / f"{name}.done"
    with locked(top / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker whose building failed
            build(folder)
            done.touch()
    return folder
