"""`scorebench resume`: clear away what a run that was killed left, so that the next one can go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scorebench.cluster import slurm
from scorebench.running import leftovers


def resume(
    study: Annotated[Path, typer.Option("--study", help="the study file")] = Path("params.yaml"),
    patience: Annotated[float, typer.Option(help="seconds that a job has to end by itself")] = leftovers.PATIENCE,
) -> None:
    """End the jobs that a killed run left behind and remove its locks; `make resume` then goes on with the study.

    Jobs keep their checkpoints. Jobs in Slurm's queue are cancelled. Refused while a run is under way in this
    folder.
    """
    try:
        leftovers.demand_no_driver()
        told = [*leftovers.cancel(patience), *leftovers.end_jobs(patience), *leftovers.unlock(study)]
        told += leftovers.keep_finished(study)
    except (leftovers.StillDriven, slurm.NoAnswer) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    for line in told or ["nothing was left behind"]:
        print(line)
