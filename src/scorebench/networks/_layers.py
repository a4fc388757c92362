"""Layers of fully connected networks whose parameters may carry a leading axis of replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from scorebench.streams import normal, seeded

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.networks import Parameters
    from scorebench.streams import Generators

Activation = Literal["silu", "softplus", "tanh", "relu"]
FREQUENCIES = 4


def noise_features(c: Tensor) -> Tensor:
    """(...) -> (..., 1 + 2 FREQUENCIES): c and the sine and cosine of pi 2^k c, k = 0 .. FREQUENCIES - 1."""
    import torch

    angles = c[..., None] * (math.pi * 2.0 ** torch.arange(FREQUENCIES, device=c.device, dtype=c.dtype))
    return torch.cat([c[..., None], angles.sin(), angles.cos()], -1)


def initialise_layers(sizes: Sequence[int], generator: Generators) -> Parameters:
    """Weights N(0, 1 / inputs) and zero biases of the layers sizes[0] -> sizes[1] -> ...

    The last layer is ten times smaller: an untrained score is close to the Gaussian one.
    """
    import torch

    generator = seeded(generator)
    replicates = () if generator is None or isinstance(generator, torch.Generator) else (len(generator),)
    parameters: Parameters = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        gain = 0.1 if i == len(sizes) - 2 else 1.0
        weight = normal((*replicates, inputs, outputs), generator)
        parameters[f"layer{i}.weight"] = weight * (gain / inputs**0.5)
        parameters[f"layer{i}.bias"] = weight.new_zeros((*replicates, outputs))
    return parameters


def require_fit(first: Tensor, u: Tensor, features: Tensor) -> None:
    """Refuse inputs that the first layer was not made for.

    Raises:
        TypeError: another dtype.
        ValueError: another number of values in an event, or no axis of replicates where the parameters have one.
    """
    import torch

    values = first.shape[-2] - features.shape[-1]
    if u.shape[-1] != values:
        raise ValueError(f"the network was made for events of {values} values; given: {u.shape[-1]} in an event")
    if first.ndim == 3 and (u.ndim < 3 or u.shape[-3] != len(first)):
        raise ValueError(
            f"parameters of {len(first)} replicates take x (..., {len(first)}, n, *event) and sigma (...,"
            f" {len(first)}, n); given: events with the axes {tuple(u.shape[:-1])} before them"
        )
    if u.dtype != first.dtype and not torch.is_autocast_enabled(u.device.type):
        raise TypeError(
            f"the network has parameters of {first.dtype} and was given points of {u.dtype}, not the same dtype"
        )


def apply_layers(parameters: Parameters, u: Tensor, features: Tensor, activation: Activation) -> Tensor:
    """The layers on [u, features], (..., R, n, inputs) or, without replicates, (..., inputs); the last is linear.

    The first layer is a sum, u W_u + (features W_features + b): what is differentiated in u never meets the features.
    """
    import torch

    act = getattr(torch.nn.functional, activation)
    layers = sum(1 for name in parameters if name.endswith(".weight"))
    first = parameters["layer0.weight"]
    require_fit(first, u, features)
    of_u, of_features = first.split([u.shape[-1], features.shape[-1]], -2)
    replicates, leading = first.ndim == 3, u.shape[:-3]
    if replicates and leading:  # one product per layer, instead of one with copies of the weights for each index
        u, features = (part.movedim(-3, 0).flatten(1, -2) for part in (u, features))

    def affine(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.baddbmm(bias, h, weight) if replicates else h @ weight + bias

    h = u
    for i in range(layers):
        weight, bias = parameters[f"layer{i}.weight"], parameters[f"layer{i}.bias"]
        if replicates:
            bias = bias.unsqueeze(-2)
        h = affine(h, weight, bias) if i else affine(u, of_u, affine(features, of_features, bias))
        if i < layers - 1:
            h = act(h)
    return h.unflatten(1, (*leading, -1)).movedim(0, -3) if replicates and leading else h
