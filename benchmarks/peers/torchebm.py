"""torchebm 0.8.9: Loss(model, ...)(x, generator=...), a mean over the batch; p(x) ~ exp(-E(x)), x (n, *data_dims)."""

from __future__ import annotations

import torch
from torch import Tensor
from torchebm import losses

from peers import Peer
from scorebench.conformance import EnergyLoss, from_energy


def denoising(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """One noise level."""
    loss = losses.DenoisingScoreMatching(energy, noise_scale=sigma, dtype=x.dtype)
    return loss(x, generator=generator)


def implicit(method: str) -> EnergyLoss:
    """hessian_method "exact" or "approx" (finite differences), on y as data."""

    def call(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
        return losses.ScoreMatching(energy, hessian_method=method, dtype=x.dtype)(x, generator=generator)

    return call


def sliced(projections: int, kind: str) -> EnergyLoss:
    """Projections of a kind, on y as data."""

    def call(energy, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
        loss = losses.SlicedScoreMatching(energy, n_projections=projections, projection_type=kind, dtype=x.dtype)
        return loss(x, generator=generator)

    return call


def _sliced(kind: str) -> Peer:
    def with_probes(count: int):
        return from_energy(sliced(count, kind), adds_noise=False)

    return Peer(from_energy(sliced(5, kind), adds_noise=False, probes=True, with_probes=with_probes))


NOTE = (
    "Its docstrings give x as (batch_size, *data_dims), so images are judged too: `SlicedScoreMatching` sums over the"
    " last axis alone, `ScoreMatching (exact)` hands the model flattened events. The finite-difference trace of"
    " `ScoreMatching (approx)` is divided by the dimension: right for d = 1. `DenoisingScoreMatching` accepts"
    " noise_scale = 0."
)
LOSSES = {
    "DenoisingScoreMatching": Peer(from_energy(denoising, adds_noise=True)),
    "ScoreMatching (exact)": Peer(from_energy(implicit("exact"), adds_noise=False)),
    "ScoreMatching (approx)": Peer(from_energy(implicit("approx"), adds_noise=False)),
    "SlicedScoreMatching (rademacher)": _sliced("rademacher"),
    "SlicedScoreMatching (sphere)": _sliced("sphere"),
    "SlicedScoreMatching (gaussian)": _sliced("gaussian"),
}
