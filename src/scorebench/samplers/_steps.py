"""How samplers say how far they are: fractions of a call, told to whoever listens; mostly nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_report: ContextVar[Callable[[float], None] | None] = ContextVar("report", default=None)


@contextmanager
def reporting(report: Callable[[float], None]) -> Iterator[None]:
    """While this lasts, samplers tell `report` the fraction of a call that was just done."""
    token = _report.set(report)
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
