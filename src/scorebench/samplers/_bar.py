"""A progress bar for samplers. No key holds this module (`study.keys.NOT_IN_KEYS`): it draws and decides no number."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from scorebench.samplers._steps import reporting


@contextmanager
def progress(description: str, calls: int = 1, show: bool | None = None) -> Iterator[None]:
    """A bar on stderr while samplers run inside: `with progress("flow", calls=3): ...` for three calls.

    Drawn where stderr is a terminal, or as `show` says; gone when it closes. Without it samplers draw nothing.
    """
    if not (sys.stderr.isatty() if show is None else show):
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, force_terminal=show), transient=True) as bar:
        task = bar.add_task(description, total=float(calls))
        with reporting(lambda fraction: bar.advance(task, fraction)):
            yield
