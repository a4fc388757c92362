"""Whose source? The command line serves the checkout that it stands in, whichever scorebench is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scorebench.study.sources import ROOT


def around(folder: Path) -> Path | None:
    """The checkout of this project in which a folder lies: the nearest, or none."""
    for top in (folder, *folder.parents):
        if (top / "Snakefile").is_file() and (top / "src/scorebench/__init__.py").is_file():
            return top
    return None


def is_of(checkout: Path) -> bool:
    """Whether this is the source of a checkout."""
    return (checkout / "src/scorebench").samefile(ROOT)


def serve() -> None:
    """Where this folder lies in a checkout with a source of its own, be the command line of that one.

    Its plan, its keys and what no plan names are its own: another checkout's source would say that nothing of it is
    done, and `gc` would remove it.

    Raises:
        SystemExit: that can't be done, and why.
    """
    here = around(Path.cwd())
    if here is None or is_of(here):
        return
    source, paths = str(here / "src"), os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if paths[0] == source:
        sys.exit(f"this scorebench is that of {ROOT}, and {here} has its own: `source` the environment of {here} first")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (source, *paths)))}
    os.execve(sys.executable, [sys.executable, "-m", "scorebench", *sys.argv[1:]], environment)
