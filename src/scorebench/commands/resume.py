"""`scorebench resume`: clear away what a run that was killed left, so that the next one can go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scorebench import orphans, slurm


def resume(
    study: Annotated[Path, typer.Option("--study", help="the study file")] = Path("params.yaml"),
    patience: Annotated[float, typer.Option(help="seconds that a job has to end by itself")] = orphans.PATIENCE,
) -> None:
    """End the jobs that a killed run left behind and remove its locks; `make resume` then goes on with the study.

    Jobs keep their checkpoints. Jobs in Slurm's queue are cancelled. Refused while a run is under way in this
    folder.
    """
    try:
        orphans.demand_no_driver()
        told = [*orphans.cancel(patience), *orphans.end_jobs(patience), *orphans.unlock(study)]
        told += orphans.keep_finished(study)
    except (orphans.StillDriven, slurm.NoAnswer) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    for line in told or ["nothing was left behind"]:
        print(line)
