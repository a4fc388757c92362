"""Annealed Langevin dynamics down a ladder of noise levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat, PositiveInt

from scorebench.noise._ncsnv2 import technique4
from scorebench.parts import Score
from scorebench.samplers import ManyLevels, level
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class AnnealedLangevin(ManyLevels):
    """Annealed Langevin dynamics with a last denoising step.

    for sigma_i in the ladder, `steps` times:
        x <- x + alpha_i / 2 s(x, sigma_i) + sqrt(alpha_i) z,   alpha_i = step sigma_i^2
    x <- x + sigma_L^2 s(x, sigma_L)

    Song & Ermon (2019), algorithm 1, where step = epsilon / sigma_L^2. The defaults are theirs: on a coarse ladder,
    10 steps of 0.2 leave samples far too wide (1.9 for data of standard deviation 1, on 10 levels from 10 to 0.01). The
    last line, Tweedie's posterior mean, is from Jolicoeur-Martineau et al. (2020), eq. 7. `step: technique4` takes the
    step for which a level hands on samples of its own variance (Song & Ermon 2020, technique 4), from the ladder's mean
    ratio and `steps`; epsilon there is half of ours.
    """

    step: PositiveFloat | Literal["technique4"] = 0.2
    steps: PositiveInt = 100
    denoise: bool = True

    def step_on(self, ladder: Tensor) -> float:
        """alpha_i / sigma_i^2 on this ladder.

        Raises:
            ValueError: technique 4 on a ladder of one level, which has no ratio.
        """
        if self.step != "technique4":
            return self.step
        top, low, levels = float(ladder[0]), float(ladder[-1]), len(ladder)
        if levels == 1:
            raise ValueError("technique 4 is for a ladder of more than one level")
        return 2 * technique4((top / low) ** (1 / (levels - 1)), low, self.steps) / low**2

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape."""
        step = self.step_on(ladder)
        x = ladder[0] * normal(shape, generator, ladder)
        for rung in steps_of(ladder.unbind()):
            sigma = level(rung, shape, event)
            alpha = step * rung.square()
            for _ in range(self.steps):
                x = x + 0.5 * alpha * score(x, sigma) + alpha.sqrt() * normal(shape, generator, x)
        return x + rung.square() * score(x, sigma) if self.denoise else x
