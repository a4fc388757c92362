"""Predictor-corrector sampling of the VE process."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat

from scorebench.parts import Score
from scorebench.samplers import ManyLevels, level
from scorebench.samplers._grids import geometric
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class PredictorCorrector(ManyLevels):
    """Reverse-diffusion predictor and Langevin corrector, down `steps` geometric noise levels.

    predictor:   x <- x + (sigma_i^2 - sigma_{i+1}^2) s(x, sigma_i) + sqrt(sigma_i^2 - sigma_{i+1}^2) z
    `corrections` times, at sigma_{i+1}:
                 x <- x + epsilon s + sqrt(2 epsilon) z,   epsilon = 2 (snr sigma_{i+1})^2
    then one denoising step x + sigma_min^2 s. Song et al. (2021), algorithms 2 and 4, sec. 4.2.

    There epsilon = 2 (snr ||z|| / ||s||)^2, and the authors' code takes both norms as means over the batch: a sample
    then depends on those drawn beside it, and alone in its batch it takes a step without bound wherever its score is
    near 0. Here both norms are their expectations, E||z||^2 = d and E||s||^2 = d / sigma^2, the latter that of the
    noise's own score, -z / sigma, for which a network is trained (Vincent 2011) and which E||s||^2 under p_sigma does
    not exceed. So a step is the same for every sample, in every batch, and stable at any structure of the data.
    """

    steps: Annotated[int, Field(ge=2)] = 500
    corrections: NonNegativeInt = 1
    snr: PositiveFloat = 0.16

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape."""
        grid = geometric(ladder, self.steps)
        x = grid[0] * normal(shape, generator, ladder)
        for here, there in steps_of(list(pairwise(grid))):
            gap = here.square() - there.square()
            x = x + gap * score(x, level(here, shape, event)) + gap.sqrt() * normal(shape, generator, x)
            for _ in range(self.corrections):
                epsilon = 2 * (self.snr * there).square()
                s = score(x, level(there, shape, event))
                x = x + epsilon * s + (2 * epsilon).sqrt() * normal(shape, generator, x)
        return x + grid[-1].square() * score(x, level(grid[-1], shape, event))
