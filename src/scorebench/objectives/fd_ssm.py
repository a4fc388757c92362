"""Sliced score matching by finite differences: no second derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat, PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import Probe, draw_probes, evaluate, event_sum, half_square

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class FiniteDifferenceSSM(Objective):
    """Finite-difference sliced score matching, the variance-reduced form (FD-SSM).

    l(y) = 1/2 ||(s+ + s-) / 2||^2 + v^T (s+ - s-) / (2 h),   s+- = s(y +- h v),   E[v v^T] = I

    Pang et al. (2020), sec. 4 and their loss for score networks; the mean over `probes` draws of v. The finite
    difference is biased by O(h^2): h = `step` sigma, and h = `clean_step` (in the units of the data) at sigma = 0.
    Cost: two evaluations of the network per probe. `antithetic_dsm` is the same sum with h = sigma, v = epsilon and
    x for y, and has no bias.
    """

    probes: PositiveInt = 1
    probe: Probe = "rademacher"
    step: PositiveFloat = 0.1
    clean_step: PositiveFloat = 0.01

    def evaluations(self, dimension: int) -> int:
        """Two for every probe."""
        return 2 * self.probes

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma."""
        import torch

        y, sigma = batch.noisy, batch.sigma
        h = torch.where(batch.scale > 0, self.step * batch.scale, self.clean_step)
        probes = draw_probes(self.probe, self.probes, y, sigma, generator)
        scores = evaluate(score, [point for v in probes for point in (y + h * v, y - h * v)], sigma)
        losses = [
            half_square((up + down) / 2, sigma) + event_sum(v * (up - down) / (2 * h), sigma)
            for v, up, down in zip(probes, scores[::2], scores[1::2], strict=True)
        ]
        return torch.stack(losses).mean(0)
