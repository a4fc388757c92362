"""The terms that objectives are made of: squared norms and divergences of a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scorebench.streams import normal, uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.objectives import Batch
    from scorebench.streams import Generators

Probe = Literal["gaussian", "rademacher", "sphere"]


def event_sum(x: Tensor, sigma: Tensor) -> Tensor:
    """Sum over the event: (..., *event) -> (...), the shape of sigma."""
    return x.flatten(sigma.ndim).sum(-1) if x.ndim > sigma.ndim else x


def half_square(s: Tensor, sigma: Tensor) -> Tensor:
    """1/2 ||s||^2 over the event."""
    return 0.5 * event_sum(s.square(), sigma)


def differentiable(batch: Batch) -> Tensor:
    """y as a leaf that can be differentiated in."""
    return batch.noisy.detach().requires_grad_()


def vector_jacobian(s: Tensor, y: Tensor, v: Tensor) -> Tensor:
    """v^T (ds/dy), (..., *event), kept in the graph so that it can be trained through."""
    import torch

    (product,) = torch.autograd.grad(s, y, v, create_graph=True)
    return product


def sliced_divergence(s: Tensor, y: Tensor, v: Tensor, sigma: Tensor) -> Tensor:
    """v^T (ds/dy) v: its mean over v with E[v v^T] = I is div s (Hutchinson)."""
    return event_sum(vector_jacobian(s, y, v) * v, sigma)


def divergence(s: Tensor, y: Tensor, sigma: Tensor) -> Tensor:
    """div s = tr(ds/dy), exactly: d backward passes, batched into one."""
    import torch

    event = s.shape[sigma.ndim :]
    d = event.numel()
    basis = torch.eye(d, dtype=s.dtype, device=s.device).reshape(d, *[1] * sigma.ndim, *event).expand(d, *s.shape)
    (rows,) = torch.autograd.grad(s, y, basis, create_graph=True, is_grads_batched=True)
    return (rows * basis).flatten(sigma.ndim + 1).sum(-1).sum(0)


def draw_probe(probe: Probe, like: Tensor, sigma: Tensor, generator: Generators) -> Tensor:
    """A probe v of the shape of `like` with E[v v^T] = I over the event.

    gaussian: v ~ N(0, I). rademacher: independent signs. sphere: uniform on the sphere of radius sqrt(d), the
    radius that makes E[v v^T] = I.
    """
    if probe == "rademacher":
        return (uniform(like.shape, generator, like) < 0.5).to(like.dtype) * 2 - 1
    v = normal(like.shape, generator, like)
    if probe == "gaussian":
        return v
    square = event_sum(v.square(), sigma)
    dimension = v.flatten(sigma.ndim).shape[-1]
    norm = square.sqrt().reshape(*square.shape, *[1] * (v.ndim - square.ndim))
    return v * dimension**0.5 / norm
