"""Scores that say how often they are evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from scorebench.parts import EnergyScore

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.parts import Score

P = ParamSpec("P")
T = TypeVar("T")


def counted(score: Score, count: Callable[[int], None]) -> Score:
    """The same score, which tells `count` the number of points before each evaluation, in whichever of its ways.

    Energies on their own are not counted: no training takes them.
    """

    def counting(way: Callable[Concatenate[Tensor, Tensor, P], T]) -> Callable[Concatenate[Tensor, Tensor, P], T]:
        def told(x: Tensor, sigma: Tensor, /, *more: P.args, **named: P.kwargs) -> T:
            count(sigma.numel())
            return way(x, sigma, *more, **named)

        return told

    if not isinstance(score, EnergyScore):
        return counting(score)
    return replace(
        score,
        score=counting(score.score),
        with_divergence=None if score.with_divergence is None else counting(score.with_divergence),
        with_slices=None if score.with_slices is None else counting(score.with_slices),
    )
