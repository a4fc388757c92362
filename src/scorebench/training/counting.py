"""Scores that say how often they are evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scorebench.parts import wrapped

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score, Way


def counted(score: Score, count: Callable[[int], None]) -> Score:
    """The same score, which tells `count` the number of points before each evaluation, in whichever of its ways.

    Energies on their own are not counted: no training takes them.
    """

    def counting(way: Way) -> Way:
        def told(x: Tensor, sigma: Tensor, *more: Tensor) -> Any:
            count(sigma.numel())
            return way(x, sigma, *more)

        return told

    return wrapped(score, counting)
