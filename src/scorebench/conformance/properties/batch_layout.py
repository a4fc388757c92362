"""What a sample's loss owes to the batch that it stands in."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from scorebench.conformance._judge import LEVELS, SLOPE, Judge, Outcome, look
from scorebench.conformance._statistics import Measurement, measure
from scorebench.objectives import Batch

EQUAL = 1e-9
REPEATS = 150


def batch_layout(judge: Judge) -> Outcome:
    """A sample's loss depends neither on its neighbours nor on how the batch is arranged."""
    return _duplicated(judge) if judge.claims.reduction == "mean" else _neighbours(judge)


def _neighbours(judge: Judge) -> Outcome:
    n = 12
    family, scores, sigma = judge.few(n, judge.claims.supported(LEVELS) or (judge.sigma,))
    batch = family.batch(sigma, judge.runs.generator("layout"))
    other = family.batch(sigma, judge.runs.generator("layout", "other"))

    def values(b: Batch, seed: int = 0) -> Tensor:
        return judge.runs.values(scores, b, judge.runs.seed_for("layout probes", seed))

    plain, size, moved = values(batch), float(values(batch).abs().max()), 0.0
    outcome = Outcome()
    for half, kept in (("first", torch.arange(n) < n // 2), ("second", torch.arange(n) >= n // 2)):
        changed = replace(
            batch,
            clean=torch.where(kept[:, None], batch.clean, other.clean),
            noise=torch.where(kept[:, None], batch.noise, other.noise),
            sigma=torch.where(kept, sigma, sigma.roll(1)),
        )
        by = float((values(changed) - plain)[kept].abs().max()) / size
        moved = max(moved, by)
        if not by <= EQUAL:  # its draws may depend on the neighbours: then its mean must not
            pairs = [(values(changed, i) - values(batch, i + 1000))[kept].mean() / size for i in range(REPEATS)]
            outcome.measurements.append(measure(torch.stack(pairs), 0.0, f"{half} half with other neighbours"))
    if judge.claims.layout == "flat":
        outcome.note = "arrangement (a, b) not judged: claims flat batches"
        return outcome
    square = (3, n // 3)
    arranged = replace(
        batch,
        clean=batch.clean.reshape(*square, 2),
        noise=batch.noise.reshape(*square, 2),
        sigma=sigma.reshape(square),
    )
    shifted = float((values(arranged).reshape(n) - plain).abs().max()) / size
    if not shifted <= EQUAL:  # nor on the shape
        pairs = [(values(arranged, i).mean() - values(batch, i + 1000).mean()) / size for i in range(REPEATS)]
        outcome.measurements.append(measure(torch.stack(pairs), 0.0, f"(n,) arranged as {square}"))
    outcome.note = f"neighbours: {moved:.1e}, arrangement: {shifted:.1e} of the loss"
    return outcome


def _duplicated(judge: Judge) -> Outcome:
    """The mean over a batch is that over the batch written twice."""
    family, scores, sigma = judge.few(64, (judge.sigma,))
    batch = family.batch(sigma, judge.runs.generator("layout"))
    twice = replace(batch, clean=batch.clean.repeat(2, 1), noise=batch.noise.repeat(2, 1), sigma=sigma.repeat(2))

    def mean(b: Batch, seed: int) -> Tensor:
        return judge.runs.values(scores, b, judge.runs.seed_for("layout probes", seed))[0]

    size = float(torch.stack([mean(batch, i) for i in range(20)]).abs().mean())

    def draw(calls: range) -> tuple[Tensor, ...]:
        return (torch.stack([mean(batch, i) - mean(twice, 100_000 + i) for i in calls]) / size,)

    def weigh(differences: Tensor) -> list[list[Measurement]]:
        return [[measure(differences, 0.0, "a batch written twice", 1.0, SLOPE)]]

    (measurements,) = look(REPEATS, draw, weigh)
    return Outcome(measurements, note="reduced to a mean: single samples are not judged")
