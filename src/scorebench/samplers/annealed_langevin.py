"""Annealed Langevin dynamics down a ladder of noise levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveFloat, PositiveInt

from scorebench.parts import Score, Setting
from scorebench.samplers import Sampler, level
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class AnnealedLangevin(Sampler):
    """Annealed Langevin dynamics with a last denoising step.

    for sigma_i in the ladder, `steps` times:
        x <- x + alpha_i / 2 s(x, sigma_i) + sqrt(alpha_i) z,   alpha_i = step sigma_i^2
    x <- x + sigma_L^2 s(x, sigma_L)

    Song & Ermon (2019), algorithm 1, where step = epsilon / sigma_L^2 (0.2 there); the last line, Tweedie's
    posterior mean, is from Jolicoeur-Martineau et al. (2020), eq. 7.
    """

    step: PositiveFloat = 0.2
    steps: PositiveInt = 10
    denoise: bool = True

    def __call__(
        self, score: Score, ladder: Tensor, shape: Sequence[int], generator: Generators = None, event: int = 1
    ) -> Tensor:
        """Samples of this shape."""
        x = ladder[0] * normal(shape, generator, ladder)
        for rung in ladder:
            sigma = level(rung, shape, event)
            alpha = self.step * rung.square()
            for _ in range(self.steps):
                x = x + 0.5 * alpha * score(x, sigma) + alpha.sqrt() * normal(shape, generator, x)
        return x + rung.square() * score(x, sigma) if self.denoise else x

    def not_applicable(self, setting: Setting) -> str | None:
        """Needs more than one level."""
        if setting.levels == 1:
            return "it needs a ladder of noise levels, and this schedule trains one"
        return None
