"""`scorebench gc`: remove results that no plan names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def gc(
    study: Annotated[list[Path] | None, typer.Option("--study", help="keep what this study names")] = None,
    rev: Annotated[
        list[str] | None, typer.Option("--rev", help="keep what the plan of this git revision names")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="remove; without it, only say what would be removed")] = False,
) -> None:
    """Remove results that no plan names: of params.yaml, of studies/*.yaml and of the revisions given."""
    from scorebench.running import garbage
    from scorebench.study import naming
    from scorebench.study.plan import Study

    files = study or [Path("params.yaml"), *sorted(Path("studies").glob("*.yaml"))]
    for file in files:
        naming.demand_inside(file)
    try:
        folders = garbage.unnamed([Study(file) for file in files], rev or [])
    except garbage.NoPlan as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    megabytes = garbage.size(folders) / 1e6
    for folder in folders:
        print(folder)
    if yes:
        garbage.remove(folders)
    removed = "removed" if yes else "would be removed; --yes does it"
    print(f"{len(folders)} folders, {megabytes:.1f} MB {removed}")
