"""Langevin dynamics at one noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat, PositiveInt

from scorebench.parts import Score
from scorebench.samplers import OneLevel, level
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class Langevin(OneLevel):
    """Unadjusted Langevin dynamics (ULA) at the last level of the ladder.

    x <- x + step / 2 s(x, sigma) + sqrt(step) z,   z ~ N(0, I)

    Roberts & Tweedie (1996), sec. 1.4.1; started from N(0, I), the scale of prepared data. `step` is in squared
    units of the data and should be well below the variance of their finest structure.
    """

    step: PositiveFloat = 0.005
    steps: PositiveInt = 300

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape."""
        sigma = level(ladder[-1], shape, event)
        x = normal(shape, generator, ladder)
        for _ in steps_of(range(self.steps)):
            x = x + 0.5 * self.step * score(x, sigma) + self.step**0.5 * normal(shape, generator, x)
        return x
