"""Parts that learn while the network trains, and what they learn: one number per bin of ln sigma.

What a part has learned are tensors with a leading axis of replicates; every replicate learns on its own.
Functions of sigma are learned at the centres of bins of equal width in ln sigma and are linear in between.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Self, TypeAlias

from pydantic import Field, PrivateAttr

from scorebench.parts import Part, Unsuitable

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.training.lessons import Lesson

Learned: TypeAlias = "dict[str, Tensor]"
"""What a part has learned so far: tensors (R, ...)."""

BLOCK = 16
"""Steps from one lesson to the next, which are steps whose random numbers are drawn at once.

Parts learn between blocks only, so the density that drew a sigma is the one that weighs it."""
SHARE = 0.5
"""Samples of one call of a lesson, for all of its noise levels together, as a share of the batch of a step."""
CALLS = 2
"""Calls of a lesson by one part, at most."""
LESSONS = CALLS * SHARE / BLOCK
"""Samples in the lessons of one part for each sample in the steps of the training, at most."""

Bins = Annotated[int, Field(ge=1, le=1000)]

GAIN = 0.05
"""Weight of a new value in a moving average, once it has averaged 1 / GAIN of them."""


class Learner(Part):
    """A part whose rule depends on what it has learned in the training under way.

    On its own it holds its initial rule; `informed` gives the same part with the rule that it has learned.
    """

    _learned: Learned | None = PrivateAttr(default=None)

    @abstractmethod
    def begin(self, replicates: int, ladder: Tensor) -> Learned:
        """What stands for the initial rule; {} where the options leave nothing to learn.

        ladder: the descending noise levels of the schedule, (levels,), whose ends are the range to learn on.
        """

    @abstractmethod
    def learn(self, learned: Learned, lesson: Lesson) -> Learned:
        """What is learned after a lesson, names and shapes as before; from at most CALLS calls of the lesson."""

    def informed(self, learned: Learned) -> Self:
        """This part with what it has learned."""
        part = self.model_copy()
        part._learned = learned
        return part

    def learned(self) -> dict[str, Tensor]:
        """What was learned as functions of sigma, at the noise levels `sigma` learned at: (R, K) each."""
        return {name: value for name, value in (self._learned or {}).items() if name not in ("sigma", "count")}


def begin(sigma: Tensor, **values: Tensor) -> Learned:
    """Moving averages at the noise levels sigma (R, K), with values (R, K) that stand until the first."""
    return {"sigma": sigma, "count": sigma.new_zeros(len(sigma), 1), **values}


def average(learned: Learned, **values: Tensor) -> Learned:
    """The same with values (R, K) averaged in: all with the same weight at first, later with weight GAIN."""
    count = learned["count"] + 1
    gain = (1 / count).clamp(min=GAIN)
    return {**learned, "count": count, **{key: learned[key].lerp(value, gain) for key, value in values.items()}}


def centres(ladder: Tensor, bins: int, replicates: int) -> Tensor:
    """Centres of bins of equal width in ln sigma between the ends of a ladder, ascending, (R, bins).

    One bin where the ladder has one level; a last level of 0 is left out.

    Raises:
        Unsuitable: the ladder has no other level than 0.
    """
    import torch

    ladder = ladder[ladder > 0]
    if not len(ladder):
        raise Unsuitable("there is nothing to learn over ln sigma where the only noise level is 0")
    low, high = ladder[-1].log(), ladder[0].log()
    bins = bins if bool(high > low) else 1
    middle = (torch.arange(bins, device=ladder.device, dtype=ladder.dtype) + 0.5) / bins
    return (low + middle * (high - low)).exp().expand(replicates, -1).clone()


def interpolate(values: Tensor, at: Tensor, sigma: Tensor) -> Tensor:
    """values (R, K) at the centres `at` (R, K), linear in ln sigma and constant beyond the outer ones: (R, ...) alike.

    Raises:
        ValueError: sigma (R, ...) has not the leading axis of replicates that the values have.
    """
    R, K = values.shape
    if sigma.ndim == 0 or len(sigma) != R:
        raise ValueError(f"learned by {R} replicates, asked for noise levels of shape {tuple(sigma.shape)}")
    flat = sigma.reshape(R, -1)
    if K == 1:
        return values.expand_as(flat).reshape(sigma.shape)
    low, high = at[:, :1].log(), at[:, -1:].log()
    position = ((flat.log() - low) * ((K - 1) / (high - low))).clamp(0, K - 1)
    left = position.floor().clamp(max=K - 2).long()
    return values.gather(1, left).lerp(values.gather(1, left + 1), position - left).reshape(sigma.shape)
