"""Every result on disk against its recorded hash, and its key against the plan."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.running import shown
from scorebench.study import results
from scorebench.study.stages import STAGE

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study


@dataclass(frozen=True, order=True)
class Discrepancy:
    """Something that is not as the plan says: `missing`, `damaged`, `stale` or `orphaned`; where and why."""

    kind: str
    path: str
    why: str


def verify(study: Study) -> list[Discrepancy]:
    """All that differs from the plan.

    missing: a planned result that is not there. damaged: a file that is not what its card says was written, or a card
    that can't be read. stale: results of a planned place under another key, or a file that is shown and is not the
    planned one. orphaned: results of a place that the plan does not name.
    """
    told = [each for stage in STAGE for job in study.jobs(stage) for each in _job(study, job)]
    told += [each for stage in STAGE for each in _unplanned(study, stage)]
    told += [Discrepancy("stale", str(path), "not the planned results") for path in shown.others(study)]
    return sorted(told)


def _job(study: Study, job: Job) -> Iterator[Discrepancy]:
    absent, names = results.absent(study, job), STAGE[job.stage].files
    if len(absent) == len(names):
        yield Discrepancy("missing", str(study.directory(job)), f"{job} has not been run")
        return
    for path in absent:
        yield Discrepancy("missing", path, f"{job} is incomplete")
    for damaged, why in results.damage(study.directory(job), names, study.key(job)):
        yield Discrepancy("damaged", str(damaged), why)


def _unplanned(study: Study, stage: str) -> Iterator[Discrepancy]:
    places = {folder.parent for folder in results.planned(study, (stage,))}
    for folder in results.unplanned(study, stage):
        if folder.parent in places:
            yield Discrepancy("stale", str(folder), "another key of a planned place")
        else:
            yield Discrepancy("orphaned", str(folder), "the plan does not name this place")


def set_aside(study: Study, told: list[Discrepancy]) -> list[Path]:
    """Move damaged results, and all that was made from them, to .attic/damaged: the next run makes them anew."""
    damaged = {Path(each.path).parent for each in told if each.kind == "damaged"}
    bad = {job for folder, job in results.planned(study).items() if folder in damaged}
    for stage in STAGE:  # in their order, so that what was made from what was made from them goes too
        for job in study.jobs(stage):
            if bad & set(study.inputs(job).values()):
                bad.add(job)
    moved = []
    for job in sorted(bad):
        directory = study.directory(job)
        if directory.is_dir():
            kept = results.ATTIC / "damaged" / directory
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.move(directory, kept)
            moved.append(directory)
    return moved
