"""Runs of a loss on blocks of fresh data: independent samples of its gradient and of its value."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scorebench.conformance._claims import Claims, Loss
from scorebench.conformance._families import Family, LinearModel, Model
from scorebench.objectives import Batch
from scorebench.streams import seed_of

SIZE = 256
"""Samples in a block: enough for its mean to be close to normal."""


class WrongReturn(ValueError):
    """A loss that returns something other than its claims say."""


class Trials:
    """A loss, what it claims, and the counted random streams of one verdict."""

    def __init__(self, loss: Loss, claims: Claims, seed: int) -> None:
        self.loss, self.claims, self.seed = loss, claims, seed

    def generator(self, *purpose: int | str) -> torch.Generator:
        """The stream for this purpose."""
        return torch.Generator().manual_seed(seed_of("conformance", self.seed, *purpose))

    def values(
        self, model: Model | LinearModel, batch: Batch, generator: torch.Generator, loss: Loss | None = None
    ) -> Tensor:
        """Per-sample values, of the shape of sigma; the mean over the batch, repeated, where the loss is reduced."""
        returned = (loss or self.loss)(model, batch, generator)
        if not isinstance(returned, Tensor):
            raise WrongReturn(f"the loss returned a {type(returned).__name__}, a tensor is wanted")
        if returned.shape != batch.sigma.shape:
            hint = ""
            if returned.ndim == 0:
                hint = "; a loss that returns the mean over its batch is wrapped by `mean_loss` (--reduction mean)"
            raise WrongReturn(
                f"the loss returned values of shape {tuple(returned.shape)} for a batch of shape"
                f" {tuple(batch.sigma.shape)}: one value per sample is wanted{hint}"
            )
        return returned

    def blocks(
        self, family: Family, levels: Sequence[float], theta: Tensor, blocks: range, size: int = SIZE
    ) -> tuple[Tensor, Tensor]:
        """Mean gradients in theta (blocks, levels, FIELDS) and mean values (blocks, levels) at these noise levels.

        The levels take turns within a block. A block's data and probes depend on its number and not on theta.
        """
        ladder = torch.tensor(levels, dtype=torch.float64)
        sigma = ladder[torch.arange(size) % len(levels)]
        gradients, values = [], []
        for block in blocks:
            model = Model(family, ladder, theta)
            batch = family.batch(sigma, self.generator("data", family.name, block))
            losses = self.values(model, batch, self.generator("probes", family.name, block))
            (gradient,) = torch.autograd.grad(losses.sum(), model.theta)
            gradients.append(gradient * (len(levels) / size))
            values.append(torch.stack([losses.detach()[i :: len(levels)].mean() for i in range(len(levels))]))
        return torch.stack(gradients), torch.stack(values)

    def projections(self, family: Family, sigma: float, blocks: int, size: int = SIZE) -> Tensor:
        """Gradients of the loss at the score 0 in every symmetric linear map, (blocks, d, d)."""
        gradients = []
        for block in range(blocks):
            model = LinearModel(family.dimension)
            level = torch.full((size,), sigma, dtype=torch.float64)
            batch = family.batch(level, self.generator("linear data", block))
            losses = self.values(model, batch, self.generator("linear probes", block))
            (gradient,) = torch.autograd.grad(losses.sum(), model.theta)
            gradients.append(gradient[0] / size)
        return torch.stack(gradients)
