"""What becomes of a loss as sigma falls, and at sigma = 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scorebench.conformance._calls import Wrong
from scorebench.conformance._families import FIELDS, Family, families
from scorebench.conformance._judge import BLOCKS, FIELD, Judge, Outcome
from scorebench.conformance._runs import SIZE
from scorebench.conformance._statistics import Measurement, log_variance_ratio, measure
from scorebench.objectives import Batch

SMALL = (1e-4, 1e-3, 1e-2)
GROWTH = 2.0
"""The variance of a gradient may grow as sigma^-2 towards sigma = 0, as that of DSM does, and no faster."""


def sigma_to_zero(judge: Judge) -> Outcome:
    """Finite as sigma falls, with a variance that grows no faster than sigma^-2; clear at sigma = 0."""
    family, outcome = families()["mixture, d = 2"], Outcome()
    notes = []
    levels = judge.claims.supported(SMALL)
    if len(levels) > 1:
        theta = torch.zeros(len(levels), FIELDS, dtype=torch.float64)
        gradients, values = judge.runs.blocks(family, levels, [theta], range(2 * BLOCKS), any_number=True)
        gradient, value = gradients[0], values[0]
        if not bool(gradient.isfinite().all() & value.isfinite().all()):
            outcome.faults.append(f"not finite at sigma = {', '.join(f'{s:g}' for s in levels)}")
        else:
            squares = (gradient - gradient.mean(0)).square().sum(-1)
            units = [judge.claims.factor(s) ** 2 for s in levels]
            if float(squares.mean()) > 1e-20:
                log, error = log_variance_ratio(squares[:, 0] / units[0], squares[:, -1] / units[-1])
                span = math.log(levels[-1] / levels[0])
                growth = Measurement(
                    f"sigma from {levels[-1]:g} to {levels[0]:g}",
                    log / span,
                    GROWTH,
                    error / span,
                    len(squares) - 1,
                    "above",
                )
                outcome.measurements.append(growth)
                notes.append(
                    f"variance grows as sigma^-{growth.value:.1f}" if growth.value > 0.3 else "bounded variance"
                )
            else:
                notes.append("no variance")
    elif judge.claims.noise != "clean":
        notes.append(f"small sigma not judged: claims {judge.claims.sigmas[0]:g} and more")
    notes.append(_at_zero(judge, family, outcome))
    outcome.note = "; ".join(note for note in notes if note)
    return outcome


def _at_zero(judge: Judge, family: Family, outcome: Outcome) -> str:
    """Judge sigma = 0, where a loss may refuse, or return what is not finite; a finite number must be right."""
    clean = judge.claims.noise == "clean"
    if not clean and judge.claims.sigmas[0] > 0:
        return "sigma = 0 is not claimed"
    try:
        gradient, value = _mirrored(judge, family)
    except Wrong as error:
        if clean:
            outcome.faults.append(f"at sigma = 0 it {error}")
            return ""
        return f"refuses sigma = 0: it {error}"
    if not bool(gradient.isfinite().all() & value.isfinite().all()):
        if clean:
            outcome.faults.append("at sigma = 0 it returns values that are not finite")
            return ""
        return "not finite at sigma = 0, where it is thus no loss to train with"
    fields = family.fields(0.0)
    size = math.sqrt(family.dimension) / fields.spread
    outcome.measurements += [
        measure(gradient[:, k], 0.0, f"sigma = 0, {FIELD[k]}", judge.claims.scale * size) for k in range(FIELDS)
    ]
    return "finite at sigma = 0"


def _mirrored(judge: Judge, family: Family) -> tuple[Tensor, Tensor]:
    """Mean gradients (blocks, FIELDS) and values (blocks,) at sigma = 0 and the truth, every noise once with each sign.

    So what a loss multiplies by the noise cancels, however large the factor: a division by sigma + 1e-8, say.
    """
    sigma, theta = torch.zeros(BLOCKS, SIZE, dtype=torch.float64), torch.zeros(BLOCKS, 1, FIELDS, dtype=torch.float64)
    drawn = family.batch(sigma[:, : SIZE // 2], judge.runs.generator("zero"))
    batches = []
    for x, noise in zip(drawn.clean, drawn.noise, strict=True):
        clean = torch.cat([x, x])
        batches.append(Batch(clean, torch.cat([noise, -noise]), sigma[0], family.target, clean))
    seeds = [judge.runs.seed_for("zero", "probes", block) for block in range(BLOCKS)]
    values, gradients = judge.runs.run(family, sigma[0, :1], theta, batches, seeds, any_number=True)
    return gradients[:, 0] / SIZE, values.mean(1)
