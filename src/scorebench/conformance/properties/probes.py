"""The probes v that a loss draws: their number and their second moment."""

from __future__ import annotations

import math

import torch

from scorebench.conformance._families import FIELDS, families, family_named
from scorebench.conformance._judge import BLOCKS, SLOPE, Judge, Outcome
from scorebench.conformance._statistics import Measurement, log_variance_ratio, measure


def variance_in_the_probes(judge: Judge) -> Outcome:
    """M Var(M probes) / Var(1 probe) is 1, or less where the probes are not independent."""
    if not judge.claims.counts_probes:
        return Outcome(not_applicable="claims no number of probes")
    family, many = families()["anisotropic and rotated, d = 10"], 4
    reduced = judge.claims.reduction == "mean"
    blocks, size = (250, 8) if reduced else (2 * BLOCKS, 48)
    sigma = torch.full((size,), judge.sigma, dtype=torch.float64)
    theta = judge.direction(family, judge.sigma).expand(blocks, 1, FIELDS)
    batches = [family.batch(sigma, judge.runs.generator("probe data", block)) for block in range(blocks)]
    squares = []
    for probes in (many, 1):
        two = []
        for i in (0, 1):
            seeds = [judge.runs.seed_for("probe", probes, block, i) for block in range(blocks)]
            values, _ = judge.runs.run(family, sigma[:1], theta, batches, seeds, probes)
            two.append(values)
        squares.append((two[0] - two[1]).square().mean(1))
    if float(squares[1].mean()) < 1e-20:
        return Outcome(not_applicable="one probe already gives no variance")
    log, error = log_variance_ratio(*squares)
    log += math.log(many)
    return Outcome(
        [Measurement(f"ln(M Var_M / Var_1), M = {many}", log, 0.0, error, blocks - 1, "above", math.log(3))],
        note=f"variance falls by {many * math.exp(-log):.2f} from 1 to {many} probes",
    )


def second_moment_of_the_probes(judge: Judge) -> Outcome:
    """At the score 0 the gradient in a linear map S is tr(S E[v v']): every entry of E[v v'] is read off."""
    if not judge.claims.probes:
        return Outcome(not_applicable="claims no probes")
    family, factor = family_named("cube"), judge.claims.factor(judge.sigma)
    moments = judge.runs.projections(family, judge.sigma, BLOCKS)
    pairs = [(i, j) for i in range(family.dimension) for j in range(i, family.dimension)]
    return Outcome(
        [measure(moments[:, i, j] / factor, float(i == j), f"E[v_{i + 1} v_{j + 1}]", 1.0, SLOPE) for i, j in pairs]
    )
