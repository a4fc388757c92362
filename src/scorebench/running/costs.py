"""What a study would cost, from what earlier runs of the same places took."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.study import results
from scorebench.study.durations import duration
from scorebench.study.results import ATTIC
from scorebench.study.stages import CARD, STAGE

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study


@dataclass(frozen=True)
class Estimate:
    """Work that is to be done: jobs, seconds of one job after another, GPU-seconds, jobs without a record."""

    jobs: int
    seconds: float
    gpu_seconds: float
    unknown: int

    def __str__(self) -> str:
        if not self.jobs:
            return "everything is up to date"
        said = f"{self.jobs} job{'s' if self.jobs > 1 else ''} to run"
        if self.unknown == self.jobs:
            return f"{said}, cost unknown: no earlier runs"
        gpu = f"{duration(self.gpu_seconds)} of GPU time" if self.gpu_seconds else "no GPU"
        said += f", about {duration(self.seconds)} one after another, {gpu}"
        return said + (f", and {self.unknown} jobs of unknown cost" if self.unknown else "")


def to_run(study: Study) -> list[Job]:
    """Jobs whose results are not all there."""
    return [job for stage in STAGE for job in study.jobs(stage) if not results.is_there(study, job)]


def places(stage: str, names: list[str]) -> list[tuple[str, ...]]:
    """A place of a stage and those that share less and less with it, the nearest first."""
    return [(stage, *names[:count]) for count in range(len(names), 0, -1)] or [(stage,)]


def records(study: Study) -> dict[tuple[str, ...], list[float]]:
    """Seconds that jobs took, by (stage, *place) and, for places never run, by what a place shares with others."""
    took: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for stage in STAGE:
        kept = (ATTIC / path for path in results.folders(study, stage, ATTIC))
        for folder in (*results.folders(study, stage), *kept):
            try:
                card = storage.read_json(folder / CARD)
                names, seconds = [name for name in str(card["at"]).split("/") if name], float(card["seconds"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # incomplete or damaged: `scorebench verify` says so
            for place in places(stage, names):
                took[place].append(seconds)
    return took


def estimate(study: Study) -> Estimate:
    """What is to be done and what it would take: the median of the nearest places that were run before.

    Nearest: the same place with other settings, else the same data set and method, else the same data set.
    """
    jobs = to_run(study)
    known = records(study) if jobs else {}
    seconds = gpu_seconds = 0.0
    unknown = 0
    for job in jobs:
        near = [known[place] for place in places(job.stage, job.names) if place in known]
        if not near:
            unknown += 1
            continue
        took = statistics.median(near[0])
        seconds += took
        gpu_seconds += took * getattr(study.compute(job.stage), "gpu", 0)
    return Estimate(len(jobs), seconds, gpu_seconds, unknown)
