"""Losses of other shapes as `loss(score, batch, generator)`.

from_energy(call)   losses on an energy module: call(energy, x, sigma, generator) -> mean, or values (n,)
mean_loss(loss)     loss(score, batch, generator) -> the mean over the batch
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from scorebench.conformance._claims import Claims, Loss, Told
from scorebench.conformance._families import FamilyEnergy
from scorebench.objectives import Batch

if TYPE_CHECKING:
    from scorebench.parts import Score

EnergyLoss = Callable[[FamilyEnergy, Tensor, float, torch.Generator], Tensor]


class Adapted:
    """A loss together with what it claims."""

    def __init__(self, loss: Loss, claims: Claims) -> None:
        self.loss, self.claims = loss, claims

    def __call__(self, score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
        """Per-sample values, of the shape of batch.sigma."""
        return self.loss(score, batch, generator)


def mean_loss(loss: Loss, **claims: Unpack[Told]) -> Adapted:
    """A loss that returns the mean over its batch: the mean is repeated for every sample.

    Args:
        loss: loss(score, batch, generator) -> one number.
        claims: further claims of the loss.
    """

    def repeated(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
        return loss(score, batch, generator).expand(batch.sigma.shape)

    return Adapted(repeated, Claims(**(Told(reduction="mean", layout="flat") | claims)))


def from_energy(call: EnergyLoss, *, adds_noise: bool, **claims: Unpack[Told]) -> Adapted:
    """A loss of a library that takes an energy E(x), with p(x) proportional to exp(-E(x)).

    Args:
        call: call(energy, x, sigma, generator) -> the mean over x (n, *event), or values (n,). `energy` is a module,
            energy(x) or energy(x, sigma) -> (n,).
        adds_noise: it noises clean x itself, with standard deviation sigma; otherwise x is a sample of p_sigma.
        claims: further claims. `generator=False` says that it draws from torch's global generator, which is then
            seeded for it.
    """
    told = Claims(**(Told(reduction="mean", layout="flat", noise="noised" if adds_noise else "any") | claims))

    def loss(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:  # the judge's, which have an energy
        points = batch.clean if adds_noise else batch.noisy
        values = torch.zeros_like(batch.sigma)
        for sigma in batch.sigma.unique().tolist():
            chosen = batch.sigma == sigma
            energy = FamilyEnergy(score, sigma)
            with torch.random.fork_rng(devices=[], enabled=not told.generator):
                if not told.generator:
                    torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
                found = call(energy, points[chosen].clone(), sigma, generator)
            values = torch.where(chosen, found if found.ndim == 0 else _spread(found, chosen), values)
        return values

    return Adapted(loss, told)


def _spread(found: Tensor, chosen: Tensor) -> Tensor:
    """Values of the chosen samples, in their places."""
    return torch.zeros(chosen.shape, dtype=found.dtype).masked_scatter(chosen, found)
