"""A verdict: property after property, each as far as the loss can be asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from scorebench.conformance._calls import Ended, Wrong
from scorebench.conformance._judge import Judge, Outcome
from scorebench.conformance._report import Report, judge_property
from scorebench.conformance._runs import Runs
from scorebench.conformance._statistics import LOOKS
from scorebench.conformance.properties import PROPERTIES
from scorebench.parts.wording import nearest

Show: TypeAlias = Callable[[str], None]
"""Told what is being tried, as it begins."""


def chosen(properties: Iterable[str] | None) -> list[str]:
    """These properties, or all of them.

    Raises:
        ValueError: an unknown one.
    """
    found = list(PROPERTIES if properties is None else properties)
    for name in found:
        if name not in PROPERTIES:
            raise ValueError(
                f"no property '{name}'{nearest(name, list(PROPERTIES))}; there are: {', '.join(PROPERTIES)}"
            )
    return found


def verdict(runs: Runs, name: str, properties: list[str], alpha: float, show: Show) -> Report:
    """Judge a loss.

    Raises:
        WrongReturn: it can't be called, or nothing that it returns is a number.
        Ended: its process ended, or its time was up, before any property was judged.
    """
    start, judge = time.perf_counter(), Judge(runs)
    show("the first call")
    judge.first_call()
    outcomes: dict[str, Outcome] = {}
    ended = ""
    for property_ in properties:
        if ended:
            outcomes[property_] = Outcome(not_tried=f"not tried: {ended}")
            continue
        show(property_)
        try:
            outcomes[property_] = PROPERTIES[property_](judge)
        except Ended as error:
            ended = str(error)
            outcomes[property_] = Outcome(not_tried=ended)
        except Wrong as error:
            outcomes[property_] = Outcome(faults=[f"{error}{REMEDIES.get(property_, '')}"])
    tests = sum(len(outcome.measurements) for outcome in outcomes.values())
    results = tuple(judge_property(p, o, alpha / (LOOKS * max(tests, 1))) for p, o in outcomes.items())
    told = runs.claims
    return Report(
        name, told.convention, alpha, tests, time.perf_counter() - start, results, told.changes_objective, ended or None
    )


REMEDIES = {
    "images": " (if it is for vectors alone, say so: --vectors, images=False)",
    "batch layout": " (if it is for batches of shape (n,) alone, say so: --flat, layout='flat')",
}
"""What a person may want to claim where a property raised."""
