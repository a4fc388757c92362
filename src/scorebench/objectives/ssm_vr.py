"""Sliced score matching with the exact norm: the variance-reduced form."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, draw_probes, half_square, score_and_slices

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class SlicedScoreMatchingVR(Objective):
    """Sliced score matching with the exact norm term (SSM-VR).

    l(y) = 1/2 ||s(y)||^2 + v^T (ds/dy) v,   E[v v^T] = I

    Song, Garg, Shi, Ermon (2019), eq. 8; the mean over `probes` draws of v. Cost: one more backward pass than DSM
    for each probe. With d `orthogonal` probes the divergence is exact: this is ISM.
    """

    differentiates_score: ClassVar[bool] = True
    probes: PositiveInt = 1
    probe: Probe = "rademacher"

    def evaluations(self, dimension: int) -> int:
        """The score and a product with its Jacobian for every probe."""
        return 1 + self.probes

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma."""
        v = draw_probes(self.probe, self.probes, batch.noise, batch.sigma, generator)
        s, slices = score_and_slices(score, batch, v)
        return half_square(s, batch.sigma) + slices.mean(0)
