"""Ordinary differential equations in the noise level, solved for many points at once within a tolerance for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 10_000
"""Steps after which an equation counts as unsolvable."""


class Unsolved(ArithmeticError):
    """An equation that could not be solved within its tolerance."""


class _Velocity:
    """What torchdiffeq calls: f(t, y) at t between the ends, and what to do when a step is accepted."""

    def __init__(
        self,
        velocity: Callable[[Tensor, Tensor], Tensor],
        ends: tuple[float, float],
        broken: Tensor,
        report: Callable[[float], None] | None,
    ) -> None:
        self.velocity, self.ends, self.report = velocity, sorted(ends), report
        self.broken, self.span = broken, abs(ends[1] - ends[0])

    def __call__(self, t: Tensor, y: Tensor) -> Tensor:
        slope = self.velocity(t.clamp(*self.ends), y)  # the trial by which the first step is chosen may lie beyond
        finite = slope.isfinite()
        self.broken = self.broken | ~finite
        return slope.where(finite, 0.0)

    def callback_accept_step(self, t: Tensor, y: Tensor, dt: Tensor) -> None:
        if self.report is not None:
            self.report(min(1.0, abs(float(dt)) / self.span))


def integrate(
    velocity: Callable[[Tensor, Tensor], Tensor],
    y: Tensor,
    start: float,
    end: float,
    rtol: float,
    atol: float,
    report: Callable[[float], None] | None = None,
) -> Tensor:
    """y(end) of dy/dt = velocity(t (), y) with y(start) = y, by torchdiffeq's dopri5.

    The velocity is asked between start and end only: the last step ends there.

    The estimated error of every value is below rtol |y| + atol in every step (the largest counts, not the mean: a
    point is as accurate beside a million easy ones as it is alone). A value that is not finite, or
    whose velocity isn't, stops there and comes back as nan. `report` is told the fractions of the way as they are done.

    Raises:
        Unsolved: the tolerance asks for more than 10,000 steps, or for steps too small to be represented.
    """
    import torch
    from torchdiffeq import odeint

    if y.numel() == 0:
        return y
    function = _Velocity(velocity, (start, end), ~y.isfinite(), report)
    y = y.masked_fill(function.broken, 0.0)
    ends = torch.tensor([start, end], dtype=torch.float64, device=y.device)
    options = {"norm": lambda error: error.abs().max(), "max_num_steps": STEPS, "step_t": ends[1:]}
    try:
        solution: Tensor = odeint(function, y, ends, rtol=rtol, atol=atol, method="dopri5", options=options)[1]
    except AssertionError as error:  # torchdiffeq's way to say that a step underflowed or there were too many
        raise Unsolved(f"no solution between {start} and {end} within rtol {rtol}, atol {atol}: {error}") from None
    return solution.masked_fill(function.broken, float("nan"))
