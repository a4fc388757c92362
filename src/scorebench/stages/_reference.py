"""Networks on which gradients are looked at: trained with the exact score, seen at the start, early and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from scorebench.learning import Learner, State
from scorebench.objectives.esm import ExplicitScoreMatching
from scorebench.training.loop import BLOCK, Optimisation, fit

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.networks import Network, Parameters
    from scorebench.noise import Schedule
    from scorebench.streams import Streams
    from scorebench.targets import GaussianMixture
    from scorebench.training.trials import Trial

EARLY = 0.1
"""Share of the training after which a network is early."""
PHASES = ("start", "early", "end")


class _Watched(ExplicitScoreMatching, Learner):
    """Explicit score matching that keeps the weights that it meets at one step; it learns nothing from them."""

    at: int
    _kept: dict[str, Tensor] = PrivateAttr(default_factory=dict)

    def begin(self, replicates: int, ladder: Tensor) -> State:
        """Something to be kept, so that there are trials."""
        return {"sigma": ladder.new_zeros(replicates, 1)}

    def learn(self, state: State, trial: Trial) -> State:
        """Look at the weights between two blocks of steps."""
        if trial.step == self.at:
            self._kept.update({name: weight.detach().clone() for name, weight in trial.parameters.items()})
        return state


def reference_networks(
    schedule: Schedule,
    network: Network,
    train: Tensor,
    validation: Tensor,
    optimisation: Optimisation,
    streams: Streams,
    target: GaussianMixture,
) -> dict[str, Parameters]:
    """Phase -> parameters of one network per replicate of `streams`, trained by explicit score matching.

    start: the initial weights. early: the weights after a tenth of the steps, as they were used in that step. end: the
    averaged weights after the last step.

    Raises:
        ValueError: a network whose training diverged, or too few steps for an early network.
    """
    early = round(EARLY * optimisation.steps / BLOCK) * BLOCK
    if early < BLOCK:
        raise ValueError(f"a tenth of {optimisation.steps} steps is no step: needs at least {10 * BLOCK} steps")
    watched = _Watched(at=early)
    fitted = fit(watched, schedule, network, train, validation, optimisation, streams, target)
    if set(fitted.status) != {"trained"}:
        raise ValueError(f"a reference network was not trained: {', '.join(fitted.status)}; lower its learning rate")
    start = network.initialise(tuple(train.shape[1:]), streams.at("initialise"))
    return dict(zip(PHASES, (start, watched._kept, fitted.parameters), strict=True))
