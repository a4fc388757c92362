"""Runs of a loss on blocks of fresh data: independent samples of its gradient and of its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from scorebench.conformance._claims import Claims, Loss
from scorebench.conformance._families import FIELDS, Family, LinearModel, Model, families
from scorebench.objectives import Batch
from scorebench.streams import Generators, seed_of

SIZE = 256
"""Samples in a block: enough for its mean to be close to normal."""
STACKED = 2**16
"""Numbers in the blocks that are judged at once."""


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
        self, model: Model | LinearModel, batch: Batch, generator: Generators, loss: Loss | None = None
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

    @cached_property
    def stacks(self) -> bool:
        """Whether blocks may be judged as one batch (blocks, n), with a generator each: it must change nothing."""
        if self.claims.layout == "flat" or self.claims.reduction == "mean":
            return False
        family, level = families()["mixture, d = 2"], self.claims.supported((0.8, *self.claims.sigmas, 0.0))[0]
        sigma, theta = torch.full((5,), level, dtype=torch.float64), torch.ones(1, FIELDS, dtype=torch.float64)
        batches = [family.batch(sigma, self.generator("stack data", i)) for i in range(3)]

        def make(count: int) -> Model:
            return Model(family, sigma[:1], copies(theta, count))

        try:
            (values, gradients), (stacked, stacked_gradients) = (
                self.run(make, batches, [self.generator("stack probes", i) for i in range(3)], step=step)
                for step in (1, 3)
            )
        except Exception:  # whatever is wrong with it, the judge says where it matters
            return False
        return torch.allclose(values, stacked, 1e-9, 1e-9) and torch.allclose(gradients, stacked_gradients, 1e-9, 1e-9)

    def run(
        self,
        make: Callable[[int], Model | LinearModel],
        batches: Sequence[Batch],
        generators: Sequence[torch.Generator],
        loss: Loss | None = None,
        step: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Values (blocks, n) and the gradients of their sums in theta (blocks, ...), `step` blocks at a time.

        make(count) gives the model with theta for so many blocks, or without an axis for them where count is 0.
        """
        if not step:
            step = max(1, STACKED // batches[0].clean.numel()) if self.stacks else 1
        values, gradients = [], []
        for i in range(0, len(batches), step):
            chunk = list(batches[i : i + step])
            model = make(0 if step == 1 else len(chunk))
            if step == 1:
                losses = self.values(model, chunk[0], generators[i], loss)[None]
            else:
                losses = self.values(model, stack(chunk), list(generators[i : i + step]), loss)
            (gradient,) = torch.autograd.grad(losses.sum(), model.theta)
            values.append(losses.detach())
            gradients.append(gradient[None] if step == 1 else gradient)
        return torch.cat(values), torch.cat(gradients)

    def blocks(
        self, family: Family, levels: Sequence[float], theta: Tensor, blocks: range, size: int = SIZE
    ) -> tuple[Tensor, Tensor]:
        """Mean gradients in theta (blocks, levels, FIELDS) and mean values (blocks, levels) at these noise levels.

        The levels take turns within a block. A block's data and probes depend on its number and not on theta.
        """
        ladder = torch.tensor(levels, dtype=torch.float64)
        sigma = ladder[torch.arange(size) % len(levels)]
        values, gradients = self.run(
            lambda count: Model(family, ladder, copies(theta, count)),
            [family.batch(sigma, self.generator("data", family.name, block)) for block in blocks],
            [self.generator("probes", family.name, block) for block in blocks],
        )
        per_level = [values[:, i :: len(levels)].mean(1) for i in range(len(levels))]
        return gradients * (len(levels) / size), torch.stack(per_level, 1)

    def projections(self, family: Family, sigma: float, blocks: int, size: int = SIZE) -> Tensor:
        """Gradients of the loss at the score 0 in every symmetric linear map, (blocks, d, d)."""
        level = torch.full((size,), sigma, dtype=torch.float64)
        zero = torch.zeros(family.dimension, family.dimension, dtype=torch.float64)
        _, gradients = self.run(
            lambda count: LinearModel(copies(zero, count)),
            [family.batch(level, self.generator("linear data", block)) for block in range(blocks)],
            [self.generator("linear probes", block) for block in range(blocks)],
        )
        return gradients / size


def copies(theta: Tensor, count: int) -> Tensor:
    """theta itself, or `count` copies of it along a leading axis."""
    return theta.expand(count, *theta.shape) if count else theta


def stack(batches: list[Batch]) -> Batch:
    """Blocks as one batch (blocks, n); their reference sets are put together."""
    references = [b.reference for b in batches if b.reference is not None]
    return Batch(
        torch.stack([b.clean for b in batches]),
        torch.stack([b.noise for b in batches]),
        torch.stack([b.sigma for b in batches]),
        batches[0].target,
        torch.cat(references),
    )
