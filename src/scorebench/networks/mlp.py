"""A fully connected score network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from scorebench.networks import Network
from scorebench.networks._layers import (
    FREQUENCIES,
    Activation,
    apply_layers,
    initialise_layers,
    noise_features,
)

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.networks import Parameters
    from scorebench.streams import Generators


class MLP(Network):
    """F(u, c) = MLP([u, features(c)]): `depth` hidden layers of `width`; events of any shape are flattened."""

    width: PositiveInt = 128
    depth: PositiveInt = 3
    activation: Activation = "silu"

    def initialise(self, event: tuple[int, ...], generator: Generators) -> Parameters:
        """Parameters for events of this shape."""
        d = math.prod(event)
        return initialise_layers([d + 1 + 2 * FREQUENCIES, *[self.width] * self.depth, d], generator)

    def field(self, parameters: Parameters, u: Tensor, c: Tensor) -> Tensor:
        """F: u (..., *event), c (...) -> (..., *event)."""
        return apply_layers(parameters, u.flatten(c.ndim), noise_features(c), self.activation).reshape(u.shape)
