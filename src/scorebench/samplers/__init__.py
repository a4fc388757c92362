"""Samplers: from a score and a descending ladder of noise levels to samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from scorebench.parts import Part, Score, Setting, build
from scorebench.samplers._bar import progress as progress
from scorebench.samplers._ladder import above_zero, descending
from scorebench.scores import checked, event_shape, steady_modules
from scorebench.streams import seeded

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators

    Ladder: TypeAlias = Tensor | Sequence[float] | float


class Sampler(Part):
    """sampler(score, ladder, shape, generator) -> samples of this shape.

    A sampler is its `draw`; calling it checks what it is given first, the same way for all of them.
    `with progress("..."):` around a call shows how far it is.
    """

    def __call__(
        self, score: Score, ladder: Ladder, shape: Sequence[int], generator: Generators | int = None, event: int = 1
    ) -> Tensor:
        """Samples of this shape, in the dtype and on the device of the ladder, without a graph.

        Args:
            score: score(x (..., *event), sigma (...)) -> (..., *event). It is asked at noise levels within the ladder
                only, and in its own dtype where that is not the ladder's.
            ladder: descending noise levels (levels,), a tensor, array or list.
            shape: the batch shape followed by the event.
            generator: a generator or a seed; a list of generators draws for each index of the leading axis on its
                own, and what it draws does not depend on the others.
            event: how many of the last axes of `shape` are the event.

        Raises:
            TypeError, ValueError: one of these is not what is said here, or the score returns another shape.
            Unsuitable: the score is a network in training mode, random or normalised over the batch.
        """
        levels, axes = self.levels(descending(ladder)), event_shape(shape, event, "shape")
        with steady_modules("samples must not depend on those beside them"):
            return self.draw(checked(score, graph=False), levels, axes, seeded(generator, levels), event)

    @abstractmethod
    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape; all that is handed over is checked."""

    def levels(self, ladder: Tensor) -> Tensor:
        """What this sampler walks on of a ladder that descends.

        Raises:
            ValueError: a ladder on which it can't walk.
        """
        return ladder

    def not_applicable(self, setting: Setting) -> str | None:
        """The reason why this sampler makes no sense in a setting, or None."""
        return None


class ManyLevels(Sampler):
    """A sampler that walks down a range of noise levels; it makes no sense where one level is trained.

    All of them end with a denoising step, from the lowest level above 0 to 0. A last level of 0 in the ladder, which
    other libraries append, stands for that step: the score is not asked there.
    """

    def levels(self, ladder: Tensor) -> Tensor:
        """The levels above 0.

        Raises:
            ValueError: fewer than two different ones.
        """
        return above_zero(ladder)

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
