"""What Slurm's queue holds of a project's jobs."""

import subprocess
import time
from collections.abc import Callable

from project import Project


def queue(project: Project) -> list[dict[str, str]]:
    """A folder's jobs that the cluster still knows, ended ones too."""
    columns = {"rule": "Comment:200", "gpus": "tres-per-job:40", "cpus": "NumCPUs:10", "memory": "MinMemory:20",
               "minutes": "TimeLimit:20", "state": "State:20", "folder": "WorkDir:400", "id": "JobID:20"}  # fmt: skip
    listed = subprocess.run(
        ["squeue", "--noheader", "--states=all", f"--Format={','.join(columns.values())}"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    widths = [int(column.partition(":")[2]) for column in columns.values()]
    found = []
    for line in listed.splitlines():
        row, at = {}, 0
        for name, width in zip(columns, widths, strict=True):
            row[name], at = line[at : at + width].strip(), at + width
        if row["folder"] == str(project.folder):
            found.append(row)
    return found


def of_cell(project: Project, rule: str, cell: str) -> list[dict[str, str]]:
    """The attempts of one job, the first one first."""
    names = f"rule_{rule}_wildcards_{cell.replace('/', '_')}_"
    return sorted((job for job in queue(project) if job["rule"].startswith(names)), key=lambda job: int(job["id"]))


def until(condition: Callable[[], object], what: str, seconds: float = 300) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
