"""Runs of a loss on blocks of fresh data: independent samples of its gradient and of its value."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from scorebench.conformance._calls import Answer, Call, Raised, Wrong, WrongReturn
from scorebench.conformance._claims import Claims
from scorebench.conformance._families import FIELDS, Family, families
from scorebench.conformance._models import Scores
from scorebench.objectives import Batch
from scorebench.streams import seed_of

SIZE = 256
"""Samples in a block: enough for its mean to be close to normal."""
STACKED = 2**16
"""Numbers in the blocks that are judged at once."""
FIRST = 8
"""Samples in the first call."""

Together: TypeAlias = Literal["all", "same", "none"]


class Runs:
    """A loss, what it claims, and the counted random streams of one verdict.

    Args:
        answer: calls the loss, here or in a process of its own.
        claims: what it is held to.
        seed: of the data and the probes.
    """

    def __init__(self, answer: Answer, claims: Claims, seed: int) -> None:
        self.answer, self.claims, self.seed = answer, claims, seed

    def seed_for(self, *purpose: int | str) -> int:
        """The seed of the stream for this purpose."""
        return seed_of("conformance", self.seed, *purpose)

    def generator(self, *purpose: int | str) -> torch.Generator:
        """The stream for this purpose, to draw data from."""
        return torch.Generator().manual_seed(self.seed_for(*purpose))

    def values(self, scores: Scores, batch: Batch, seed: int, disturbed: int | None = None) -> Tensor:
        """Per-sample values, of the shape of sigma; the mean over the batch, repeated, where the loss is reduced."""
        values, _ = self.answer(Call(scores, batch, seed, disturbed=disturbed, differentiated=False))
        return finite(values, scores, "values")

    def first_call(self, sigma: float, theta: Tensor) -> None:
        """Call the loss once on an easy batch.

        Raises:
            WrongReturn: it can't be called, or nothing that it returns is a number: nothing of it can be judged.
        """
        family, level = families()["mixture, d = 2"], torch.full((FIRST,), sigma, dtype=torch.float64)
        batch = family.batch(level, self.generator("first call"))
        given = f"a batch of {FIRST} vectors of 2 numbers (float64) at sigma = {sigma:g}"
        try:
            scores = Scores(family.name, level[:1], theta[None])
            values, _ = self.answer(Call(scores, batch, self.seed_for("first call", "probes")))
        except Raised as error:
            raise WrongReturn(f"given {given}, the loss {error}") from None
        if not bool(values.isfinite().any()):
            raise WrongReturn(f"given {given}, the loss returned {float(values[0]):g} for every sample")

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
            seeds = [self.seed_for("stack probes", i // 2) for i in range(6)]
            return self.run(family, sigma[:1], thetas.repeat(3, 1, 1), batches, seeds, together=together)

        with suppress(Wrong):  # whatever is wrong with it, the judge says where it matters
            alone = found("none")
            for together in ("all", "same"):
                with suppress(Wrong):
                    if all(torch.allclose(a, b, 1e-9, 1e-9) for a, b in zip(alone, found(together), strict=True)):
                        return together
        return "none"

    def run(
        self,
        family: Family,
        levels: Tensor,
        thetas: Tensor,
        batches: Sequence[Batch],
        seeds: Sequence[int],
        probes: int | None = None,
        together: Together | None = None,
        kind: str = "fields",
        any_number: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Values (blocks, n) and the gradients of their sums in theta (blocks, ...), for theta (blocks, ...).

        Raises:
            Wrong: a value or a gradient is not finite, unless `any_number`; or the loss raised, or returned otherwise.
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
                call = Call(Scores(family.name, levels, theta[0], kind), chunk[0], seeds[start], probes)
            else:
                scores = Scores(family.name, levels, theta, kind)
                call = Call(scores, stack(chunk), tuple(seeds[start:end]), probes)
            losses, gradient = self.answer(call)
            if not any_number:
                finite(losses, call.scores, "values")
                finite(gradient, call.scores, "gradients")
            values.append(losses if len(chunk) > 1 else losses[None])
            gradients.append(gradient.reshape(theta.shape))
            start = end
        return torch.cat(values), torch.cat(gradients)

    def blocks(
        self,
        family: Family,
        levels: Sequence[float],
        thetas: Sequence[Tensor],
        blocks: range,
        size: int = SIZE,
        any_number: bool = False,
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
            family,
            ladder,
            torch.stack(list(thetas)).repeat(len(blocks), 1, 1),
            [batch for batch in each for _ in thetas],
            [self.seed_for("probes", family.name, block) for block in blocks for _ in thetas],
            any_number=any_number,
        )
        values = values.unflatten(0, (len(blocks), len(thetas))).movedim(1, 0)
        gradients = gradients.unflatten(0, (len(blocks), len(thetas))).movedim(1, 0)
        per_level = [values[..., i :: len(levels)].mean(-1) for i in range(len(levels))]
        return gradients * (len(levels) / size), torch.stack(per_level, -1)

    def projections(self, family: Family, sigma: float, blocks: int, size: int = SIZE) -> Tensor:
        """Gradients of the loss at the score 0 in every symmetric linear map, (blocks, d, d)."""
        level = torch.full((size,), sigma, dtype=torch.float64)
        _, gradients = self.run(
            family,
            level[:1],
            torch.zeros(blocks, family.dimension, family.dimension, dtype=torch.float64),
            [family.batch(level, self.generator("linear data", block)) for block in range(blocks)],
            [self.seed_for("linear probes", block) for block in range(blocks)],
            kind="linear",
        )
        return gradients / size


def finite(numbers: Tensor, scores: Scores, what: str) -> Tensor:
    """These numbers.

    Raises:
        Wrong: some are not finite; says how many, and where.
    """
    if bad := int((~numbers.isfinite()).sum()):
        first = float(numbers[~numbers.isfinite()][0])
        levels = ", ".join(f"{float(s):g}" for s in scores.levels)
        raise Wrong(f"{bad} of {numbers.numel()} {what} are {first:g} or the like on {scores.family}, sigma = {levels}")
    return numbers


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
