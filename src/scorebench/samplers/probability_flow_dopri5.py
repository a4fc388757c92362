"""The probability-flow ODE, by an adaptive method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from scorebench.parts import Score
from scorebench.samplers import ManyLevels, level
from scorebench.samplers._steps import reporter
from scorebench.streams import normal

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class ProbabilityFlowDopri5(ManyLevels):
    """dx / dsigma = -sigma s(x, sigma), from the first to the last level of the ladder, with error control.

    Dormand and Prince's method of order 5 (torchdiffeq), every value of every sample within rtol |x| + atol in every
    step, which adds up to some ten times that at the end; then one denoising step x + sigma_min^2 s.

    The samples of a call share their step sizes. So a sample depends on those drawn beside it, replicates included, by
    as much as its error: `probability_flow` is the sampler whose replicates are the same bytes in any company.
    """

    rtol: PositiveFloat = 1e-5
    atol: PositiveFloat = 1e-5

    def __call__(
        self, score: Score, ladder: Tensor, shape: Sequence[int], generator: Generators = None, event: int = 1
    ) -> Tensor:
        """Samples of this shape; not finite where the score isn't, nor anywhere if the tolerance can't be met."""
        from scorebench.ode import Unsolved, integrate

        def velocity(sigma: Tensor, x: Tensor) -> Tensor:
            return -sigma * score(x, level(sigma, shape, event))

        top, low = float(ladder[0]), float(ladder[-1])
        x = top * normal(shape, generator, ladder)
        try:
            x = integrate(velocity, x, top, low, self.rtol, self.atol, reporter())
        except Unsolved:
            return x * float("nan")
        return x + low**2 * score(x, level(ladder[-1], shape, event))
