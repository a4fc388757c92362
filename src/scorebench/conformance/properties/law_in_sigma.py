"""The weight of the noise levels in a loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scorebench.conformance._families import families
from scorebench.conformance._judge import BLOCKS, LEVELS, Judge, Outcome, look
from scorebench.conformance._statistics import Measurement, measure

RATIO = 0.35
"""Resolution of a ratio of factors."""


def law_in_sigma(judge: Judge) -> Outcome:
    """The factor before 1/2 ||s - s*||^2, in units of the declared one, is the same at every noise level."""
    levels = judge.claims.supported(LEVELS)
    if len(levels) < 2:
        return Outcome(not_applicable=f"claims {len(levels)} of the noise levels {', '.join(map(str, LEVELS))}")
    family = families()["mixture, d = 2"]
    theta = torch.stack([judge.direction(family, s) for s in levels])
    errors = [float(theta[i] @ family.fields(s).gram @ theta[i]) for i, s in enumerate(levels)]
    outcome = Outcome()

    def draw(blocks: range) -> tuple[Tensor, ...]:
        gradient, _ = judge.runs.blocks(family, levels, [theta], blocks)
        return tuple(gradient[0, :, i] @ theta[i] / error for i, error in enumerate(errors))

    def weigh(*samples: Tensor) -> list[list[Measurement]]:
        slopes = [
            measure(found, 1.0, f"{sigma:g}", judge.claims.factor(sigma))
            for sigma, found in zip(levels, samples, strict=True)
        ]
        outcome.note = "slopes " + ", ".join(f"{m.value:.3g} at {m.where}" for m in slopes)
        # in units of the level that is known best
        best = min(slopes, key=lambda m: m.error / max(abs(m.value), 1e-300))
        ratios = []
        for m in slopes:
            if m is not best:
                ratio = m.value / best.value
                error = math.hypot(m.error, ratio * best.error) / abs(best.value)
                where = f"sigma = {m.where} against {best.where}"
                ratios.append(Measurement(where, ratio, 1.0, error, m.freedom, resolution=RATIO))
        return [ratios]

    (outcome.measurements,) = look(2 * BLOCKS, draw, weigh)
    return outcome
