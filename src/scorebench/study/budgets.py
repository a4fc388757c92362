"""What a cell may spend in training, so that methods are compared at equal steps, evaluations or time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.learning import LESSONS, Learner
from scorebench.specs.train import ChosenRate, FixedRate
from scorebench.study.schema import Params

if TYPE_CHECKING:
    from scorebench.objectives import Objective


class NoCosts(ValueError):
    """Measured times that a budget of time needs are not there; says how to measure them."""


def training(
    p: Params, objectives: dict[str, Objective], at: tuple[str, str, str], dimension: int
) -> FixedRate | ChosenRate:
    """The section `training` of a cell (data set, method, schedule), its budget turned into steps and a batch.

    `evaluations`: as many as the reference takes at its batch, in as many steps. `time`: as long as the reference
    takes, at the same batch.

    Raises:
        NoCosts: a budget of time, and no measured times.
    """
    method = p.methods[at[1]]
    found = p.training.model_dump(exclude_none=True)
    changed = method.training.model_dump(exclude_none=True)
    for given, other in (("learning_rate", "learning_rates"), ("learning_rates", "learning_rate")):
        if given in changed:
            found.pop(other, None)
    found |= changed
    if "learning_rates" not in found:
        found.pop("trials")
    if p.budgets is None or method.budget == "steps":
        return _typed(found)
    reference = p.methods[p.budgets.reference]
    if method.budget == "evaluations":
        own, measure = objectives[at[1]], objectives[p.budgets.reference]
        batch = reference.training.batch or p.training.batch
        found["batch"] = max(1, int(batch * measure.evaluations(dimension) / per_sample(own, dimension)))
    else:
        costs = measured(p.budgets.costs)
        steps = reference.training.steps or p.training.steps
        found["steps"] = max(
            1, round(steps * _cost(p, costs, at[0], p.budgets.reference, at[2]) / _cost(p, costs, *at))
        )
    return _typed(found)


def _typed(told: dict[str, object]) -> FixedRate | ChosenRate:
    return (ChosenRate if "learning_rates" in told else FixedRate).model_validate(told)


def per_sample(objective: Objective, dimension: int) -> float:
    """Evaluations of the network that a sample takes in training, products with the Jacobian and lessons counted."""
    evaluations = objective.evaluations(dimension)
    return evaluations * (1 + LESSONS if isinstance(objective, Learner) else 1)


def measured(file: str | None) -> dict[str, float]:
    """Milliseconds per step by cell, as benchmarks/step_costs.py wrote them.

    Raises:
        NoCosts: no file is named, it is not there, or it holds something else.
    """
    if file is None:
        raise NoCosts("a budget of time needs `budgets.costs`, a file made by benchmarks/step_costs.py")
    try:
        found: dict[str, float] = json.loads(Path(file).read_text(encoding="utf-8"))["milliseconds"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoCosts(f"{file} holds no times as benchmarks/step_costs.py writes them: {error}") from None
    return found


def _cost(p: Params, costs: dict[str, float], dataset: str, method: str, schedule: str) -> float:
    at = f"{dataset}/{method}/{schedule}"
    if not costs.get(at, 0) > 0:
        file = p.budgets.costs if p.budgets else None
        raise NoCosts(f"{file} has no time of a step of {at}; `python benchmarks/step_costs.py STUDY` measures it")
    return costs[at]
