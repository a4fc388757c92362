"""Sliced score matching in its original form, with the projected norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, draw_probes, score_and_slices

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class SlicedScoreMatching(Objective):
    """Sliced score matching (SSM).

    l(y) = 1/2 (v^T s(y))^2 + v^T (ds/dy) v,   E[v v^T] = I

    Song, Garg, Shi, Ermon (2019), eq. 7; the mean over `probes` draws of v. Cost: one more backward pass than DSM
    for each probe. Its variance is about d times that of `ssm_vr`.
    """

    differentiates_score: ClassVar[bool] = True
    probes: PositiveInt = 1
    probe: Probe = "rademacher"

    def evaluations(self, dimension: int) -> int:
        """The score and a product with its Jacobian for every probe."""
        return 1 + self.probes

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma."""
        sigma = batch.sigma
        v = draw_probes(self.probe, self.probes, batch.noise, sigma, generator)
        s, slices = score_and_slices(score, batch, v)
        projected = (v * s).flatten(sigma.ndim + 1).sum(-1)
        return (0.5 * projected.square() + slices).mean(0)
