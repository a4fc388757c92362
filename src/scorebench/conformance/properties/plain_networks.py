"""What a loss may ask of a network: the batch axes that it was given, in their order."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from scorebench.conformance._calls import Raised
from scorebench.conformance._judge import LEVELS, Judge, Outcome
from scorebench.conformance._models import Scores
from scorebench.conformance.properties.batch_layout import EQUAL

SAMPLES = 12


def plain_networks(judge: Judge) -> Outcome:
    """It works with networks that take (n, *event) and (n,) only, and with labels that one holds of the samples."""
    family, scores, sigma = judge.few(SAMPLES, judge.claims.supported(LEVELS) or (judge.sigma,))
    batch = family.batch(sigma, judge.runs.generator("plain networks"))

    def values(of: Scores) -> Tensor:
        return judge.runs.values(of, batch, judge.runs.seed_for("plain networks", "probes"), disturbed=1)

    far, near = values(scores), values(replace(scores, theta=0 * scores.theta))
    if not torch.equal(far, values(scores)):
        return Outcome(not_applicable="its draws can't be repeated, so that no two calls can be compared")
    size = float(far.abs().max())
    off = float((values(replace(scores, kind="plain")) - far).abs().max()) / size
    if not off <= EQUAL:
        return Outcome(
            faults=[f"with a network that takes (n, *event) and (n,) only it is off by {off:.1e} of the loss"]
        )
    if judge.claims.reduction == "mean":
        return Outcome(note=f"networks that take (n, *event) and (n,) only: {off:.1e} of the loss")
    labels = torch.arange(SAMPLES) % 5 % 2 == 0
    theta = torch.where(labels[:, None, None], scores.theta, 0 * scores.theta)
    try:
        found = values(replace(scores, theta=theta, kind="labelled"))
    except Raised:
        return Outcome(note="it asks for more samples at once than the batch has: labels are not judged")
    moved = float((found - torch.where(labels, far, near)).abs().max()) / size
    if not moved <= EQUAL:
        return Outcome(faults=[f"labels of the samples are not kept in order: off by {moved:.1e} of the loss"])
    return Outcome(note=f"plain networks: {off:.1e}, labels in order: {moved:.1e} of the loss")
