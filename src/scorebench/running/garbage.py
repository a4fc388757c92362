"""Removing results that no plan names: of no study file, and of no git revision that is to be kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.running import agreement
from scorebench.study import results
from scorebench.study.results import ATTIC
from scorebench.study.stages import STAGE, TARGETS

if TYPE_CHECKING:
    from scorebench.study.plan import Study


class NoPlan(ValueError):
    """A git revision that holds no plan."""


def named(studies: list[Study], revisions: list[str]) -> set[Path]:
    """Folders of results that the studies, or the plans kept in git at these revisions, name.

    Raises:
        NoPlan: git does not know a revision, or it holds no plan of the default study.
    """
    kept = {folder for study in studies for folder in results.planned(study)}
    for revision in revisions:
        plans = {target: _plan_at(revision, target) for target in TARGETS}
        if not any(plans.values()):
            raise NoPlan(f"'{revision}' holds no {agreement.plan_file('default', TARGETS[0])}, or git does not know it")
        kept |= {folder for target, plan in plans.items() for folder in agreement.folders_of("default", target, plan)}
    return kept


def _plan_at(revision: str, target: str) -> dict[str, str]:
    """A plan file of a revision; empty where it has none: the stage may be newer."""
    command = ["git", "show", "--end-of-options", f"{revision}:./{agreement.plan_file('default', target)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    plan: dict[str, str] = {} if done.returncode else json.loads(done.stdout)
    return plan


def unnamed(studies: list[Study], revisions: list[str]) -> list[Path]:
    """Folders of results, of these studies and in .attic/, that nothing names."""
    kept = named(studies, revisions)
    told = []
    for study in studies:
        for stage in STAGE:
            told += [path for path in results.folders(study, stage) if path not in kept]
            told += [ATTIC / path for path in results.folders(study, stage, ATTIC) if path not in kept]
            told += [ATTIC / "damaged" / path for path in results.folders(study, stage, ATTIC / "damaged")]
    return sorted(set(told))


def size(folders: list[Path]) -> int:
    """Bytes that the files in these folders take."""
    return sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def remove(folders: list[Path]) -> None:
    """Delete these folders and what is empty above them."""
    for folder in folders:
        shutil.rmtree(folder)
        for above in folder.parents:
            if above == Path() or any(above.iterdir()):
                break
            above.rmdir()
