"""What a run that was killed left behind: jobs that no driver waits for, here or in Slurm's queue, and its locks."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.cluster import slurm
from scorebench.study import results
from scorebench.study.stages import CARD, STAGES

if TYPE_CHECKING:
    import psutil

LOCKS = Path(".snakemake/locks")
MARKS = Path(".snakemake/incomplete")
PATIENCE = 60
"""Seconds that a process has to end by itself; a training finishes its step and writes a checkpoint."""


LAST = 20
"""Seconds that a Slurm job whose results are written has to end."""


CLIENT = "scorebench/running/client.py"
"""How the path of what a rule runs for a job ends."""


class StillDriven(RuntimeError):
    """A driver works in this folder: its jobs are no orphans."""


def processes() -> list[psutil.Process]:
    """This user's other processes that work in this folder."""
    import psutil

    others = []
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["cwd", "status"]):
        here = process.info["cwd"] == str(Path.cwd()) and process.info["status"] != psutil.STATUS_ZOMBIE
        if here and process.pid not in ours:
            others.append(process)
    return others


def words_of(process: psutil.Process) -> list[str]:
    """A command line, programs by name; [] of a process that is gone by now."""
    import psutil

    try:
        words = process.cmdline()
    except psutil.Error:
        return []
    while words and not words[-1]:  # what the command line of a forked job does not fill
        words.pop()
    return [Path(word).name if i < 3 else word for i, word in enumerate(words)]


def is_driver(words: list[str]) -> bool:
    """Whether a command line is that of a Snakemake that starts jobs (the one inside a cluster's job starts none).

    `scorebench stage`, which `dvc repro` runs, is one, too.
    """
    if "scorebench" in words[:3]:
        return command_of(words)[:1] == ["stage"]
    return "snakemake" in words[:3] and not {"--target-jobs", "--unlock", "-n", "--dry-run"} & set(words)


def is_job(words: list[str]) -> bool:
    """Whether a command line is that of a job of the workflow."""
    return "scorebench" in words[:3] and "--key" in words


def is_client(words: list[str]) -> bool:
    """Whether a command line is that of what a rule runs, which waits for a job or for the parent to begin one."""
    return any(word.endswith(CLIENT) for word in words[:4]) and "--key" in words


def command_of(words: list[str]) -> list[str]:
    """The command of a job, as it stands after `scorebench`, from its command line or that of its client."""
    place = words.index("scorebench") if "scorebench" in words[:3] else 3
    return words[place + 1 :]


def of_a_run() -> bool:
    """Whether a run is under way in this folder or was killed: it has locks, or files that it has not seen finished."""
    return any(path.is_file() for folder in (LOCKS, MARKS) for path in folder.rglob("*"))


def demand_no_driver() -> None:
    """Refuse to touch a run that is under way.

    Raises:
        StillDriven: a Snakemake works in this folder; says which.
    """
    for process in processes():
        if is_driver(words_of(process)):
            raise StillDriven(
                f"a run is under way in this folder: process {process.pid} ({' '.join(words_of(process))}). It goes on "
                f"by itself; to end it, `kill {process.pid}` lets its running jobs come to their end"
            )


def end_jobs(patience: float = PATIENCE) -> list[str]:
    """End jobs of this folder that no driver waits for: asked first, so that they keep what they have, then killed.

    A client ends with its job; one whose job has not begun is ended itself, else the job would begin later.
    What was done, one line each.
    """
    import psutil

    there = {process: words_of(process) for process in processes()}
    jobs = {process: command_of(words) for process, words in there.items() if is_job(words)}
    begun = list(jobs.values())
    jobs |= {
        p: command for p, words in there.items() if is_client(words) and (command := command_of(words)) not in begun
    }
    for process in jobs:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(list(jobs), timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE)
    told = []
    for process, command in jobs.items():
        how = f"killed, for it did not end within {patience:g} s" if process in alive else "ended"
        told.append(f"{how}: process {process.pid}: {' '.join(command)}")
    return told


def cancel(patience: float = PATIENCE) -> list[str]:
    """Cancel what was submitted from this folder and is still in Slurm's queue; trainings that run keep what they have.

    What was done, one line each.

    Raises:
        NoAnswer: a Slurm took jobs from this folder, and it does not answer.
    """
    end = time.monotonic() + min(patience, LAST)
    while any(_has_written(each) for each in slurm.submitted_from(Path())) and time.monotonic() < end:
        time.sleep(0.5)
    left = slurm.submitted_from(Path())
    if not left:
        return []
    slurm.ask("scancel", *(each.id for each in left))
    end = time.monotonic() + patience
    while (still := slurm.submitted_from(Path())) and time.monotonic() < end:
        time.sleep(1)
    told = [f"cancelled: Slurm job {each.id}: {each.comment.replace('_wildcards_', ' ')}" for each in left]
    return told + [f"still {each.state.lower()}: Slurm job {each.id}" for each in still]


def _has_written(job: slurm.Allocation) -> bool:
    """Whether a job's results are there: it only has to end. Cancelled now, its own Snakemake would remove them."""
    key = job.comment.rpartition("_")[2]
    folders = (stage.root("*") / "/".join("*" * (stage.depth - 1)) / key for stage in STAGES)
    return any(any(Path().glob(f"{folder}/{CARD}")) for folder in folders)


def unlock(study: Path) -> list[str]:
    """Remove the locks of a run that was killed. What was done, one line each."""
    if not any(LOCKS.glob("*")):
        return []
    said = _snakemake(study, "--unlock")
    if any(LOCKS.glob("*")):
        raise RuntimeError(f"Snakemake does not unlock this folder:\n{said}")
    return ["unlocked: the last run did not end by itself"]


def keep_finished(study: Path) -> list[str]:
    """Tell Snakemake that results are whole whose job came to its end after its driver: else it makes them again.

    Whole: the job's card, written last, is there, and so is all that it tells of, byte for byte. What was done, one
    line each.
    """
    marked: dict[Path, list[Path]] = {}
    for path in _marked():
        marked.setdefault(path.parent, []).append(path)
    whole = [folder for folder in sorted(marked) if results.is_whole(folder)]
    if whole:
        # its exit status says that it has no other record of them, which is right
        _snakemake(study, "--cleanup-metadata", *(str(path) for folder in whole for path in marked[folder]))
    return [f"kept: {folder} was finished without the driver" for folder in whole]


def _marked() -> list[Path]:
    """Files that Snakemake takes for half-written. Its marks are named by their paths in base64, in pieces of a name's
    length, all but the last of them folders that begin with an @.
    """
    names = ["".join(part.removeprefix("@") for part in path.relative_to(MARKS).parts)
             for path in MARKS.rglob("*") if path.is_file()]  # fmt: skip
    paths = []
    for name in names:
        with contextlib.suppress(ValueError):  # another file of Snakemake's
            paths.append(Path(base64.urlsafe_b64decode(name).decode()))
    return paths


def _snakemake(study: Path, *options: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", f"study={study}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
