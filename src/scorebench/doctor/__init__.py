"""Is all here that a study needs? One diagnosis per thing that can be wrong, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scorebench.study.plan import Study

State = Literal["pass", "warn", "fail", "none"]


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at: `warn` is worse than it could be, `fail` stops a run, `none` is not here and not needed."""

    about: str
    state: State
    found: str
    advice: str = ""


Check = Callable[["Study"], Iterator[Diagnosis]]


def examine(study: Study) -> Iterator[Diagnosis]:
    """All diagnoses, in the order of a person's questions. A check that breaks is one too."""
    from scorebench.doctor import cluster, machine, stores

    checks: tuple[Check, ...] = (*machine.CHECKS, *stores.CHECKS, *cluster.CHECKS)
    for check in checks:
        about = check.__name__.replace("_", " ")
        try:
            yield from check(study)
        except Exception as error:
            yield Diagnosis(
                about, "fail", f"can't be found out: {type(error).__name__}: {error}", "this is a fault here"
            )
