"""`scorebench status`: what of a study is done, runs, waits and failed, and how long the rest may take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from scorebench.running.status import StudyStatus
    from scorebench.study.plan import Study

DEFAULT = Path("params.yaml")


def status(
    study: Annotated[Path, typer.Option("--study", help="the study file")] = DEFAULT,
    lines: Annotated[int, typer.Option("--lines", min=0, help="lines of a failed job's log")] = 5,
) -> None:
    """Show per stage what is done, running, queued and failed, why, and an estimate of the time left."""
    from scorebench.cluster import slurm
    from scorebench.running import status
    from scorebench.study.plan import Study

    loaded = Study(study)
    console = Console()
    try:
        now = status.look(loaded, lines)
    except slurm.NoAnswer as error:
        console.print(f"Slurm does not answer, so what it runs is not known: {error}", style="yellow", highlight=False)
        raise typer.Exit(1) from None
    table = Table(title=f"Study {loaded.name}", title_justify="left")
    table.add_column("stage")
    colours = {
        status.JobStatus.DONE: "green",
        status.JobStatus.RUNNING: "cyan",
        status.JobStatus.QUEUED: "",
        status.JobStatus.FAILED: "bold red",
        status.JobStatus.TO_DO: "dim",
    }
    for each in colours:
        table.add_column(each, justify="right")
    for stage in now.stages:
        counts = now.counts(stage)
        cells = [(f"[{c}]{counts[s]}[/]" if c else str(counts[s])) if counts[s] else "" for s, c in colours.items()]
        table.add_row(stage, *cells)
    console.print(table)
    for failure in now.failures:
        why = f": {failure.reason}" if failure.reason else ""
        console.print(f"[bold red]failed[/] {escape(str(failure.job))}{why} ({escape(str(failure.log))})")
        for line in failure.lines:
            console.print(f"    {line}", markup=False, highlight=False)
    if now.allocations:
        listed = ", ".join(f"{count} {state}" for state, count in sorted(now.allocations.items()))
        console.print(f"Slurm jobs of this folder: {listed}")
    console.print(left(loaded, now), highlight=False)


def left(study: Study, now: StudyStatus) -> str:
    """How long the rest may take, from what earlier jobs took and how many run at once."""
    from scorebench.running.costs import estimate

    rest = estimate(study)
    if not rest.jobs or rest.unknown == rest.jobs:
        return str(rest)
    threads = study.params.compute.train.threads
    at_once = min(rest.jobs, now.running or max(1, (os.cpu_count() or 1) // threads))
    minutes = rest.seconds / at_once / 60
    while_now = f"as now, {at_once}" if now.running else f"{at_once}"
    said = f"{rest.jobs} jobs left, about {minutes:.0f} min with {while_now} at once"
    said = said.replace("about 0 min", "less than a minute")
    return said + (f"; {rest.unknown} of them of unknown cost" if rest.unknown else "")
