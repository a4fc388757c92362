"""Minimax allocation: train most where the score is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.learning import average, begin, centres
from scorebench.noise._allocation import Allocation

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.training.lessons import Lesson


class Minimax(Allocation):
    """The density over ln sigma that makes the largest error the smallest, by multiplicative weights.

    min over theta, max over p of E_{sigma ~ p} w(sigma) e(sigma): after every lesson the mass of bin k becomes

        p_k <- p_k exp(rate e_k w_k / max_j e_j w_j),   normalised, and at least about floor / K

    (Sagawa et al. 2020, algorithm 1, with bins of ln sigma as groups), e_k counted as 0 where it is negative.
    e(sigma) is the excess of the DSM loss over its smallest value, E||s - s*||^2 / 2 without the exact score: the loss
    is averaged while the network trains, its smallest value is estimated from the training points beforehand (as
    Xu et al. 2025, arXiv 2506.13763, do for their schedule; here from pairs of points, see
    `objectives/_optimal_loss.py`). The weights stay w(sigma): it is the objective that changes.

    Beware in high dimensions: for d of about 10 and more, where sigma is so small that a noised sample has one
    training point near but not small against the finest structure, the smallest value comes out too large, the
    excess too small, and the mass goes elsewhere. On images that can be most of the range.
    """

    rate: Annotated[float, Field(gt=0, le=10)] = 0.1

    def mass(self) -> Tensor | None:
        """The mass that multiplicative weights have come to."""
        return None if self._learned is None else self._learned["mass"]

    def begin(self, replicates: int, ladder: Tensor) -> Learned:
        """The same mass for every bin."""
        sigma = centres(ladder, self.bins, replicates)
        return begin(sigma, excess=0 * sigma, optimum=0 * sigma, mass=0 * sigma + 1 / self.bins)

    def learn(self, learned: Learned, lesson: Lesson) -> Learned:
        """One step of multiplicative weights on the averaged excess."""
        sigma = learned["sigma"]
        if not bool(learned["count"].any()):
            learned = {**learned, "optimum": lesson.optimal_loss(sigma)}
        learned = average(learned, excess=self.weight(sigma) * (lesson.denoising_loss(sigma) - learned["optimum"]))
        excess = learned["excess"].clamp(min=0)
        grown = learned["mass"] * (self.rate * excess / excess.amax(1, keepdim=True).clamp(min=1e-30)).exp()
        kept = (grown / grown.sum(1, keepdim=True)).clamp(min=self.floor / self.bins)
        return {**learned, "mass": kept / kept.sum(1, keepdim=True)}
