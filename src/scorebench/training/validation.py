"""How far a network is, measured on validation points while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scorebench.objectives import Batch
from scorebench.streams import Streams, normal

if TYPE_CHECKING:
    from scorebench.parts import Score
    from scorebench.training.problem import Problem

POINTS = 512


class HeldOut:
    """Validation points with noise that is the same for every method and every time."""

    def __init__(self, problem: Problem) -> None:
        self.schedule = schedule = problem.schedule
        points, streams = problem.validation, problem.streams
        count, R = min(len(points), POINTS), streams.replicates
        stream = Streams(streams.seed, 1, streams.device).at
        sigma = schedule.sample((1, count), stream("validation sigma"), like=points)[0]
        noise = normal((1, count, *points.shape[1:]), stream("validation noise"), points)[0]
        clean, noise = (x.expand(R, *[-1] * x.ndim) for x in (points[:count], noise))
        self.batch = Batch(clean, noise, sigma.expand(R, -1), problem.target)

    @torch.no_grad()
    def errors(self, score: Score) -> dict[str, Tensor]:
        """`score_error` where the score is known and `validation_dsm` where there is noise, (R,) each."""
        batch = self.batch
        s = score(batch.noisy, batch.sigma)
        weight = self.schedule.weight(batch.sigma)
        errors = {}
        if batch.target is not None:
            exact = batch.target.score(batch.noisy, batch.sigma)
            errors["score_error"] = (weight * (s - exact).square().flatten(2).sum(-1)).mean(-1)
        if bool((batch.sigma > 0).all()):
            residual = s + batch.noise / batch.scale
            errors["validation_dsm"] = (weight * 0.5 * residual.square().flatten(2).sum(-1)).mean(-1)
        return errors
