"""A progress bar for samplers: they say how far they are, and nobody listens unless a bar is open."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_report: ContextVar[Callable[[float], None] | None] = ContextVar("report", default=None)


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
        token = _report.set(lambda fraction: bar.advance(task, fraction))
        try:
            yield
        finally:
            _report.reset(token)


def reporter() -> Callable[[float], None] | None:
    """What to tell the fraction of a call that was just done, if anybody listens."""
    return _report.get()


def steps_of(steps: Sequence[T]) -> Iterator[T]:
    """The steps of a sampler, one after another, each reported when it is done."""
    report = _report.get()
    if report is None:
        yield from steps
        return
    for step in steps:
        yield step
        report(1 / len(steps))
