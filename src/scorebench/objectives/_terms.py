"""The terms that objectives are made of: squared norms and divergences of a score, and probes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from scorebench.objectives._border import traced, untraced
from scorebench.parts import EnergyScore, Unsuitable, pointwise
from scorebench.streams import normal, uniform

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.objectives import Batch
    from scorebench.parts import Score
    from scorebench.streams import Generators

Probe = Literal["gaussian", "rademacher", "sphere", "orthogonal"]
CHUNK = 16
"""Vector-Jacobian products taken at once: more no longer fit the cache, fewer pay for every operation anew."""


def require_noise(sigma: Tensor, reason: str) -> None:
    """Raise Unsuitable(reason) unless every sigma is positive; where values can't be looked at, let it pass."""
    if not traced() and not bool((sigma > 0).all()):
        raise Unsuitable(reason)


def evaluate(score: Score, points: Sequence[Tensor], sigma: Tensor) -> Tensor:
    """The score at k points per sample: k times (..., *event) -> (k, ..., *event).

    In k calls, or in one with k on a leading axis where the score takes points one by one.
    """
    import torch

    if not pointwise(score):
        return torch.stack([score(y, sigma) for y in points])
    return score(torch.stack(list(points)), sigma.expand(len(points), *sigma.shape))


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


def slices(s: Tensor, y: Tensor, v: Tensor, sigma: Tensor) -> Tensor:
    """v^T (ds/dy) v for M probes: v (M, ..., *event) -> (M, ...)."""
    import torch

    if len(v) == 1:
        return sliced_divergence(s, y, v[0], sigma)[None]
    products = [
        torch.autograd.grad(s, y, some, create_graph=True, is_grads_batched=True)[0] * some for some in v.split(CHUNK)
    ]
    return torch.cat([product.flatten(sigma.ndim + 1).sum(-1) for product in products])


def score_and_divergence(score: Score, batch: Batch) -> tuple[Tensor, Tensor]:
    """s and div s, (..., *event) and (...): by the score's own way where it has one, else `divergence`."""
    if isinstance(score, EnergyScore) and score.with_divergence is not None:
        return score.with_divergence(batch.noisy, batch.sigma)
    if traced():
        s, pull = _pulled(score, batch)
        return s, _pulled_divergence(s, pull, batch.sigma)
    return untraced(_differentiated)(score, batch, divergence)


def score_and_slices(score: Score, batch: Batch, v: Tensor) -> tuple[Tensor, Tensor]:
    """s and v^T (ds/dy) v, (..., *event) and (M, ...), for probes v (M, ..., *event), likewise."""
    if isinstance(score, EnergyScore) and score.with_slices is not None:
        return score.with_slices(batch.noisy, batch.sigma, v)
    if traced():
        import torch

        s, pull = _pulled(score, batch)
        return s, torch.stack([event_sum(pull(one)[0] * one, batch.sigma) for one in v])
    return untraced(_differentiated)(score, batch, lambda s, y, sigma: slices(s, y, _recordable(v), sigma))


def _differentiated(
    score: Score, batch: Batch, derive: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """s, and what `derive` makes of s, y and sigma; under no_grad and inference_mode, too, then without a graph.

    Raises:
        Unsuitable: the score can't be differentiated in y.
    """
    import torch

    outer = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.enable_grad():
        y, sigma = differentiable(batch), _recordable(batch.sigma)
        s = score(y, sigma)
        if not s.requires_grad:
            raise Unsuitable("the score can't be differentiated in x: what it returns has no graph")
        try:
            derived = derive(s, y, sigma)
        except RuntimeError as error:
            if "not have been used" not in str(error):
                raise
            raise Unsuitable("the score can't be differentiated in x: what it returns does not depend on x") from None
    return (s, derived) if outer else (s.detach(), derived.detach())


def _recordable(x: Tensor) -> Tensor:
    """x, or a copy of it that a graph may hold, of a tensor made under inference_mode."""
    return x.clone() if x.is_inference() else x


def _pulled(score: Score, batch: Batch) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor]]]:
    """s, and v -> v^T (ds/dy), by torch.func, which may be traced and mapped."""
    import torch

    found = torch.func.vjp(lambda y: score(y, batch.sigma), batch.noisy)
    return found[0], found[1]


