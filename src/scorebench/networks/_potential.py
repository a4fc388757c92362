"""Derivatives of a fully connected potential in its input, written out: each is a plain chain of products.

With a the inputs of an activation f, and of every layer the first and second derivative t, c of what it holds along a
direction v of the input (t = v at the input, c = 0),

    t <- f'(a) t,   c <- f'(a) c + f''(a) t^2,   and an affine layer maps both by its weights.

At the scalar end c = v^T (d^2q / du^2) v; its sum over the axes is the Laplacian, in which c is summed as it goes
(Li et al. 2023, arXiv 2307.08214). The gradient goes back through the layers once. That takes 4 products with the
weights of every hidden layer for the gradient and a slice, d + 3 for the gradient and the Laplacian, and twice as many
to train on them. Automatic differentiation takes 4 and 2 d + 2 too, but goes through the graph of the gradient for it,
whose elementwise operations are many times more; to train on it takes 3 times as many.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from scorebench.networks._layers import require_fit

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.networks import Parameters
    from scorebench.networks._layers import Activation


def activated(activation: Activation, a: Tensor, curved: bool) -> tuple[Tensor, ...]:
    """f(a) and f'(a), and f''(a) too where it is wanted.

    Raises ValueError for relu's, because the second derivative of a kink is not in f''.
    """
    import torch

    if activation == "relu":
        if curved:
            raise ValueError("relu has a kink: its second derivative is zero but there, where it has none")
        return a.relu(), (a > 0).to(a)
    if activation == "tanh":
        t = a.tanh()
        slope = 1 - t.square()
        return (t, slope, -2 * t * slope) if curved else (t, slope)
    s = a.sigmoid()
    rest = 1 - s
    if activation == "softplus":
        h = torch.nn.functional.softplus(a)
        return (h, s, s * rest) if curved else (h, s)
    h = a * s
    slope = torch.addcmul(s, h, rest)
    return (h, slope, s * rest * (2 + a - 2 * h)) if curved else (h, slope)


class Potential:
    """q(u) = `apply_layers` of u (..., R, n, d), or (..., d) without replicates, at these noise features.

    `curved` where second derivatives are wanted.
    """

    def __init__(
        self, parameters: Parameters, u: Tensor, features: Tensor, activation: Activation, curved: bool
    ) -> None:
        count = sum(1 for name in parameters if name.endswith(".weight"))
        self.activation, self.curved, self.shape = activation, curved, u.shape
        self.replicates = parameters["layer0.weight"].ndim == 3
        self.axis = 1 if self.replicates else 0
        """Where directions stand, before the samples."""
        d = u.shape[-1]
        first, *self.hidden, self.last = (parameters[f"layer{i}.weight"] for i in range(count))
        biases = [parameters[f"layer{i}.bias"] for i in range(count - 1)]
        bias, *self.biases = [b.unsqueeze(-2) for b in biases] if self.replicates else biases
        require_fit(first, u, features)
        self.first, of_features = first.split([d, first.shape[-2] - d], -2)
        self.start = self._affine(self._flat(u), self.first, self._affine(self._flat(features), of_features, bias))

    @cached_property
    def layers(self) -> list[tuple[Tensor, ...]]:
        """f'(a), and f''(a) where it is wanted, of every activation."""
        h, *slopes = activated(self.activation, self.start, self.curved)
        found = [tuple(slopes)]
        for weight, bias in zip(self.hidden, self.biases, strict=True):
            h, *slopes = activated(self.activation, self._affine(h, weight, bias), self.curved)
            found.append(tuple(slopes))
        return found

    def gradient(self) -> Tensor:
        """grad_u q, of the shape of u."""
        row = self.last.mT
        for (slope, *_), weight in zip(reversed(self.layers), [*reversed(self.hidden), self.first], strict=True):
            row = (slope * row) @ weight.mT
        return self._unflat(row)

    def slices(self, directions: Tensor) -> Tensor:
        """v^T (d^2q / du^2) v for directions v (M, *u.shape): (M, ...)."""
        import torch

        v = directions.movedim(-3, 0).flatten(2, -2) if self.replicates else directions.flatten(1, -2)
        layers = [[part.unsqueeze(self.axis) for part in layer] for layer in self.layers]
        before, bend = layers[0]
        t = self._product(v, self.first)
        c = bend * t.square()
        for (slope, bend), weight in zip(layers[1:], self.hidden, strict=True):
            t = self._product(before * t, weight)
            c = torch.addcmul(slope * self._product(c, weight), bend, t.square())
            before = slope
        found = self._product(c, self.last)[..., 0]
        return self._unflat(found.movedim(self.axis, -1)).movedim(-1, 0)

    def laplacian(self) -> Tensor:
        """tr d^2q / du^2, (...)."""
        before, bend = self.layers[0]
        t = self.first.unsqueeze(-2)
        c = bend * t.square().sum(self.axis)
        for (slope, bend), weight in zip(self.layers[1:], self.hidden, strict=True):
            t = self._product(before.unsqueeze(self.axis) * t, weight)
            c = bend * t.square().sum(self.axis) + slope * (c @ weight)
            before = slope
        return self._unflat(c @ self.last)[..., 0]

    def _affine(self, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        import torch

        return torch.baddbmm(bias, h, weight) if self.replicates else torch.addmm(bias, h, weight)

    def _product(self, rows: Tensor, weight: Tensor) -> Tensor:
        """One product for all directions: rows (R, M, n, inputs) or (M, n, inputs)."""
        flat = rows.flatten(self.axis, self.axis + 1) @ weight
        product: Tensor = flat.unflatten(self.axis, rows.shape[self.axis : self.axis + 2])
        return product

    def _flat(self, x: Tensor) -> Tensor:
        """(..., R, n, d) -> (R, samples, d), or (..., d) -> (samples, d)."""
        return x.movedim(-3, 0).flatten(1, -2) if self.replicates else x.reshape(-1, x.shape[-1])

    def _unflat(self, x: Tensor) -> Tensor:
        """The other way, for any size of the last axis."""
        if not self.replicates:
            return x.reshape(*self.shape[:-1], x.shape[-1])
        back: Tensor = x.unflatten(1, (*self.shape[:-3], self.shape[-2])).movedim(0, len(self.shape) - 3)
        return back
