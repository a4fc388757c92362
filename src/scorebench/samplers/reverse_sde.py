"""The reverse-time SDE of the VE process."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from scorebench.parts import Score
from scorebench.samplers import ManyLevels, level
from scorebench.samplers._grids import geometric
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class ReverseSDE(ManyLevels):
    """dx = -g^2 s(x, sigma) dt + g dw backwards in t, with the VE process's g^2 = d sigma^2 / dt.

    Euler-Maruyama at `steps` geometric levels, the VE process's at equal steps of t:
        x <- x + g^2 dt s(x, sigma_i) + sqrt(g^2 dt) z,   g^2 dt = 2 sigma_i^2 ln(sigma_i / sigma_{i+1}),   z ~ N(0, I)
    then one denoising step x + sigma_min^2 s. Song et al. (2021), eq. 6 and app. C; its error is of first order in dt.
    """

    steps: Annotated[int, Field(ge=2)] = 500

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape."""
        import torch

        grid = geometric(ladder, self.steps)
        x = grid[0] * normal(shape, generator, ladder)
        for here, there in steps_of(list(pairwise(grid))):
            variance = 2 * here.square() * torch.log(here / there)
            x = x + variance * score(x, level(here, shape, event)) + variance.sqrt() * normal(shape, generator, x)
        return x + grid[-1].square() * score(x, level(grid[-1], shape, event))
