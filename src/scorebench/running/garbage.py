"""Removing results that no plan names: of no study file, and of no git revision that is to be kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from scorebench.running.verify import ATTIC, JOBS, job_folders
from scorebench.study.plan import FILES, Study


class NoPlan(ValueError):
    """A git revision that holds no plan."""


def named(studies: list[Study], revisions: list[str]) -> set[Path]:
    """Folders of results that the studies, or the plans kept in git at these revisions, name.

    Raises:
        NoPlan: git does not know a revision, or plan/default is not in it.
    """
    kept = {study.directory(job) for study in studies for stage in JOBS for job in study.jobs(stage)}
    for revision in revisions:
        for stage in FILES:
            if stage not in ("floor", "microscope", "report"):
                kept |= {_folder(stage, at, key) for at, key in _plan_at(revision, stage).items()}
    return kept


def _plan_at(revision: str, stage: str) -> dict[str, str]:
    command = ["git", "show", "--end-of-options", f"{revision}:plan/default/{stage}.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoPlan(f"'{revision}' holds no plan/default/{stage}.json: {done.stderr.strip()}")
    plan: dict[str, str] = json.loads(done.stdout)
    return plan


def _folder(stage: str, at: str, key: str) -> Path:
    for kind in ("floor", "microscope"):
        if at.startswith(f"{kind}/"):
            stage, at = kind, at.removeprefix(f"{kind}/")
    return Study.root_of("default", stage) / at / key


def unnamed(studies: list[Study], revisions: list[str]) -> list[Path]:
    """Folders of results, of these studies and in .attic/, that nothing names."""
    kept = named(studies, revisions)
    found = []
    for study in studies:
        for stage in JOBS:
            found += [path for path in job_folders(study, stage) if path not in kept]
            found += [ATTIC / path for path in job_folders(study, stage, ATTIC) if path not in kept]
            found += [ATTIC / "damaged" / path for path in job_folders(study, stage, ATTIC / "damaged")]
    return sorted(set(found))


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
