"""Samplers: from a score and a descending ladder of noise levels to samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scorebench.parts import Part, Score, Setting, build
from scorebench.samplers._bar import progress as progress

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Sampler(Part):
    """sampler(score, ladder, shape, generator) -> samples of this shape.

    `shape` is the batch shape followed by the event; `event` says how many of its axes are the event. A list of
    generators draws for each index of the leading axis on its own, and what it draws does not depend on the others.
    `with progress("..."):` around a call shows how far it is.
    """

    @abstractmethod
    def __call__(
        self, score: Score, ladder: Tensor, shape: Sequence[int], generator: Generators = None, event: int = 1
    ) -> Tensor:
        """Samples of this shape."""

    def not_applicable(self, setting: Setting) -> str | None:
        """The reason why this sampler makes no sense in a setting, or None."""
        return None


class ManyLevels(Sampler):
    """A sampler that walks down a range of noise levels; it makes no sense where one level is trained."""

    def not_applicable(self, setting: Setting) -> str | None:
        """Needs more than one level."""
        if setting.levels == 1:
            return "it needs a range of noise levels, and this schedule trains one"
        return None


class OneLevel(Sampler):
    """A sampler that walks at the last level of the ladder."""

    def not_applicable(self, setting: Setting) -> str | None:
        """One-level schedules only: a network of many levels has better samplers."""
        if setting.levels != 1:
            return "it walks at one noise level, and this schedule trains many"
        return None


def level(sigma: Tensor, shape: Sequence[int], event: int) -> Tensor:
    """One noise level for every sample: sigma () -> the batch shape."""
    return sigma.expand(tuple(shape)[: len(shape) - event])


def sampler(name: str, **options: object) -> Sampler:
    """The sampler of this name: `sampler("annealed_langevin", steps=5)`.

    Raises:
        UnknownPart, BadOptions: no such sampler, or options that it does not take.
    """
    return build("sampler", name, options)
