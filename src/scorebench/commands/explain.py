"""`scorebench explain`: what the keys of a cell's jobs are made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def explain(
    at: Annotated[str, typer.Argument(metavar="CELL", help="dataset/method/schedule, a data set, or `report`")],
    study: Annotated[Path, typer.Option("--study", help="the study file")] = Path("params.yaml"),
    against: Annotated[str, typer.Option(help="a git commit: say which parts differ from it, and how")] = "",
) -> None:
    """Say what the keys of a cell's jobs are made of: why does this run again?"""
    from scorebench.study.explain import NoSuchCommit, compare
    from scorebench.study.explain import explain as told
    from scorebench.study.plan import Study

    loaded = Study(study)
    try:
        for line in compare(loaded, at, against) if against else told(loaded, at):
            print(line)
    except NoSuchCommit as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
