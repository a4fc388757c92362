"""Whether DVC can version the results in this folder, and where it keeps earlier versions of them."""

from __future__ import annotations

import configparser
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.study.stages import STAGES

if TYPE_CHECKING:
    from scorebench.study.plan import Study

CONFIGS = (Path(".dvc/config"), Path(".dvc/config.local"))


def hindrance(study: Study) -> str | None:
    """Why DVC can't version the results of a study here, in a sentence; None where it can."""
    if not CONFIGS[0].is_file():
        return "there is no .dvc in this folder, so DVC versions nothing: run this in a clone of the project"
    inside = ["git", "rev-parse", "--is-inside-work-tree"]
    try:
        in_git = subprocess.run(inside, capture_output=True, check=False).returncode == 0
    except OSError:
        return "git is not installed, and DVC versions results together with it"
    if not (in_git or _said().getboolean("core", "no_scm", fallback=False)):
        return "this folder is in no git repository, with which DVC versions results: clone the project, or `git init`"
    for stage in STAGES:
        for folder in (stage.root(study.name), stage.shown_in(study.name)):
            for place in (folder, *folder.parents):
                if place.is_symlink():
                    return (
                        f"{place} is a link to {place.resolve()}, and DVC versions nothing behind a link: make it a"
                        " folder, with the other disk mounted there (`mount --bind`) if need be"
                    )
    return None


def _said() -> configparser.ConfigParser:
    """DVC's settings of this folder."""
    said = configparser.ConfigParser(interpolation=None)
    said.read(CONFIGS, encoding="utf-8")
    return said


def move_cache() -> Path | None:
    """Tell DVC to keep its cache elsewhere if this folder's path holds braces, in which it ends with `KeyError`.

    (dvc-data 3.18 makes a template of the cache's path.) The place, under $XDG_DATA_HOME or ~/.local/share; None where
    nothing was to be done: no braces, no DVC, or a person has said where the cache is.
    """
    here = Path.cwd()
    if not {"{", "}"} & set(str(here)) or not CONFIGS[0].is_file() or _said().has_option("cache", "dir"):
        return None
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    place = home / "scorebench" / f"dvc-{hashlib.sha256(os.fsencode(here)).hexdigest()[:12]}"
    subprocess.run([sys.executable, "-m", "dvc", "config", "--quiet", "--local", "cache.dir", str(place)], check=True)
    return place
