"""Where every job of a study stands, from what there is to see: result files, processes, Slurm's queue and logs.

Nothing is kept for this: a run that was killed leaves nothing wrong behind.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scorebench.cluster import slurm
from scorebench.study.plan import UPTO, Job

if TYPE_CHECKING:
    from scorebench.study.plan import Study

RULES = {
    "prepare": "prepare_dataset",
    "train": "train_cell",
    "sample": "sample_cell",
    "floor": "floor_dataset",
    "microscope": "microscope_dataset",
    "evaluate": "evaluate_cell",
    "report": "draw_report",
}
State = Literal["done", "running", "queued", "failed", "to do"]
SLURM_LOGS = Path(".snakemake/slurm_logs")
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


@dataclass(frozen=True)
class Failure:
    """A job that ended without its results: why, as far as Slurm says, and the last lines of its log."""

    job: Job
    log: Path
    lines: list[str]
    reason: str = ""


@dataclass
class Standing:
    """Jobs by stage and state, the failures, what is in Slurm's queue, and whether Snakemake runs here."""

    states: dict[Job, State]
    failures: list[Failure] = field(default_factory=list)
    allocations: Counter[str] = field(default_factory=Counter)
    driven: bool = False

    @property
    def stages(self) -> list[str]:
        """The stages that have jobs, in their order."""
        return list(dict.fromkeys(job.stage for job in self.states))

    def counts(self, stage: str) -> Counter[State]:
        """How many jobs of a stage are in which state."""
        return Counter(state for job, state in self.states.items() if job.stage == stage)

    @property
    def running(self) -> int:
        """Jobs under way now."""
        return sum(state == "running" for state in self.states.values())


def look(study: Study, tail: int = 5) -> Standing:
    """How a study stands now.

    Raises:
        NoAnswer: Slurm is here and does not answer.
    """
    here = slurm.jobs_of(Path())
    keys_queued = {_key(each): each.state for each in here}
    processes = _processes(Path.cwd())
    standing = Standing({}, allocations=Counter(each.state.lower() for each in here))
    standing.driven = any("snakemake" in words for words in processes)
    at_work = {words[words.index("--key") + 1] for words in processes if "--key" in words[:-1]}
    for stage in UPTO["report"]:
        for job in study.jobs(stage):
            key = study.key(job)
            log = log_of(study, job)
            if _is_done(study, job):
                state: State = "done"
            elif key in at_work or keys_queued.get(key, "PENDING") != "PENDING":
                state = "running"
            elif key in keys_queued:
                state = "queued"
            elif (failure := _failure(job, log, key, tail)) is not None:
                state = "failed"
                standing.failures.append(failure)
            else:
                state = "queued" if standing.driven else "to do"
            standing.states[job] = state
    return standing


def log_of(study: Study, job: Job) -> Path:
    """Where the rule of a job writes what it says."""
    if job.stage == "report":
        return Path("logs", study.name, "report/report.log")
    return Path("logs", study.name, job.stage, *job.names, f"{study.key(job)}.log")


def _is_done(study: Study, job: Job) -> bool:
    return study.report_is_current() if job.stage == "report" else study.is_there(job)


def _key(job: slurm.Allocation) -> str:
    """The key at the end of the comment that Snakemake gives a job: its rule and wildcards."""
    return job.comment.rpartition("_")[2]


def _processes(folder: Path) -> list[list[str]]:
    """Command lines of this machine's processes that work in a folder."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words, at = process.info["cmdline"], process.info["cwd"]
        if words and at == str(folder) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(words)
    return found


def _failure(job: Job, log: Path, key: str, tail: int) -> Failure | None:
    """Why a job that is neither there nor under way ended, if it ever began."""
    if job.stage == "report" and (not log.is_file() or _drew(log)):
        return None
    pattern = "*" if job.stage == "report" else f"*_{key}"
    logs = SLURM_LOGS.glob(f"rule_{RULES[job.stage]}/{pattern}/*.log") if SLURM_LOGS.is_dir() else iter(())
    last = max(logs, key=lambda path: path.stat().st_mtime, default=None)
    said = last.read_text(errors="replace") if last else ""
    reason = next((words for sign, words in REASONS.items() if sign in said), "")
    if log.is_file() and (lines := _last_lines(log, tail)) and not reason:
        return Failure(job, log, lines, reason)
    if last is None:
        return Failure(job, log, [], reason) if log.is_file() else None
    from_slurm = [line for line in _last_lines(last, 200) if line.startswith(("slurmstepd", "srun: error"))]
    return Failure(job, last, from_slurm[-tail:] if from_slurm else _last_lines(last, tail), reason)


def _drew(log: Path) -> bool:
    """Whether a report's log ends with the page that was drawn, maybe by an earlier plan: its name has no key."""
    return _last_lines(log, 1)[-1:] == [str(Path("reports", log.parts[1], "report.html"))]


def _last_lines(path: Path, count: int) -> list[str]:
    """The last lines that say something, without what a terminal would colour."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 20_000))
        text = file.read().decode(errors="replace")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line.split("\r")[-1].rstrip()) for line in text.splitlines()]
    return [line for line in lines if line][-count:]
