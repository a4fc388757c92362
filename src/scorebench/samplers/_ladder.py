"""What a ladder of noise levels must be, held once for all samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorebench.scores import numbers

if TYPE_CHECKING:
    from torch import Tensor


def descending(ladder: object) -> Tensor:
    """The ladder as a tensor of descending noise levels (levels,); one number is a ladder of one level.

    Raises:
        TypeError: no numbers.
        ValueError: not one axis, empty, a level that is negative or not finite, or levels that rise.
    """
    import torch

    levels = numbers(ladder, "ladder", "[10.0, 1.0, 0.1] are")
    if not levels.is_floating_point():
        levels = levels.to(torch.get_default_dtype())
    if levels.ndim == 0:
        levels = levels[None]
    if levels.ndim != 1 or not len(levels):
        raise ValueError(f"ladder must have one axis, (levels,), and a level at least; given: {tuple(levels.shape)}")
    wrong = ~(levels.isfinite() & (levels >= 0))
    if bool(wrong.any()):
        i = int(wrong.nonzero()[0])
        raise ValueError(f"every level of a ladder must be finite and not negative; given: {float(levels[i])} at {i}")
    rising = levels.diff() > 0
    if bool(rising.any()):
        i = int(rising.nonzero()[0])
        turned = "; ladder.flip(0) turns it round" if bool((levels.diff() >= 0).all()) else ""
        raise ValueError(
            f"a ladder must descend from the highest noise level to the lowest; given: {float(levels[i]):.4g} before "
            f"{float(levels[i + 1]):.4g} (levels {i} and {i + 1} of {len(levels)}){turned}"
        )
    return levels


def above_zero(ladder: Tensor) -> Tensor:
    """The levels above 0 of a ladder that descends.

    Raises:
        ValueError: fewer than two different ones.
    """
    levels = ladder[ladder > 0]
    if not len(levels) or float(levels[0]) == float(levels[-1]):
        raise ValueError(
            "this sampler walks down a range of noise levels, and needs two different ones above 0 at least; given: "
            f"{[round(value, 6) for value in ladder.tolist()]}"[:200]
            + " (langevin and mala walk at one)"
        )
    return levels
