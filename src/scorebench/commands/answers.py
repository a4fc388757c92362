"""`scorebench answers`: docs/answers.md and its figures from the published results."""

from __future__ import annotations

from typing import Annotated

import typer


def answers(
    check: Annotated[bool, typer.Option("--check", help="change nothing: status 1 if a file is not as made")] = False,
) -> None:
    """Write docs/answers.md and its figures from studies/results."""
    from scorebench import storage
    from scorebench.answers import made

    stale = False
    for path, content in made().items():
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        if check:
            typer.echo(f"{path} is not what studies/results makes: `make answers`", err=True)
            stale = True
        else:
            storage.write_text(path, content)
            typer.echo(str(path))
    raise typer.Exit(1 if stale else 0)
