"""SSM-VR at small noise, DSM at large noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from scorebench.objectives import Batch, Objective
from scorebench.objectives._border import traced
from scorebench.objectives._terms import Probe, draw_probe, half_square, score_and_slices
from scorebench.parts import pointwise

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class Switch(Objective):
    """SSM-VR where sigma < threshold, DSM elsewhere.

    l(y) = 1/2 ||s(y)||^2 + v^T (ds/dy) v      sigma <  threshold
           1/2 ||s(y) + epsilon / sigma||^2    sigma >= threshold

    The hard form of `hybrid`: both estimate 1/2 ||s - s*||^2, up to constants that differ, so that the value jumps at
    the threshold and the expected gradient does not. For linear scores on N(0, tau^2 I) the two have the same
    variance at sigma = tau / sqrt 2. Where the score takes points one by one, only those below the threshold pay for
    SSM-VR; else all do, so that their order is kept. Defined at sigma = 0.
    """

    differentiates_score: ClassVar[bool] = True
    combines: ClassVar[tuple[str, ...]] = ("dsm", "ssm_vr")
    threshold: PositiveFloat = 0.5**0.5
    probe: Probe = "rademacher"

    def evaluations(self, dimension: int) -> int:
        """The score and a product with its Jacobian, as if every sigma were below the threshold."""
        return 2

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma."""
        v = draw_probe(self.probe, batch.noise, batch.sigma, generator)
        if batch.sigma.ndim and pointwise(score) and not traced():
            return self._sorted(score, batch, v)
        return self._both(score, batch, v)

    def _both(self, score: Score, batch: Batch, v: Tensor) -> Tensor:
        """SSM-VR of every sample, DSM in its stead where sigma is not below the threshold."""
        import torch

        below = batch.sigma < self.threshold
        s, (slice_,) = score_and_slices(score, batch, v[None])
        ssm = half_square(s, batch.sigma) + slice_
        return torch.where(below, ssm, _dsm(s, batch, ~below))

    def _sorted(self, score: Score, batch: Batch, v: Tensor) -> Tensor:
        """Split along the last batch axis: the smallest sigma first, as many as any row has below the threshold."""
        import torch

        order = batch.sigma.argsort(-1)
        count = int((batch.sigma < self.threshold).sum(-1).max())
        low, high = order[..., :count], order[..., count:]
        losses = []
        if low.shape[-1]:
            losses.append(self._both(score, _take(batch, low), _pick(v, low)))
        if high.shape[-1]:
            part = _take(batch, high)
            losses.append(_dsm(score(part.noisy, part.sigma), part, torch.ones_like(part.sigma, dtype=torch.bool)))
        return torch.cat(losses, -1).gather(-1, order.argsort(-1))


def _pick(x: Tensor, index: Tensor) -> Tensor:
    """Entries of x (..., n, *event) along its last batch axis: index (..., k) -> (..., k, *event)."""
    event = x.shape[index.ndim :]
    return x.gather(index.ndim - 1, index.reshape(*index.shape, *[1] * len(event)).expand(*index.shape, *event))


def _take(batch: Batch, index: Tensor) -> Batch:
    return Batch(_pick(batch.clean, index), _pick(batch.noise, index), batch.sigma.gather(-1, index))


def _dsm(s: Tensor, batch: Batch, used: Tensor) -> Tensor:
    """1/2 ||s + epsilon / sigma||^2, with sigma = 1 where it is not used (it may be 0 there)."""
    scale = batch.scale.masked_fill(~used.reshape(batch.scale.shape), 1.0)
    return half_square(s + batch.noise / scale, batch.sigma)
