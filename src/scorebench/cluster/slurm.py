"""What the Slurm cluster says of itself: its settings, partitions, GPUs and jobs."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scorebench.cluster.site import BadSite, Site
from scorebench.parts.wording import nearest

PATIENCE = 30
"""Seconds for one answer: a busy controller takes some."""

LOGS = Path(".snakemake/slurm_logs")
"""Where Snakemake keeps what its jobs on a cluster said: there once it has submitted one from a folder."""


class NoAnswer(RuntimeError):
    """A command of Slurm that failed, and what it said."""


def ask(*command: str) -> str:
    """What a command of Slurm prints.

    Raises:
        NoAnswer: it is not there, fails or does not end.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except FileNotFoundError:
        raise NoAnswer(f"{command[0]} is not on this machine's path") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{command[0]} does not answer within {PATIENCE} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise NoAnswer(f"{command[0]}: {said.splitlines()[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout


def is_here() -> bool:
    """Whether this machine belongs to a Slurm: its commands alone, which a package brings, know of no cluster."""
    if shutil.which("sbatch") is None:
        return False
    if "SLURM_CONF" in os.environ or Path("/etc/slurm/slurm.conf").exists():
        return True
    try:
        ask("scontrol", "show", "config")
    except NoAnswer as error:
        return "configuration source" not in str(error)
    return True


@functools.cache
def configuration() -> dict[str, str]:
    """`scontrol show config`, by name.

    Raises:
        NoAnswer: no controller answers.
    """
    lines = (line.partition("=") for line in ask("scontrol", "show", "config").splitlines())
    return {name.strip(): value.strip() for name, equals, value in lines if equals}


def min_job_age() -> int:
    """Seconds for which squeue still shows a job that has ended.

    Raises:
        NoAnswer: no controller answers.
    """
    found = re.match(r"(\d+)", configuration().get("MinJobAge", ""))
    return int(found[1]) if found else 300


def accounting() -> str | None:
    """Why `sacct` can't tell how jobs fare; None if it can.

    Asked of sacct itself: the program is there without a database too, and then answers with nothing, for ever.
    """
    try:
        if configuration().get("AccountingStorageType", "").endswith("none"):
            return "the cluster keeps no accounts (AccountingStorageType is accounting_storage/none)"
        ask("sacct", "-X", "--noheader", "--starttime", "now-1hours", "--format", "JobIdRaw")
    except NoAnswer as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Partition:
    """A partition: its longest job in minutes (None: no limit), its largest node, and its GPUs per node by type."""

    name: str
    default: bool
    minutes: int | None
    cpus: int
    mem_mb: int
    gpus: dict[str, int]


def partitions() -> list[Partition]:
    """The partitions that are up.

    Raises:
        NoAnswer: no controller answers.
    """
    found: dict[str, Partition] = {}
    for line in ask("sinfo", "--noheader", "--exact", "--Node", "--format", "%P|%a|%l|%c|%m|%G").splitlines():
        name, state, limit, cpus, memory, gres = (text.strip() for text in line.split("|"))
        if state != "up":
            continue
        before = found.get(name.rstrip("*"))
        gpus = dict(before.gpus) if before else {}
        for kind, count in gpus_in(gres).items():
            gpus[kind] = max(count, gpus.get(kind, 0))
        sizes = int(cpus.rstrip("+")), int(memory.rstrip("+"))
        if before:
            sizes = max(before.cpus, sizes[0]), max(before.mem_mb, sizes[1])
        found[name.rstrip("*")] = Partition(name.rstrip("*"), name.endswith("*"), minutes(limit), *sizes, gpus)
    return list(found.values())


def gpus_in(gres: str) -> dict[str, int]:
    """GPUs per type in a node's gres, such as `gpu:a100:4(S:0-1),shard:8`; without a type, under an empty name."""
    found: dict[str, int] = {}
    for kind, count in re.findall(r"(?:^|,)gpu(?::([A-Za-z][\w.-]*))?(?::(\d+))?", gres):
        found[kind] = found.get(kind, 0) + int(count or 1)
    return found


def minutes(limit: str) -> int | None:
    """Slurm's time, `[days-]hours:minutes:seconds` or `minutes:seconds`, rounded down; None where it is `infinite`."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if found is None:
        return None
    days, hours, mins, _ = (int(text or 0) for text in found.groups())
    return (days * 24 + hours) * 60 + mins


@dataclass(frozen=True)
class StatusSource:
    """What tells how jobs fare, the seconds between two looks, and why this one."""

    command: str
    seconds: int
    why: str


def status_command(site: Site) -> StatusSource:
    """How Snakemake learns that a job has ended.

    Raises:
        BadSite: no way would work: Snakemake would wait for ever.
        NoAnswer: no controller answers.
    """
    silent = accounting()
    if silent is None and site.status_command != "squeue":
        return StatusSource("sacct", site.poll_seconds, "its database answers")
    if site.status_command == "sacct":
        raise BadSite(
            f"status_command: sacct can't tell how jobs fare here: {silent}; leave it out, or say squeue. With sacct, "
            "Snakemake would wait for ever for jobs that have ended"
        )
    # Below three polls, Snakemake's plugin turns to sacct by itself, without a word.
    seconds = min(site.poll_seconds, min_job_age() // 3)
    if seconds < 1 or (silent is not None and min_job_age() < site.longest_poll_seconds):
        raise BadSite(
            f"squeue forgets jobs {min_job_age()} s after their end (MinJobAge), sooner than Snakemake is sure to look"
            f" ({site.longest_poll_seconds} s)"
            + (f", and {silent}" if silent else "")
            + ": ask for a longer MinJobAge or for slurmdbd"
        )
    return StatusSource("squeue", seconds, silent or "site.yaml says so")


def demand(site: Site) -> None:
    """Check what a site says against what the cluster has.

    Raises:
        BadSite: it names a partition, or a type of GPU, that is not there; or there is no default partition.
        NoAnswer: no controller answers.
    """
    there = partitions()
    names = [each.name for each in there]
    for field in ("partition", "gpu_partition"):
        name = getattr(site, field)
        if name is not None and name not in names:
            raise BadSite(f"{field}: there is no '{name}' here{nearest(name, names)}; there are: {', '.join(names)}")
    if site.partition is None and not any(each.default for each in there):
        raise BadSite(
            f"partition: this cluster has no default one, so say one of {', '.join(names) or 'none that is up'} in"
            " site.yaml (site.example.yaml shows how) or as SCOREBENCH_SLURM_PARTITION"
        )
    usable = [each for each in there if site.gpu_partition in (None, each.name)]
    types = sorted({kind for each in usable for kind in each.gpus if kind})
    if site.gpu_type is not None and site.gpu_type not in types:
        said = f"; there are: {', '.join(types)}" if types else ": its GPUs have no types"
        raise BadSite(f"gpu_type: there is no '{site.gpu_type}' here{nearest(site.gpu_type, types)}{said}")


def job_name(folder: Path) -> str:
    """What the names of a folder's jobs begin with; Snakemake adds the id of the run."""
    return f"scorebench-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Allocation:
    """A job in Slurm's queue: its id, state, name and the comment that Snakemake gave it: its rule and wildcards."""

    id: str
    state: str
    name: str
    comment: str


def submitted_from(folder: Path) -> list[Allocation]:
    """The jobs that Snakemake submitted from a folder and that have not ended; none where there is no Slurm.

    A configuration whose controller is gone troubles nobody who never submitted a job.

    Raises:
        NoAnswer: there is one that took jobs from this folder, and it does not answer.
    """
    if not is_here():
        return []
    try:
        listed = [line.split("|", 3) for line in ask("squeue", "--noheader", "--format=%i|%T|%j|%k").splitlines()]
    except NoAnswer:
        if (folder / LOGS).is_dir():
            raise
        return []
    return [Allocation(*row) for row in listed if len(row) == 4 and row[2].startswith(job_name(folder))]
