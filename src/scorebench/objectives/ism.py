"""Implicit score matching with the exact divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from scorebench.objectives import Batch, Objective
from scorebench.objectives._terms import half_square, score_and_divergence
from scorebench.parts import Setting

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score
    from scorebench.streams import Generators


class ImplicitScoreMatching(Objective):
    """Implicit score matching (ISM) with the exact trace.

    l(y) = 1/2 ||s(y)||^2 + div s(y)

    Hyvärinen (2005), eq. 4. Cost: d more backward passes than DSM (half of that for an energy network, which carries
    its Laplacian forward), so it is refused above `max_dimension`.
    """

    differentiates_score: ClassVar[bool] = True
    max_dimension: PositiveInt = 32

    def evaluations(self, dimension: int) -> int:
        """The score and every row of its Jacobian."""
        return 1 + dimension

    def __call__(self, score: Score, batch: Batch, generator: Generators = None) -> Tensor:
        """Per-sample losses, shape of batch.sigma."""
        s, divergence = score_and_divergence(score, batch)
        return half_square(s, batch.sigma) + divergence

    def not_applicable(self, setting: Setting) -> str | None:
        """Also refuses dimensions in which the exact trace costs too much."""
        if setting.dimension > self.max_dimension:
            return (
                f"the exact divergence takes {setting.dimension} backward passes a step in {setting.dimension}-D,"
                f" more than max_dimension: {self.max_dimension}"
            )
        return super().not_applicable(setting)
