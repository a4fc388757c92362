"""Networks on which gradients are looked at: trained with the exact score, seen at the start, early and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.learning import BLOCK
from scorebench.training.loop import Optimisation, Problem, fit

if TYPE_CHECKING:
    from scorebench.networks import Parameters

EARLY = 0.1
"""Share of the training after which a network is early."""
PHASES = ("start", "early", "end")


def reference_networks(problem: Problem, optimisation: Optimisation) -> dict[str, Parameters]:
    """Phase -> parameters of one network per replicate of the problem, whose objective is explicit score matching.

    start: the initial weights. early: the weights after a tenth of the steps, as they were used in that step. end: the
    averaged weights after the last step.

    Raises:
        ValueError: a network whose training diverged, or too few steps for an early network.
    """
    at = round(EARLY * optimisation.steps / BLOCK) * BLOCK
    if at < BLOCK:
        raise ValueError(f"a tenth of {optimisation.steps} steps is no step: needs at least {10 * BLOCK} steps")
    early: Parameters = {}

    def watch(step: int, weights: Parameters) -> None:
        if step == at:
            early.update({name: weight.detach().clone() for name, weight in weights.items()})

    fitted = fit(problem, optimisation, watch=watch)
    if not fitted.whole:
        raise ValueError(f"a reference network was not trained: {', '.join(fitted.status)}; lower its learning rate")
    start = problem.network.initialise(problem.event, problem.streams.at("initialise"))
    return dict(zip(PHASES, (start, early, fitted.parameters), strict=True))
