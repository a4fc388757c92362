"""Runs of a loss on blocks of fresh data: independent samples of its gradient and of its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Literal, TypeAlias

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

Together: TypeAlias = Literal["all", "same", "none"]


class WrongReturn(ValueError):
    """A loss that returns something other than its claims say."""


class Runs:
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
    def together(self) -> Together:
        """What may be judged in one call with leading batch axes: it must change nothing.

        "all": any blocks, each with a generator of its own; "same": one block under several theta, for losses that
        look at the reference set; "none".
        """
        if self.claims.layout == "flat" or self.claims.reduction == "mean":
            return "none"
        family, level = families()["mixture, d = 2"], self.claims.supported((0.8, *self.claims.sigmas, 0.0))[0]
        sigma = torch.full((5,), level, dtype=torch.float64)
        thetas = torch.stack([torch.ones(1, FIELDS), torch.zeros(1, FIELDS)]).double()
        batches = [b for i in range(3) for b in [family.batch(sigma, self.generator("stack data", i))] * 2]

        def found(together: Together) -> tuple[Tensor, Tensor]:
            generators = [self.generator("stack probes", i // 2) for i in range(6)]
            return self.run(
                partial(Model, family, sigma[:1]), thetas.repeat(3, 1, 1), batches, generators, None, together
            )

        with suppress(Exception):  # whatever is wrong with it, the judge says where it matters
            alone = found("none")
            for together in ("all", "same"):
                with suppress(Exception):
                    if all(torch.allclose(a, b, 1e-9, 1e-9) for a, b in zip(alone, found(together), strict=True)):
                        return together
        return "none"

    def run(
        self,
        model: Callable[[Tensor], Model | LinearModel],
        thetas: Tensor,
        batches: Sequence[Batch],
        generators: Sequence[torch.Generator],
        loss: Loss | None = None,
        together: Together | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Values (blocks, n) and the gradients of their sums in theta (blocks, ...), for theta (blocks, ...).

        model(theta) gives the model for one theta, and for many along a leading axis.
        """
        values, gradients = [], []
        start = 0
        while start < len(batches):
            end = start + 1
            if (together or self.together) == "all":
                end = start + max(1, STACKED // batches[0].clean.numel())
            elif (together or self.together) == "same":
                while end < len(batches) and batches[end] is batches[start]:
                    end += 1
            chunk, theta = batches[start:end], thetas[start:end]
            if len(chunk) == 1:
                built = model(theta[0])
                losses = self.values(built, chunk[0], generators[start], loss)[None]
            else:
                built = model(theta)
                losses = self.values(built, stack(chunk), list(generators[start:end]), loss)
            (gradient,) = torch.autograd.grad(losses.sum(), built.theta)
            values.append(losses.detach())
            gradients.append(gradient.reshape(theta.shape))
            start = end
        return torch.cat(values), torch.cat(gradients)

    def blocks(
        self, family: Family, levels: Sequence[float], thetas: Sequence[Tensor], blocks: range, size: int = SIZE
    ) -> tuple[Tensor, Tensor]:
        """Mean gradients in theta (thetas, blocks, levels, FIELDS) and mean values (thetas, blocks, levels).

        The levels take turns within a block, theta (levels, FIELDS) is that of each. The data and probes of a block
        are the same for every theta.
        """
        ladder = torch.tensor(levels, dtype=torch.float64)
        sigma = ladder[torch.arange(size) % len(levels)]
        drawn = family.batch(sigma.expand(len(blocks), size), self.generator("data", family.name, blocks.start))
        each = [
            Batch(clean, noise, sigma, family.target, clean)
            for clean, noise in zip(drawn.clean, drawn.noise, strict=True)
        ]
        values, gradients = self.run(
            partial(Model, family, ladder),
            torch.stack(list(thetas)).repeat(len(blocks), 1, 1),
            [batch for batch in each for _ in thetas],
            [self.generator("probes", family.name, block) for block in blocks for _ in thetas],
        )
        values = values.unflatten(0, (len(blocks), len(thetas))).movedim(1, 0)
        gradients = gradients.unflatten(0, (len(blocks), len(thetas))).movedim(1, 0)
        per_level = [values[..., i :: len(levels)].mean(-1) for i in range(len(levels))]
        return gradients * (len(levels) / size), torch.stack(per_level, -1)

    def projections(self, family: Family, sigma: float, blocks: int, size: int = SIZE) -> Tensor:
        """Gradients of the loss at the score 0 in every symmetric linear map, (blocks, d, d)."""
        level = torch.full((size,), sigma, dtype=torch.float64)
        _, gradients = self.run(
            LinearModel,
            torch.zeros(blocks, family.dimension, family.dimension, dtype=torch.float64),
            [family.batch(level, self.generator("linear data", block)) for block in range(blocks)],
            [self.generator("linear probes", block) for block in range(blocks)],
        )
        return gradients / size


def stack(batches: Sequence[Batch]) -> Batch:
    """Blocks as one batch (blocks, n); their reference sets are put together."""
    references = [b.reference for b in {id(b): b for b in batches}.values() if b.reference is not None]
    return Batch(
        torch.stack([b.clean for b in batches]),
        torch.stack([b.noise for b in batches]),
        torch.stack([b.sigma for b in batches]),
        batches[0].target,
        torch.cat(references),
    )
