"""Langevin dynamics with Metropolis-Hastings acceptance, for energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat, PositiveInt

from scorebench.parts import EnergyScore, Score, Setting
from scorebench.samplers import OneLevel, level
from scorebench.samplers._steps import steps_of
from scorebench.streams import normal, uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.streams import Generators


class MALA(OneLevel):
    """Metropolis-adjusted Langevin algorithm (MALA) at the last level of the ladder.

    y = x + step / 2 s(x) + sqrt(step) z,   z ~ N(0, I)
    x <- y with probability min(1, exp(E(x) - E(y)) q(x | y) / q(y | x)),   q(. | x) = N(x + step / 2 s(x), step I)

    Roberts & Tweedie (1996), sec. 1.4.2. p_sigma stays what it is under every step size, which ULA's does not: a large
    step costs acceptances, not accuracy (0.57 is the best rate in many dimensions, Roberts & Rosenthal 1998). Needs
    the energy, and takes the score from it: one forward and one backward pass a step. Started from N(0, I).
    """

    step: PositiveFloat = 0.05
    steps: PositiveInt = 300

    def draw(self, score: Score, ladder: Tensor, shape: tuple[int, ...], generator: Generators, event: int) -> Tensor:
        """Samples of this shape.

        Raises:
            TypeError: a score without its energy.
        """
        if not isinstance(score, EnergyScore):
            raise TypeError(
                "mala needs an EnergyScore(score, energy), as energy networks give; this score has no energy"
            )
        sigma = level(ladder[-1], shape, event)
        return self.walk(score, normal(shape, generator, ladder), sigma, generator)[0]

    def walk(self, score: EnergyScore, x: Tensor, sigma: Tensor, generator: Generators = None) -> tuple[Tensor, Tensor]:
        """x (..., *event) after `steps` steps, and the share of them that was accepted, (...)."""
        accepted = x.new_zeros(sigma.shape)
        E, s = _energy_and_score(score, x, sigma)
        for _ in steps_of(range(self.steps)):
            z = normal(x.shape, generator, x)
            y = x + 0.5 * self.step * s + self.step**0.5 * z
            E_y, s_y = _energy_and_score(score, y, sigma)
            back = (x - y - 0.5 * self.step * s_y).square() / self.step - z.square()
            log_ratio = E - E_y - 0.5 * back.flatten(sigma.ndim).sum(-1)
            accept = uniform(sigma.shape, generator, x).log() < log_ratio
            here = accept.reshape(*accept.shape, *[1] * (x.ndim - sigma.ndim))
            x, s, E = y.where(here, x), s_y.where(here, s), E_y.where(accept, E)
            accepted += accept
        return x, accepted / self.steps

    def not_applicable(self, setting: Setting) -> str | None:
        """Energy networks of one level only."""
        if not setting.energy:
            return "it accepts or rejects by the energy, and this network has a score only"
        return super().not_applicable(setting)


def _energy_and_score(score: EnergyScore, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """E (...) and -dE/dx (..., *event)."""
    import torch

    with torch.enable_grad():
        x = x.detach().requires_grad_()
        E = score.energy(x, sigma)
        if not E.requires_grad:
            raise ValueError("the energy can't be differentiated in x: what it returns has no graph")
        (gradient,) = torch.autograd.grad(E.sum(), x)
    return E.detach(), -gradient
