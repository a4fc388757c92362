"""Explicit score matching: regress on the exact score. The oracle of every comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import half_square
from scorebench.parts import Unsuitable
from scorebench.scores import checked

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class ExplicitScoreMatching(Objective):
    """Explicit score matching (ESM).

    l(y) = 1/2 ||s(y) - s*(y)||^2

    Hyvärinen (2005), eq. 2; Vincent (2011), eq. 6. Known-score targets only.
    """

    requires_target: ClassVar[bool] = True

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma. Raises ValueError where batch.target is missing."""
        if batch.target is None:
            raise Unsuitable("esm needs the exact score: Batch(..., target=...) is missing")
        y, exact = batch.noisy, checked(batch.target.score, "the target's score")
        return half_square(score(y, batch.sigma) - exact(y, batch.sigma), batch.sigma)
