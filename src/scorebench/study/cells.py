"""The cells of a study: which data sets, methods and noise schedules go together, and why others do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scorebench.study.schema import Block, Params


@dataclass(frozen=True, order=True)
class Cell:
    """A data set, a method and a noise schedule; `reason` says why it is not applicable, if it is not."""

    dataset: str
    method: str
    schedule: str
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.dataset}/{self.method}/{self.schedule}"


def grid(p: Params) -> Iterator[tuple[str, str, str]]:
    """Data set, method and schedule of every combination that a study asks for; some may come twice."""
    for block in p.grid or [Block()]:
        for dataset in block.datasets or p.datasets:
            for method in block.methods or p.methods:
                for schedule in block.schedules or p.schedules:
                    yield dataset, method, schedule
