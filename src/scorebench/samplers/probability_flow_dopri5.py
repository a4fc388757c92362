"""The probability-flow ODE, by an adaptive method."""

from __future__ import annotations

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

    Dormand and Prince's method of order 5 (torchdiffeq) in u = ln sigma, dx / du = -sigma^2 s, every value of every
    sample within rtol |x| + atol in every step, which adds up to some ten times that at the end; then one denoising
    step x + sigma_min^2 s.

    The samples of a call share their step sizes. So a sample depends on those drawn beside it, replicates included, by
    as much as its error: `probability_flow` is the sampler whose replicates are the same bytes in any company.
    """

    rtol: PositiveFloat = 1e-5
    atol: PositiveFloat = 1e-5

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape; not finite where the score isn't, nor anywhere if the tolerance can't be met."""
        from scorebench.ode import Unsolved, integrate

        def velocity(u: Tensor, x: Tensor) -> Tensor:
            sigma = u.exp().clamp(ladder[-1], ladder[0])
            return -sigma.square() * score(x, level(sigma, shape, event))

        x = ladder[0] * normal(shape, generator, ladder)
        top, low = (float(end) for end in ladder[[0, -1]].double().log())
        try:
            x = integrate(velocity, x, top, low, self.rtol, self.atol, reporter())
        except Unsolved:
            return x * float("nan")
        return x + ladder[-1].square() * score(x, level(ladder[-1], shape, event))
