"""`scorebench doctor`: is all here that a study needs?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

DEFAULT = Path("params.yaml")
COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red", "none": "dim"}


def doctor(
    study: Annotated[Path, typer.Option("--study", help="the study file whose needs are checked")] = DEFAULT,
) -> None:
    """Check Python, disk, git, DVC, MLflow and Slurm; exit status 1 if something that a run needs fails."""
    from scorebench.doctor import examine
    from scorebench.study.plan import Study

    loaded = Study(study)
    table = Table(title=f"What study {loaded.name} needs, and what is here", title_justify="left")
    for heading in ("", "about"):
        table.add_column(heading, no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    failed = 0
    for each in examine(loaded):
        colour = COLOURS[each.state]
        said = "-" if each.state == "none" else each.state
        text = escape(each.found) + (f"\n[{colour}]to do:[/] {escape(each.advice)}" if each.advice else "")
        table.add_row(f"[{colour}]{said}[/]", escape(each.about), text)
        failed += each.state == "fail"
    Console().print(table)
    raise typer.Exit(1 if failed else 0)
