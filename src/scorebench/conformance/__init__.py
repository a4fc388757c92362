"""The judge: any score matching loss against closed-form truth.

    from scorebench.conformance import check

    report = check(loss)          # loss(score, batch, generator) -> per-sample values
    report.passed, report.failed, report["law in sigma"].measured

The truth is a set of Gaussian families whose exact score, and whose exact objective for every score model that the
loss is given, are known in closed form (`_families`). Each property is a set of t-tests on independent blocks of
fresh data, all of them together at one false-alarm rate.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Unpack

from scorebench.conformance._claims import Claims, Loss, Told, claims_of
from scorebench.conformance._judge import Judge, Outcome
from scorebench.conformance._properties import PROPERTIES
from scorebench.conformance._report import Report, Result, judge_property
from scorebench.conformance._runs import Runs, WrongReturn
from scorebench.conformance._statistics import LOOKS
from scorebench.conformance.adapters import EnergyLoss, from_energy, mean_loss
from scorebench.parts.wording import nearest

ALPHA = 1e-6
"""Probability that a correct loss fails a verdict by chance: seldom enough for no failure in thousands of them."""

__all__ = [
    "ALPHA",
    "LOOKS",
    "PROPERTIES",
    "Claims",
    "EnergyLoss",
    "Loss",
    "Report",
    "Result",
    "Told",
    "WrongReturn",
    "check",
    "from_energy",
    "mean_loss",
]


def check(
    loss: Loss,
    *,
    seed: int = 0,
    alpha: float = ALPHA,
    properties: Iterable[str] | None = None,
    name: str = "",
    **claims: Unpack[Told],
) -> Report:
    """Judge a score matching loss.

    Args:
        loss: loss(score, batch, generator) -> per-sample values, of the shape of batch.sigma. `score(x, sigma)` maps
            (..., *event) and (...) to (..., *event); `batch` is a `scorebench.objectives.Batch`.
        seed: of the data and the probes.
        alpha: the probability that a correct loss fails anything by chance.
        properties: names of the properties to judge; all of them if not given.
        name: of the loss, in the report.
        claims: what the loss claims (`Claims`), where it is not to be read off the loss.

    Raises:
        ValueError: an unknown property.
        WrongReturn: the loss returns something that is not one value per sample.
    """
    start = time.perf_counter()
    told = claims_of(loss, **claims)
    judge = Judge(Runs(loss, told, seed))
    chosen = list(PROPERTIES if properties is None else properties)
    for property_ in chosen:
        if property_ not in PROPERTIES:
            raise ValueError(
                f"no property '{property_}'{nearest(property_, list(PROPERTIES))}; there are: {', '.join(PROPERTIES)}"
            )
    outcomes = {property_: _outcome(judge, property_) for property_ in chosen}
    tests = sum(len(outcome.measurements) for outcome in outcomes.values())
    results = tuple(judge_property(p, o, alpha / (LOOKS * max(tests, 1))) for p, o in outcomes.items())
    seconds = time.perf_counter() - start
    return Report(
        name or getattr(loss, "__name__", type(loss).__name__),
        told.convention,
        alpha,
        tests,
        seconds,
        results,
        told.changes_objective,
    )


def _outcome(judge: Judge, name: str) -> Outcome:
    """What was measured; an exception of the loss is a fault of that property."""
    try:
        return PROPERTIES[name](judge)
    except WrongReturn:
        raise
    except Exception as error:
        return Outcome(faults=[f"raised {type(error).__name__}: {error}"])
