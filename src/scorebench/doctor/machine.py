"""This machine: Python, packages, torch and its devices, disk, git."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.doctor import Check, Diagnosis

if TYPE_CHECKING:
    from scorebench.study.plan import Study

OLDEST = (3, 11)
LITTLE, TOO_LITTLE = 5.0, 0.5
"""Free disk, GB, below which a study may not fit, and below which nothing does."""


def python(study: Study) -> Iterator[Diagnosis]:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= OLDEST:
        yield Diagnosis("Python", "pass", f"{version}, {sys.executable}")
    else:
        wanted = ".".join(map(str, OLDEST))
        yield Diagnosis("Python", "fail", version, f"Python {wanted} or newer: make install PYTHON=python{wanted}")


def packages(study: Study) -> Iterator[Diagnosis]:
    """Installed versions against constraints.txt: numeric ones are in every key, so others make other results."""
    file = Path("constraints.txt")
    if not file.is_file():
        yield Diagnosis("packages", "warn", "constraints.txt is not in this folder", "run this in the project's folder")
        return
    pinned = dict(re.findall(r"^([\w.\[\]-]+)==([^\s;#]+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    others, absent = [], 0
    for name, wanted in pinned.items():
        try:
            found = importlib.metadata.version(name.partition("[")[0])
        except importlib.metadata.PackageNotFoundError:
            absent += 1  # of the extras that were not asked for, and for other systems
            continue
        if found.partition("+")[0] != wanted:
            others.append(f"{name} {found} (pinned: {wanted})")
    same = len(pinned) - len(others) - absent
    if others:
        shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        yield Diagnosis("packages", "warn", shown, "make install; with other versions results get other addresses")
    else:
        yield Diagnosis("packages", "pass", f"{same} as constraints.txt pins them, {absent} of it not installed")


def torch(study: Study) -> Iterator[Diagnosis]:
    """torch and the devices that it sees, against what the study asks for."""
    import torch

    asked = max(study.params.compute.train.gpu, study.params.compute.sample.gpu)
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Diagnosis("torch", "pass", f"{torch.__version__}, {len(names)} GPU: {', '.join(sorted(set(names)))}")
        return
    said = f"{torch.__version__}, no GPU here"
    if asked and shutil.which("sbatch") is None:
        yield Diagnosis(
            "torch", "warn", said, "the study asks for a GPU: it trains on the CPU here, which takes longer"
        )
    else:
        yield Diagnosis("torch", "pass", said)


def disk(study: Study) -> Iterator[Diagnosis]:
    """Free space where results are written."""
    free = shutil.disk_usage(".").free / 1e9
    said = f"{free:.1f} GB free"
    if free < TOO_LITTLE:
        yield Diagnosis("disk", "fail", said, "free some: `scorebench gc` says what no study names")
    elif free < LITTLE:
        yield Diagnosis("disk", "warn", said, "may not be enough: `scorebench gc` says what no study names")
    else:
        yield Diagnosis("disk", "pass", said)


def git(study: Study) -> Iterator[Diagnosis]:
    """Whether results can be traced to a commit."""
    try:
        done = subprocess.run(
            ["git", "status", "--porcelain", "--branch"], capture_output=True, text=True, timeout=60, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        yield Diagnosis("git", "warn", f"git can't be asked: {error}", "results can't name a commit: install git")
        return
    if done.returncode:
        advice = "results can't name a commit, and DVC needs one: git clone rather than a copied folder"
        yield Diagnosis("git", "warn", done.stderr.strip().partition("\n")[0], advice)
        return
    known = subprocess.run(["git", "ls-files", "--error-unmatch", study.file], capture_output=True, check=False)
    if known.returncode:
        advice = "results can't name a commit of this project: git clone rather than an unpacked archive"
        yield Diagnosis("git", "warn", f"the repository around this folder does not have {study.file}", advice)
        return
    branch, *changed = done.stdout.splitlines()
    branch = branch.removeprefix("## ").partition("...")[0]
    if changed:
        advice = "git commit: results made now are marked `dirty`"
        yield Diagnosis("git", "warn", f"{branch}, {len(changed)} files changed or new", advice)
    else:
        yield Diagnosis("git", "pass", f"{branch}, nothing uncommitted")


def home(study: Study) -> Iterator[Diagnosis]:
    """Whether the home can be written: Snakemake, DVC, matplotlib and MLflow keep caches and settings there."""
    try:
        place = Path.home()
        with tempfile.TemporaryFile(dir=place):
            pass
    except (OSError, RuntimeError) as error:
        advice = "Snakemake and DVC keep caches there and may end without saying so: export HOME=a folder of yours"
        yield Diagnosis("HOME", "fail", f"can't be written: {error}", advice)
        return
    yield Diagnosis("HOME", "pass", f"{place} can be written")


CHECKS: tuple[Check, ...] = (python, packages, torch, disk, home, git)
