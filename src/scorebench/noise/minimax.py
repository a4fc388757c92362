"""Minimax allocation: train most where the score is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.learning import average, begin, centres
from scorebench.noise._allocation import Allocation

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import State
    from scorebench.trials import Trial


class Minimax(Allocation):
    """The density over ln sigma that makes the largest error the smallest, by multiplicative weights.

    min over theta, max over p of E_{sigma ~ p} w(sigma) e(sigma): after every trial the mass of bin k becomes

        p_k <- p_k exp(rate e_k w_k / max_j e_j w_j),   normalised, and at least about floor / K

    (Sagawa et al. 2020, algorithm 1, with bins of ln sigma as groups). e(sigma) is the excess of the DSM loss over its
    smallest value, estimated without the exact score as 1/2 E||s - t||^2, t the posterior-mean score over 1,024
    training points, and averaged while the network trains. The weights stay w(sigma): the objective does change.

    Beware in high dimensions (d of about 10 and more) at small sigma: where a noised sample has one training point
    near, t is the target of DSM itself, e is then the whole loss of DSM, d / (2 sigma^2) times a factor near 1, and
    the mass runs to the smallest sigma though the score may be good there. Raise sigma_min or do not use it.
    """

    rate: Annotated[float, Field(gt=0, le=10)] = 0.1

    def mass(self) -> Tensor | None:
        """The mass that multiplicative weights have come to."""
        return None if self._learned is None else self._learned["mass"]

    def begin(self, replicates: int, ladder: Tensor) -> State:
        """The same mass for every bin."""
        sigma = centres(ladder, self.bins, replicates)
        return begin(sigma, excess=0 * sigma, mass=0 * sigma + 1 / self.bins)

    def learn(self, state: State, trial: Trial) -> State:
        """One step of multiplicative weights on the averaged excess."""
        sigma = state["sigma"]
        state = average(state, excess=self.weight(sigma) * trial.excess_loss(sigma))
        excess = state["excess"]
        grown = state["mass"] * (self.rate * excess / excess.amax(1, keepdim=True).clamp(min=1e-30)).exp()
        kept = (grown / grown.sum(1, keepdim=True)).clamp(min=self.floor / self.bins)
        return {**state, "mass": kept / kept.sum(1, keepdim=True)}
