"""EDM's stochastic sampler."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat

from scorebench.parts import Score
from scorebench.samplers import ManyLevels, level
from scorebench.samplers._grids import karras
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class EDMStochastic(ManyLevels):
    """Heun's method on the probability-flow ODE with churn: noise is added before every step, then removed with it.

    gamma_i = min(churn / steps, sqrt(2) - 1, sigma_max / sigma_i - 1) where churn_min <= sigma_i <= churn_max, else 0
    sigma^_i = sigma_i (1 + gamma_i),   x <- x + sqrt(sigma^_i^2 - sigma_i^2) churn_noise z
    Heun from sigma^_i to sigma_{i+1}; from the last level Euler to 0.

    Karras et al. (2022), algorithm 2, on the grid of eq. 5: S_churn, S_tmin, S_tmax and S_noise there. Without churn
    it is `probability_flow`. The bound by sigma_max is ours: no score is asked above its highest level. The paper's
    values for ImageNet-64 are churn 40 in 256 steps, so gamma = 0.16, between
    0.05 and 50, with churn_noise 1.003; the default here is gamma = 0.25 in fewer steps, and no inflation of the noise.
    """

    steps: Annotated[int, Field(ge=2)] = 40
    rho: PositiveFloat = 7.0
    churn: NonNegativeFloat = 10.0
    churn_min: NonNegativeFloat = 0.05
    churn_max: PositiveFloat = 50.0
    churn_noise: PositiveFloat = 1.0

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape."""
        grid = karras(ladder, self.steps, self.rho)
        x = grid[0] * normal(shape, generator, ladder)
        for here, there in steps_of(list(pairwise(grid))):
            x, here = self.churned(x, here, grid[0], generator)
            slope = -here * score(x, level(here, shape, event))
            euler = x + (there - here) * slope
            end_slope = -there * score(euler, level(there, shape, event))
            x = x + (there - here) * 0.5 * (slope + end_slope)
        x, here = self.churned(x, grid[-1], grid[0], generator)
        return x + here.square() * score(x, level(here, shape, event))

    def churned(self, x: Tensor, sigma: Tensor, highest: Tensor, generator: Generators) -> tuple[Tensor, Tensor]:
        """x with more noise, and sigma^, the level that it then has, `highest` at most."""
        gamma = min(self.churn / self.steps, 2**0.5 - 1) if self.churn_min <= float(sigma) <= self.churn_max else 0.0
        if gamma == 0:
            return x, sigma
        higher = (sigma * (1 + gamma)).minimum(highest)
        added = (higher.square() - sigma.square()).sqrt()
        return x + added * self.churn_noise * normal(x.shape, generator, x), higher
