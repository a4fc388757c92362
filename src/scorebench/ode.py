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
    """What torchdiffeq calls: f(t, y), and what to do when a step is accepted."""

    def __init__(
        self, velocity: Callable[[Tensor, Tensor], Tensor], span: float, report: Callable[[float], None] | None
    ) -> None:
        self.velocity, self.span, self.report = velocity, span, report
        self.broken: Tensor | None = None

    def __call__(self, t: Tensor, y: Tensor) -> Tensor:
        slope = self.velocity(t, y)
        finite = slope.isfinite()
        self.broken = ~finite if self.broken is None else self.broken | ~finite
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

    The estimated error of every value is below rtol |y| + atol in every step (the largest counts, not the mean: a
    point is as accurate beside a million easy ones as it is alone). A value whose velocity is not finite stops there
    and comes back as nan. `report` is told the fractions of the way as they are done.

    Raises:
        Unsolved: the tolerance asks for more than 10,000 steps, or for steps too small to be represented.
    """
    import torch
    from torchdiffeq import odeint

    if y.numel() == 0:
        return y
    function = _Velocity(velocity, abs(end - start), report)
    ends = torch.tensor([start, end], dtype=torch.float64, device=y.device)
    options = {"norm": lambda error: error.abs().max(), "max_num_steps": STEPS}
    try:
        solution: Tensor = odeint(function, y, ends, rtol=rtol, atol=atol, method="dopri5", options=options)[1]
    except AssertionError as error:  # torchdiffeq's way to say that a step underflowed or there were too many
        raise Unsolved(f"no solution between {start} and {end} within rtol {rtol}, atol {atol}: {error}") from None
    if function.broken is not None and bool(function.broken.any()):
        solution = solution.masked_fill(function.broken, float("nan"))
    return solution
