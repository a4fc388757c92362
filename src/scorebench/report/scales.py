"""D(sigma) of every cell as tables: what a reader without scripts, or of paper, has in place of the charts."""

from __future__ import annotations

from dataclasses import dataclass

from scorebench.evidence.table import Curve
from scorebench.evidence.words import number
from scorebench.report.results import Results


@dataclass
class ScaleTable:
    """One schedule: its noise levels, and per method the means over replicates, as text."""

    schedule: str
    sigmas: list[str]
    lines: list[tuple[str, list[str]]]


def scale_tables(results: Results, dataset: str) -> list[ScaleTable]:
    """A table per schedule of more than one noise level."""
    tables = []
    for schedule in results.schedules(dataset):
        curves = {
            method: curve
            for method in results.methods(dataset)
            if len(curve := results.curve(dataset, method, schedule)) > 1
        }
        sigmas = sorted({sigma for curve in curves.values() for sigma in curve})
        lines = [(method, [_mean(curve, sigma) for sigma in sigmas]) for method, curve in curves.items()]
        if lines:
            tables.append(ScaleTable(schedule, [number(sigma, 2) for sigma in sigmas], lines))
    return tables


def _mean(curve: Curve, sigma: float) -> str:
    return number(curve[sigma].mean, 2) if sigma in curve else ""
