"""The probability-flow ODE, by Heun's method."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveFloat

from scorebench.parts import Score
from scorebench.samplers import ManyLevels, level
from scorebench.samplers._grids import karras
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class ProbabilityFlow(ManyLevels):
    """dx / dsigma = -sigma s(x, sigma), from the first to the last level of the ladder.

    Heun's method on sigma_i = (sigma_max^(1/rho) + i / (steps - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho,
    Karras et al. (2022), eq. 5 and algorithm 1; then one denoising step x + sigma_min^2 s, the Euler step to
    sigma = 0.
    """

    steps: Annotated[int, Field(ge=2)] = 40
    rho: PositiveFloat = 7.0

    def grid(self, ladder: Tensor) -> Tensor:
        """The descending noise levels of the steps, (steps,)."""
        return karras(ladder, self.steps, self.rho)

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape."""
        grid = self.grid(ladder)
        x = grid[0] * normal(shape, generator, ladder)
        for here, there in steps_of(list(pairwise(grid))):
            slope = -here * score(x, level(here, shape, event))
            euler = x + (there - here) * slope
            end_slope = -there * score(euler, level(there, shape, event))
            x = x + (there - here) * 0.5 * (slope + end_slope)
        return x + grid[-1].square() * score(x, level(grid[-1], shape, event))