def _pulled_divergence(s: Tensor, pull: Callable[[Tensor], tuple[Tensor]], sigma: Tensor) -> Tensor:
    import torch

    event = s.shape[sigma.ndim :]
    basis = torch.eye(event.numel(), dtype=s.dtype, device=s.device).reshape(-1, *event)
    rows = [pull(one.expand_as(s))[0] * one for one in basis]
    return torch.stack([event_sum(row, sigma) for row in rows]).sum(0)


def divergence(s: Tensor, y: Tensor, sigma: Tensor) -> Tensor:
    """div s = tr(ds/dy), exactly: d vector-Jacobian products, CHUNK of them at a time."""
    import torch

    event = s.shape[sigma.ndim :]
    d = event.numel()
    total = torch.zeros_like(sigma)
    for first in range(0, d, CHUNK):
        count = min(CHUNK, d - first)
        basis = torch.zeros(count, d, dtype=s.dtype, device=s.device)
        basis.diagonal(first).fill_(1)
        basis = basis.reshape(count, *[1] * sigma.ndim, *event).expand(count, *s.shape)
        (rows,) = torch.autograd.grad(s, y, basis, create_graph=True, is_grads_batched=True)
        total = total + rows.flatten(sigma.ndim + 1).diagonal(first, 0, -1).sum(-1)
    return total


def draw_probe(probe: Probe, like: Tensor, sigma: Tensor, generator: Generators) -> Tensor:
    """A probe v of the shape of `like` with E[v v^T] = I over the event.

    gaussian: v ~ N(0, I). rademacher: independent signs. sphere: uniform on the sphere of radius sqrt(d), the
    radius that makes E[v v^T] = I. orthogonal: one alone is one on the sphere.
    """
    if probe == "rademacher":
        return (uniform(like.shape, generator, like) < 0.5).to(like.dtype) * 2 - 1
    v = normal(like.shape, generator, like)
    if probe == "gaussian":
        return v
    square = event_sum(v.square(), sigma)
    dimension = v.flatten(sigma.ndim).shape[-1]
    norm = square.sqrt().reshape(*square.shape, *[1] * (v.ndim - square.ndim))
    on_sphere: Tensor = v * dimension**0.5 / norm
    return on_sphere


def draw_probes(probe: Probe, count: int, like: Tensor, sigma: Tensor, generator: Generators) -> Tensor:
    """M probes of the shape of `like`, (M, *like.shape), each with E[v v^T] = I over the event.

    orthogonal: uniform on the sphere of radius sqrt(d), and orthogonal to each other in blocks of d, so that the
    mean of v^T A v over d of them is tr A exactly. The other probes are independent.
    """
    import torch

    v = torch.stack([draw_probe(probe, like, sigma, generator) for _ in range(count)])
    return orthogonal(v, sigma) if probe == "orthogonal" else v


def orthogonal(v: Tensor, sigma: Tensor) -> Tensor:
    """Directions made orthogonal in blocks of d, norms kept: (M, ..., *event) -> the same.

    Gram-Schmidt: the first of a block stays as it is. Of independent isotropic vectors, each keeps its distribution.
    """
    import torch

    flat = v.flatten(sigma.ndim + 1)
    blocks = []
    for block in flat.split(flat.shape[-1]):
        columns, triangle = torch.linalg.qr(block.movedim(0, -1))
        directions = (columns * triangle.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]).movedim(-1, 0)
        blocks.append(directions * block.norm(dim=-1, keepdim=True))
    return torch.cat(blocks).reshape(v.shape)
