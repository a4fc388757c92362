"""The probability-flow ODE, by Heun's method."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveFloat

from scorebench.parts import Score, Setting
from scorebench.samplers import Sampler, level
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class ProbabilityFlow(Sampler):
    """dx / dsigma = -sigma s(x, sigma), from the first to the last level of the ladder.

    Heun's method on sigma_i = (sigma_max^(1/rho) + i / (steps - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho,
    Karras et al. (2022), eq. 5 and algorithm 1; then one denoising step x + sigma_min^2 s, the Euler step to
    sigma = 0.
    """

    steps: Annotated[int, Field(ge=2)] = 40
    rho: PositiveFloat = 7.0

    def grid(self, ladder: Tensor) -> Tensor:
        """The descending noise levels of the steps, (steps,)."""
        import torch

        ends = ladder[[0, -1]].double() ** (1 / self.rho)
        fraction = torch.linspace(0, 1, self.steps, dtype=torch.float64, device=ladder.device)
        grid: Tensor = ((ends[0] + fraction * (ends[1] - ends[0])) ** self.rho).to(ladder.dtype)
        return grid

    def __call__(
        self, score: Score, ladder: Tensor, shape: Sequence[int], generator: Generators = None, event: int = 1
    ) -> Tensor:
        """Samples of this shape."""
        grid = self.grid(ladder)
        x = grid[0] * normal(shape, generator, ladder)
        for here, there in pairwise(grid):
            slope = -here * score(x, level(here, shape, event))
            euler = x + (there - here) * slope
            end_slope = -there * score(euler, level(there, shape, event))
            x = x + (there - here) * 0.5 * (slope + end_slope)
        return x + grid[-1].square() * score(x, level(grid[-1], shape, event))

    def not_applicable(self, setting: Setting) -> str | None:
        """Needs a range of noise levels."""
        if setting.levels == 1:
            return "it needs a range of noise levels, and this schedule trains one"
        return None
