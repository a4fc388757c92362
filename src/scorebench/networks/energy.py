"""A fully connected energy whose gradient is the score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.networks import Network, levels_of
from scorebench.networks._layers import (
    FREQUENCIES,
    Activation,
    apply_layers,
    initialise_layers,
    noise_features,
)
from scorebench.networks._potential import Potential
from scorebench.parts import EnergyScore

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.networks import Parameters
    from scorebench.streams import Generators


class Energy(Network):
    """F(u, c) = grad_u q(u, c), q = MLP([u, features(c)]) -> R.

    The preconditioned score is then the gradient of a scalar too: it is conservative, as grad log p is. Cost:
    about one more backward pass than `mlp` at every evaluation. Derivatives are written out (`_potential`), which takes
    fewer operations than to differentiate through the graph of a gradient.
    """

    energy: ClassVar[bool] = True
    width: PositiveInt = 128
    depth: PositiveInt = 3
    activation: Activation = "silu"

    @property
    def second_derivatives(self) -> bool:
        """False for relu: the second derivatives of a piecewise linear energy are zero, silently."""
        return self.activation != "relu"

    def initialise(self, event: tuple[int, ...], generator: Generators) -> Parameters:
        """Parameters for events of this shape."""
        return initialise_layers([math.prod(event) + 1 + 2 * FREQUENCIES, *[self.width] * self.depth, 1], generator)

    def potential(self, parameters: Parameters, u: Tensor, c: Tensor) -> Tensor:
        """q: u (..., *event), c (...) -> (...)."""
        return apply_layers(parameters, u.flatten(c.ndim), noise_features(c), self.activation)[..., 0]

    def score(self, parameters: Parameters) -> EnergyScore:
        """The preconditioned score with its energy, for it is a gradient: with t = sqrt(sigma^2 + sigma_data^2),

        E(x, sigma) = ||x||^2 / (2 t^2) - sigma_data / sigma q(x / t, ln(sigma) / 4),   factor of q at sigma = 0: 1.
        """

        def energy(x: Tensor, sigma: Tensor) -> Tensor:
            sigma = levels_of(x, sigma)
            total, scale, c = self.conditioning(sigma)
            u = x / total.reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))
            return 0.5 * u.square().flatten(c.ndim).sum(-1) - scale * total * self.potential(parameters, u, c)

        def at(x: Tensor, sigma: Tensor) -> tuple[Potential, Tensor, Tensor, Tensor]:
            """q at x / t, the score, and the factor scale / t of the second derivatives of q beside t^2."""
            sigma = levels_of(x, sigma)
            total, scale, c = self.conditioning(sigma)
            event = [1] * (x.ndim - sigma.ndim)
            t = total.reshape(*sigma.shape, *event)
            q = self.derivatives(parameters, x / t, c, curved=True)
            s = -x / t.square() + scale.reshape(*sigma.shape, *event) * q.gradient().reshape(x.shape)
            return q, s, scale / total, total.square()

        def with_divergence(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
            q, s, factor, square = at(x, sigma)
            return s, factor * q.laplacian() - s.flatten(sigma.ndim).shape[-1] / square

        def with_slices(x: Tensor, sigma: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            q, s, factor, square = at(x, sigma)
            v = v.flatten(sigma.ndim + 1)
            return s, factor * q.slices(v) - v.square().sum(-1) / square

        ways = (with_divergence, with_slices) if self.second_derivatives else ()
        return EnergyScore(super().score(parameters), energy, *ways)

    def derivatives(self, parameters: Parameters, u: Tensor, c: Tensor, curved: bool = False) -> Potential:
        """q with its derivatives in u, the second ones if `curved`."""
        return Potential(parameters, u.flatten(c.ndim), noise_features(c), self.activation, curved)

    def field(self, parameters: Parameters, u: Tensor, c: Tensor) -> Tensor:
        """F: u (..., *event), c (...) -> (..., *event)."""
        return self.derivatives(parameters, u, c).gradient().reshape(u.shape)
