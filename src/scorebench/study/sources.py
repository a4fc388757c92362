"""The source of this package as it was when this process began, which is what it imported: keys are computed from it.

A file that is saved while a process runs would else be named in the keys of results that its older text has made. So
whatever runs jobs imports this module before any other of the package, and `edited` says what was saved since.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = (".py", ".j2", ".js", ".css")
DOUBTFUL = 2.0
"""Seconds between source and bytecode below which the source may have been saved again since, as far as times tell."""


def _read() -> dict[Path, bytes]:
    found = {}
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name != "__pycache__"]
        for path in (Path(folder, name) for name in names if name.endswith(KINDS)):
            try:
                found[path] = path.read_bytes()
            except FileNotFoundError:  # an editor's file that came and went, or a link that leads nowhere
                continue
    return found


def _drop_doubtful_bytecode() -> None:
    """Python takes bytecode for that of a source of the same second and size: drop what was compiled in that second."""
    for path in _BEGAN_WITH:
        if path.suffix == ".py":
            compiled = Path(importlib.util.cache_from_source(str(path)))
            with contextlib.suppress(OSError):
                if compiled.stat().st_mtime - path.stat().st_mtime < DOUBTFUL:
                    compiled.unlink()


_BEGAN_WITH = _read()
_drop_doubtful_bytecode()


def content(path: Path) -> bytes:
    """A file's bytes as this process found them."""
    return _BEGAN_WITH[path] if path in _BEGAN_WITH else path.read_bytes()


def edited() -> list[Path]:
    """Files of the package that hold something else now, or are gone."""
    now = _read()
    return [path for path, held in _BEGAN_WITH.items() if now.get(path) != held]
