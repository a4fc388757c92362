"""Is a result there, is it whole, and does the plan name it? Whoever asks, asks here.

The key stands in the path, so a planned result that is there is up to date. That all its files exist is asked of every
job whenever something is planned; that they hold what their card says takes reading them, and is asked by `verify`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scorebench import storage
from scorebench.specs.card import Card
from scorebench.study import keys
from scorebench.study.stages import CARD, STAGE

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study

C = TypeVar("C", bound=Card[Any, Any])
ATTIC = Path(".attic")
"""Holds results that a plan left behind; those in `damaged` are never taken back."""


class Damaged(ValueError):
    """A result that is there and can't be read, and what to do."""


def absent(study: Study, job: Job) -> list[str]:
    """Files of a job that are not there, as paths."""
    directory = study.directory(job)
    paths = (f"{directory}/{name}" for name in STAGE[job.stage].files)
    return [path for path in paths if not os.path.isfile(path)]  # noqa: PTH113  30,000 of them in a large study


def is_there(study: Study, job: Job) -> bool:
    """Whether all files of a job exist: then it needs no run."""
    return not absent(study, job)


def are_there(study: Study, jobs: Iterable[Job]) -> bool:
    """Whether all files of all these jobs exist."""
    return all(is_there(study, job) for job in jobs)


def missing(study: Study, stages: Iterable[str] = tuple(STAGE)) -> list[str]:
    """Planned files of these stages, or of all, that are not there."""
    return [path for stage in stages for job in study.jobs(stage) for path in absent(study, job)]


def card(study: Study, job: Job, kind: type[C]) -> C:
    """A job's provenance card, as of this kind.

    Raises:
        OSError: it is not there.
        Damaged: it is no such card.
    """
    try:
        return kind.model_validate(storage.read_json(study.card(job)))
    except ValueError as error:
        text = f"{study.card(job)} can't be read: {str(error).splitlines()[0]}; `scorebench verify --set-aside` moves"
        raise Damaged(f"{text} damaged results away, and the next run makes them anew") from None


def damage(folder: Path, names: Sequence[str] = (), key: str = "") -> Iterator[tuple[Path, str]]:
    """What in a folder of results is not as its card says: file and reason; nothing where there is no card.

    names: files that the card must tell of, besides those that it does. key: the key that it must have.
    """
    path = folder / CARD
    if not path.is_file():
        return
    try:
        held = storage.read_json(path)
        recorded, own_key = dict(held["outputs"]), held["key"]
    except (ValueError, KeyError, TypeError) as error:
        yield path, f"the card can't be read: {error}"
        return
    if key and own_key != key:
        yield path, f"the card says key {own_key}"
    for name in dict.fromkeys((*names, *recorded)):
        if name == CARD or not (folder / name).is_file():
            continue
        if name not in recorded:
            yield path, f"the card does not record {name}"
        elif keys.file_digest(folder / name) != recorded[name]:
            yield folder / name, "its hash is not the recorded one"


def is_whole(folder: Path) -> bool:
    """Whether a folder has a card, and all that this tells of, byte for byte."""
    try:
        recorded = storage.read_json(folder / CARD)["outputs"]
        return all((folder / name).is_file() for name in recorded) and not any(damage(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def folders(study: Study, stage: str, top: Path = Path()) -> list[Path]:
    """Folders that hold results of a stage, of any key, relative to `top`."""
    pattern = "/".join("*" * STAGE[stage].depth)
    return sorted(path.relative_to(top) for path in (top / study.root(stage)).glob(pattern) if path.is_dir())


def planned(study: Study, stages: Iterable[str] = tuple(STAGE)) -> dict[Path, Job]:
    """Folder -> job of all planned results of these stages, or of all."""
    return {study.directory(job): job for stage in stages for job in study.jobs(stage)}


def unplanned(study: Study, stage: str) -> list[Path]:
    """Folders that hold results of a stage and that the plan does not name."""
    named = planned(study, (stage,))
    return [folder for folder in folders(study, stage) if folder not in named]
