"""Predictor-corrector sampling of the VE process."""

from __future__ import annotations

from collections.abc import Sequence
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
                 x <- x + epsilon s + sqrt(2 epsilon) z,   epsilon = 2 (snr ||z|| / ||s||)^2
    then one denoising step x + sigma_min^2 s. Song et al. (2021), algorithms 2 and 4, sec. 4.2.

    The norms are means over the last batch axis, as in the authors' code: the samples of a replicate that are drawn
    together share a step size, those of different replicates don't.
    """

    steps: Annotated[int, Field(ge=2)] = 500
    corrections: NonNegativeInt = 1
    snr: PositiveFloat = 0.16

    def __call__(
        self, score: Score, ladder: Tensor, shape: Sequence[int], generator: Generators = None, event: int = 1
    ) -> Tensor:
        """Samples of this shape."""
        grid = geometric(ladder, self.steps)
        x = grid[0] * normal(shape, generator, ladder)
        for here, there in steps_of(list(pairwise(grid))):
            gap = here.square() - there.square()
            x = x + gap * score(x, level(here, shape, event)) + gap.sqrt() * normal(shape, generator, x)
            for _ in range(self.corrections):
                s, z = score(x, level(there, shape, event)), normal(shape, generator, x)
                epsilon = 2 * (self.snr * _mean_norm(z, event) / _mean_norm(s, event)).square()
                x = x + epsilon * s + (2 * epsilon).sqrt() * z
        return x + grid[-1].square() * score(x, level(grid[-1], shape, event))


def _mean_norm(x: Tensor, event: int) -> Tensor:
    """Mean over the last batch axis of the event's norm, to be broadcast against x."""
    norm: Tensor = x.flatten(x.ndim - event).norm(dim=-1)
    if norm.ndim:
        norm = norm.mean(-1, keepdim=True)
    return norm.reshape(*norm.shape, *[1] * event)
