"""Grids of noise levels between the ends of a ladder, for samplers that take more steps than it has rungs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def karras(ladder: Tensor, steps: int, rho: float) -> Tensor:
    """sigma_i = (sigma_max^(1/rho) + i / (steps - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho, (steps,).

    Karras et al. (2022), eq. 5.
    """
    import torch

    ends = ladder[[0, -1]].double() ** (1 / rho)
    fraction = torch.linspace(0, 1, steps, dtype=torch.float64, device=ladder.device)
    return _between((ends[0] + fraction * (ends[1] - ends[0])) ** rho, ladder)


def geometric(ladder: Tensor, steps: int) -> Tensor:
    """sigma_i = sigma_max (sigma_min / sigma_max)^(i / (steps - 1)), (steps,).

    The VE process, sigma(t) = sigma_min (sigma_max / sigma_min)^t, at equal steps of t (Song et al. 2021, app. C).
    """
    import torch

    ends = ladder[[0, -1]].double().log()
    fraction = torch.linspace(0, 1, steps, dtype=torch.float64, device=ladder.device)
    return _between((ends[0] + fraction * (ends[1] - ends[0])).exp(), ladder)


def _between(grid: Tensor, ladder: Tensor) -> Tensor:
    """The grid in the ladder's dtype, and with its ends: rounding leaves them by a unit in the last place otherwise."""
    grid = grid.to(ladder.dtype)
    grid[0], grid[-1] = ladder[0], ladder[-1]
    return grid.clamp(ladder[-1], ladder[0])
