"""What a study would cost, from what earlier runs of the same places took."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.running.verify import ATTIC, JOBS, job_folders
from scorebench.study.durations import duration
from scorebench.study.plan import Job

if TYPE_CHECKING:
    from scorebench.study.plan import Study


@dataclass(frozen=True)
class Estimate:
    """Work that is to be done: jobs, seconds of one job after another, GPU-seconds, jobs without a record.

    The report is not counted among the jobs, for it takes moments: `report` says whether it is to be drawn.
    """

    jobs: int
    seconds: float
    gpu_seconds: float
    unknown: int
    report: bool

    def __str__(self) -> str:
        if not self.jobs:
            return "the report is to be drawn" if self.report else "everything is up to date"
        said = f"{self.jobs} jobs to run"
        if self.unknown == self.jobs:
            return f"{said}, cost unknown: no earlier runs"
        gpu = f"{duration(self.gpu_seconds)} of GPU time" if self.gpu_seconds else "no GPU"
        said += f", about {duration(self.seconds)} one after another, {gpu}"
        return said + (f", and {self.unknown} jobs of unknown cost" if self.unknown else "")


def to_run(study: Study) -> list[Job]:
    """Jobs whose results are not all there; the report if it is not of the planned key."""
    jobs = [job for stage in JOBS for job in study.jobs(stage) if not study.is_there(job)]
    return jobs if study.report_is_current() else [*jobs, Job("report")]


def records(study: Study) -> dict[tuple[str, ...], list[float]]:
    """Seconds that jobs took, by (stage, *place) and, for places never run, by what a place shares with others."""
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for stage in JOBS:
        folders = [*job_folders(study, stage), *(ATTIC / path for path in job_folders(study, stage, ATTIC))]
        for folder in folders:
            try:
                card = storage.read_json(folder / "run.json")
                names, seconds = str(card["at"]).split("/"), float(card["seconds"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # incomplete or damaged: `scorebench verify` says so
            for known in range(len(names), 0, -1):
                found[stage, *names[:known]].append(seconds)
    return found


def estimate(study: Study) -> Estimate:
    """What is to be done and what it would take: the median of the nearest places that were run before.

    Nearest: the same place with other settings, else the same data set and method, else the same data set.
    """
    needed = to_run(study)
    jobs = [job for job in needed if job.stage != "report"]
    known = records(study) if jobs else {}
    seconds = gpu_seconds = 0.0
    unknown = 0
    for job in jobs:
        places = [(job.stage, *job.names[:n]) for n in range(len(job.names), 0, -1)]
        near = [known[place] for place in places if place in known]
        if not near:
            unknown += 1
            continue
        took = statistics.median(near[0])
        seconds += took
        compute = getattr(study.params.compute, "evaluate" if job.stage == "floor" else job.stage)
        gpu_seconds += took * getattr(compute, "gpu", 0)
    return Estimate(len(jobs), seconds, gpu_seconds, unknown, report=len(needed) > len(jobs))
