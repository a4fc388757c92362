"""The random numbers of a loss."""

from __future__ import annotations

import torch

from scorebench.conformance._judge import Judge, Outcome


def determinism(judge: Judge) -> Outcome:
    """The same generator gives the same values, whatever the state of torch's global one."""
    if not judge.claims.generator:
        return Outcome(not_applicable="takes no generator: it draws from torch's global one")
    family, scores, sigma = judge.few(12, (judge.sigma,))
    batch, seed = family.batch(sigma, judge.runs.generator("determinism")), judge.runs.seed_for("determinism probes")
    found = [judge.runs.values(scores, batch, seed, disturbed=other) for other in (1, 2)]
    if torch.equal(found[0], found[1]):
        return Outcome(note="equal to the bit")
    off = float((found[0] - found[1]).abs().max())
    return Outcome(faults=[f"two calls with the same generator differ by {off:.2g}"])
