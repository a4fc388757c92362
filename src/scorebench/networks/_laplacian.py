"""The gradient and the Laplacian of a fully connected potential in one pass forward.

Of every layer's inputs h(u) the pass carries J = dh/du, one row for each coordinate of u, and L = the Laplacian of h
in u (Li et al. 2023, arXiv 2307.08214). An affine layer maps both by its weights; an activation f of a does

    J <- f'(a) J,     L <- f'(a) L + f''(a) sum_k (da/du_k)^2.

d + 1 products with the weights per layer, where automatic differentiation takes 2 d: a second derivative of a scalar
goes back through every layer twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.networks import Parameters
    from scorebench.networks._layers import Activation


def derivatives(activation: Activation, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f(a), f'(a) and f''(a). Raises ValueError for relu, whose f'' is zero only almost everywhere."""
    import torch

    if activation == "tanh":
        t = a.tanh()
        slope = 1 - t.square()
        return t, slope, -2 * t * slope
    if activation == "relu":
        raise ValueError("relu has no second derivative: a Laplacian of a piecewise linear function is not zero")
    s = a.sigmoid()
    bend = s * (1 - s)
    if activation == "softplus":
        return torch.nn.functional.softplus(a), s, bend
    return a * s, s + a * bend, bend * (2 + a * (1 - 2 * s))


def gradient_and_laplacian(
    parameters: Parameters, u: Tensor, features: Tensor, activation: Activation
) -> tuple[Tensor, Tensor]:
    """Of the potential that `apply_layers` gives: grad_u (..., R, n, d) and its divergence (..., R, n).

    Parameters and shapes as in `apply_layers`; differentiable in the parameters.
    """
    layers = sum(1 for name in parameters if name.endswith(".weight"))
    first = parameters["layer0.weight"]
    d = u.shape[-1]
    of_u, of_features = first.split([d, features.shape[-1]], -2)
    replicates, leading = first.ndim == 3, u.shape[:-3]
    if replicates and leading:
        u, features = (part.movedim(-3, 0).flatten(1, -2) for part in (u, features))

    def bias(i: int) -> Tensor:
        b = parameters[f"layer{i}.bias"]
        return b.unsqueeze(-2) if replicates else b

    def product(rows: Tensor, weight: Tensor) -> Tensor:
        """J W for J (..., n, d, inputs)."""
        return (rows.flatten(-3, -2) @ weight).unflatten(-2, rows.shape[-3:-1])

    a = u @ of_u + (features @ of_features + bias(0))
    h, slope, bend = derivatives(activation, a)
    laplacian = bend * of_u.square().sum(-2, keepdim=True)
    rows = of_u.unsqueeze(-3)  # J before the factor f', which enters where it is needed
    for i in range(1, layers - 1):
        weight = parameters[f"layer{i}.weight"]
        rows = product(slope.unsqueeze(-2) * rows, weight)
        through = laplacian @ weight
        h, slope, bend = derivatives(activation, h @ weight + bias(i))
        laplacian = slope * through + bend * rows.square().sum(-2)
    last = parameters[f"layer{layers - 1}.weight"]
    gradient = (rows @ (slope * last[..., 0].unsqueeze(-2) if replicates else slope * last[..., 0]).unsqueeze(-1))[
        ..., 0
    ]
    trace = (laplacian @ last)[..., 0]
    if replicates and leading:
        return gradient.unflatten(1, (*leading, -1)).movedim(0, -3), trace.unflatten(1, (*leading, -1)).movedim(0, -2)
    return gradient, trace
