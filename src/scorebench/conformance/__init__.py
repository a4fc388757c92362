"""The judge: any score matching loss against closed-form truth.

    from scorebench.conformance import check, check_file

    report = check(loss)          # loss(score, batch, generator) -> per-sample values
    report.passed, report.failed, report["law in sigma"].measured
    report = check_file("my_losses.py:my_loss")     # what `scorebench check` does: in a process of its own

The truth is a set of Gaussian families whose exact score, and whose exact objective for every score model that the
loss is given, are known in closed form (`_families`). Each property is a set of t-tests on independent blocks of
fresh data, all of them together at one false-alarm rate. Data are drawn, and verdicts made, by the judge's process: the
process of a loss in a file calls it, and nothing else (`_apart`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Unpack

from scorebench.conformance._apart import LIMIT, Apart, Asked, Tick, Unusable
from scorebench.conformance._calls import Ended, WrongReturn, answer
from scorebench.conformance._claims import Claims, Loss, Told, claims_of
from scorebench.conformance._disturbances import undisturbed
from scorebench.conformance._report import Report, Result
from scorebench.conformance._runs import Runs
from scorebench.conformance._statistics import LOOKS
from scorebench.conformance._verdict import chosen, verdict
from scorebench.conformance.adapters import EnergyLoss, PointLoss, from_energy, from_points, mean_loss
from scorebench.conformance.properties import PROPERTIES

ALPHA = 1e-6
"""Probability that a correct loss fails a verdict by chance: seldom enough for no failure in thousands of them."""

__all__ = [
    "ALPHA",
    "LIMIT",
    "LOOKS",
    "PROPERTIES",
    "Asked",
    "Claims",
    "EnergyLoss",
    "Loss",
    "PointLoss",
    "Report",
    "Result",
    "Told",
    "Unusable",
    "WrongReturn",
    "check",
    "check_file",
    "from_energy",
    "from_points",
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
    """Judge a score matching loss, called in this process.

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
        WrongReturn: the loss can't be called so, returns something that is not one value per sample, or no number.
    """
    told, names = claims_of(loss, **claims), chosen(properties)
    runs = Runs(partial(answer, loss, told.with_probes), told, seed)
    with undisturbed():
        return verdict(runs, name or getattr(loss, "__name__", type(loss).__name__), names, alpha, lambda what: None)


def check_file(
    loss: str,
    asked: Asked | None = None,
    *,
    seed: int = 0,
    alpha: float = ALPHA,
    properties: Iterable[str] | None = None,
    limit: float = LIMIT,
    show: Tick = lambda what, seconds: None,
) -> Report:
    """Judge the loss that FILE.py:NAME, or the name of an objective of ours, names, called in a process of its own.

    Whatever that does, exits, prints, ends, changes or never returns, is its own affair: a verdict is made here, of
    complete answers alone.

    Args:
        loss: FILE.py:NAME, or the name of an objective.
        asked: the form of the loss and its claims.
        seed, alpha, properties: as for `check`.
        limit: seconds after which the process is ended; what is not judged by then is undecided.
        show: told what is being tried and for how many seconds it has been, some times a second.

    Raises:
        ValueError: an unknown property.
        Unusable: there is no such loss, it can't be called, or its process ended before anything was judged.
    """
    names = chosen(properties)
    with Apart(loss, asked or Asked(), limit, show) as apart:
        try:
            runs = Runs(apart.answer, apart.claims, seed)
            report = verdict(runs, apart.name, names, alpha, apart.trying)
        except (WrongReturn, Ended) as error:
            raise Unusable(f"{loss}: {error}", apart.printed) from None
    return replace(report, printed=str(apart.printed) or None)
