"""What a study is called: its results lie under its name, so no two study files of a folder share one."""

from __future__ import annotations

import os
from pathlib import Path

from scorebench.study.files import Fault, InvalidStudy
from scorebench.study.section import NAME

JOINT = "--"
"""Stands for the `/` in a path; so no file's own name may hold it."""
STUDIES = "studies"
SUFFIXES = (".yaml", ".yml")


def name_of(file: Path) -> str:
    """`default` for params.yaml, else the path from this folder or from studies/: exp1/params.yaml is `exp1--params`.

    Raises:
        InvalidStudy: it makes no name, or another study file has it.
    """
    here, place = Path.cwd(), Path(os.path.abspath(file))  # noqa: PTH100  a link keeps its own name
    parts = place.relative_to(here).with_suffix("").parts if place.is_relative_to(here) else (place.stem,)
    if parts[0] == STUDIES and len(parts) > 1:
        parts = parts[1:]
    name = "default" if parts == ("params",) else JOINT.join(parts)
    if not NAME.fullmatch(name) or any(JOINT in part for part in parts):
        text = (
            "the name of a study file, and of its folder, holds letters, digits, '_' and single '-' only, 64 at most in"
            f" all, because results are stored under it; this would be '{name}'"
        )
        raise InvalidStudy(file, [Fault(1, "", text)])
    for other in _of_that_name(name):
        if other.is_file() and not other.samefile(place):
            text = f"is the study '{name}', as {other} is, whose results lie there: give one of the files another name"
            raise InvalidStudy(file, [Fault(1, "", text)])
    return name


def _of_that_name(name: str) -> list[Path]:
    """Where study files of this name may be."""
    paths = ("params", "default") if name == "default" else (name.replace(JOINT, "/"),)
    return [Path(top, f"{path}{suffix}") for path in paths for top in ("", STUDIES) for suffix in SUFFIXES]


def demand_inside(file: Path) -> None:
    """Results of a study file elsewhere would lie here under its mere name, which many files may have.

    Raises:
        InvalidStudy: the file is not in this folder.
    """
    if not Path(os.path.abspath(file)).is_relative_to(Path.cwd()):  # noqa: PTH100
        text = f"is not in this folder, where its results would lie: copy it to {STUDIES}/"
        raise InvalidStudy(file, [Fault(1, "", text)])
