"""Sliced score matching with the exact norm: the variance-reduced form."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, differentiable, draw_probe, half_square, sliced_divergence

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class SlicedScoreMatchingVR(Objective):
    """Sliced score matching with the exact norm term (SSM-VR).

    l(y) = 1/2 ||s(y)||^2 + v^T (ds/dy) v,   E[v v^T] = I

    Song, Garg, Shi, Ermon (2019), eq. 8; the mean over `probes` draws of v. Cost: one more backward pass than DSM
    for each probe.
    """

    differentiates_score: ClassVar[bool] = True
    probes: PositiveInt = 1
    probe: Probe = "rademacher"

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma."""
        y, sigma = differentiable(batch), batch.sigma
        s = score(y, sigma)
        slices = [
            sliced_divergence(s, y, draw_probe(self.probe, s, sigma, generator), sigma) for _ in range(self.probes)
        ]
        return half_square(s, sigma) + sum(slices) / self.probes
