"""Where every job of a study stands, from what there is to see: result files, processes, Slurm's queue and logs.

Nothing is kept for this: a run that was killed leaves nothing wrong behind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.cluster import slurm
from scorebench.running import leftovers
from scorebench.study import results
from scorebench.study.stages import STAGE

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study

REASONS = {
    "exceeded memory limit": "it used more memory than it asked for",
    "oom_kill": "it used more memory than it asked for",
    "out-of-memory": "it used more memory than it asked for",
    "DUE TO TIME LIMIT": "its time was over",
    "DUE TO PREEMPTION": "another job took its place",
    "DUE TO NODE FAILURE": "its node failed",
    "CANCELLED AT": "it was cancelled",
}
"""What Slurm writes into its log of a job, and what that means."""


class JobStatus(StrEnum):
    """Where a job stands."""

    DONE = "done"
    RUNNING = "running"
    QUEUED = "queued"
    FAILED = "failed"
    TO_DO = "to do"


@dataclass(frozen=True)
class Failure:
    """A job that ended without its results: why, as far as Slurm says, and the last lines of its log."""

    job: Job
    log: Path
    lines: list[str]
    reason: str = ""


@dataclass
class StudyStatus:
    """Jobs and where they stand, the failures, what is in Slurm's queue, and whether Snakemake runs here."""

    jobs: dict[Job, JobStatus]
    failures: list[Failure] = field(default_factory=list)
    allocations: Counter[str] = field(default_factory=Counter)
    driven: bool = False

    @property
    def stages(self) -> list[str]:
        """The stages that have jobs, in their order."""
        return list(dict.fromkeys(job.stage for job in self.jobs))

    def counts(self, stage: str) -> Counter[JobStatus]:
        """How many jobs of a stage stand where."""
        return Counter(status for job, status in self.jobs.items() if job.stage == stage)

    @property
    def running(self) -> int:
        """Jobs under way now."""
        return sum(status is JobStatus.RUNNING for status in self.jobs.values())


def look(study: Study, tail: int = 5) -> StudyStatus:
    """How a study stands now.

    Raises:
        NoAnswer: a Slurm took jobs from here and does not answer.
    """
    here = slurm.submitted_from(Path())
    keys_queued = {_key(each): each.state for each in here}
    processes = [leftovers.words_of(process) for process in leftovers.processes()]
    now = StudyStatus({}, allocations=Counter(each.state.lower() for each in here))
    now.driven = any(map(leftovers.is_driver, processes))
    at_work = {words[words.index("--key") + 1] for words in processes if "--key" in words[:-1]}
    for job in results.planned(study).values():
        key = study.key(job)
        if results.is_there(study, job):
            status = JobStatus.DONE
        elif key in at_work or keys_queued.get(key, "PENDING") != "PENDING":
            status = JobStatus.RUNNING
        elif key in keys_queued:
            status = JobStatus.QUEUED
        elif (failure := _failure(study, job, tail)) is not None:
            status = JobStatus.FAILED
            now.failures.append(failure)
        else:
            status = JobStatus.QUEUED if now.driven else JobStatus.TO_DO
        now.jobs[job] = status
    return now


def reasons(study: Study, most: int = 3) -> Iterator[str]:
    """Lines on the jobs that failed, this many of them: which, where its log is, and how that ends."""
    failures = look(study).failures
    for each in failures[:most]:
        yield f"failed: {each.job}{f': {each.reason}' if each.reason else ''} ({each.log})"
        yield from (f"  {line}" for line in each.lines)
    if len(failures) > most:
        yield f"and {len(failures) - most} more: `scorebench status` shows them"


def log_of(study: Study, job: Job) -> Path:
    """Where the rule of a job writes what it says."""
    return Path("logs", study.name, job.stage, *job.names, f"{study.key(job)}.log")


def _key(job: slurm.Allocation) -> str:
    """The key at the end of the comment that Snakemake gives a job: its rule and wildcards."""
    return job.comment.rpartition("_")[2]


def _failure(study: Study, job: Job, tail: int) -> Failure | None:
    """Why a job that is neither there nor under way ended, if it ever began."""
    log = log_of(study, job)
    pattern = f"rule_{STAGE[job.stage].rule}/*{study.key(job)}/*.log"
    logs = slurm.LOGS.glob(pattern) if slurm.LOGS.is_dir() else iter(())
    last = max(logs, key=lambda path: path.stat().st_mtime, default=None)
    said = last.read_text(errors="replace") if last else ""
    reason = next((words for sign, words in REASONS.items() if sign in said), "")
    if log.is_file() and (lines := _last_lines(log, tail)) and not reason:
        return Failure(job, log, lines, reason)
    if last is None:
        return Failure(job, log, [], reason) if log.is_file() else None
    from_slurm = [line for line in _last_lines(last, 200) if line.startswith(("slurmstepd", "srun: error"))]
    return Failure(job, last, from_slurm[-tail:] if from_slurm else _last_lines(last, tail), reason)


def _last_lines(path: Path, count: int) -> list[str]:
    """The last lines that say something, without what a terminal would colour."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 20_000))
        text = file.read().decode(errors="replace")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line.split("\r")[-1].rstrip()) for line in text.splitlines()]
    return [line for line in lines if line][-count:]
