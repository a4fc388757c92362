"""What schedules are given from outside, checked before they see it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from numbers import Integral
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from scorebench.parts import wording
from scorebench.streams import seeded

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.noise._schedule import Schedule
    from scorebench.streams import Generators

Method = TypeVar("Method", bound=Callable[..., Any])


def of_levels(method: Method) -> Method:
    """A function of noise levels: a number, lists and integers become a floating-point tensor.

    Raises, when it is called:
        TypeError: noise levels that are no real numbers.
    """

    @functools.wraps(method)
    def call(self: Schedule, sigma: Tensor) -> Tensor:
        import torch

        if not isinstance(sigma, torch.Tensor) or not sigma.is_floating_point():
            try:
                levels = torch.as_tensor(sigma)
            except (TypeError, ValueError, RuntimeError):
                raise TypeError(f"sigma must be a tensor of noise levels; given: {wording.kind(sigma)}") from None
            if levels.is_complex():
                raise TypeError(f"noise levels are real numbers; given: {wording.tensors(sigma=levels)}")
            sigma = levels if levels.is_floating_point() else levels.to(torch.get_default_dtype())
        found: Tensor = method(self, sigma)
        return found

    return cast(Method, call)


def of_shape(method: Method) -> Method:
    """A draw of noise levels of some shape; a number n stands for (n,), a seed for its generator.

    Raises, when it is called:
        TypeError: a shape that is none, `like` that is no floating-point tensor, a generator that is none.
    """

    @functools.wraps(method)
    def call(
        self: Schedule, shape: Sequence[int] | int, generator: Generators | int = None, like: Tensor | None = None
    ) -> Tensor:
        axes = (shape,) if isinstance(shape, Integral) else tuple(shape) if isinstance(shape, Sequence) else (None,)
        if not all(isinstance(axis, Integral) and int(axis) >= 0 for axis in axes):
            raise TypeError(f"the shape of noise levels is a sequence of integers, such as (n,); given: {shape!r}")
        if like is not None and not (hasattr(like, "is_floating_point") and like.is_floating_point()):
            raise TypeError(
                "noise levels are floating-point numbers, as `like` must be;"
                f" given: {getattr(like, 'dtype', wording.kind(like))}"
            )
        found: Tensor = method(self, axes, seeded(generator, like), like)
        return found

    return cast(Method, call)


def of_count(method: Method) -> Method:
    """A ladder of so many levels.

    Raises, when it is called:
        ValueError: a number of levels that is no positive integer.
    """

    @functools.wraps(method)
    def call(self: Schedule, levels: int | None = None) -> Tensor:
        if levels is not None and (not isinstance(levels, Integral) or isinstance(levels, bool) or levels < 1):
            raise ValueError(f"a ladder has a positive number of levels, its own if none is given; given: {levels}")
        found: Tensor = method(self, levels)
        return found

    return cast(Method, call)


BORDER: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = vars(
    SimpleNamespace(sample=of_shape, weight=of_levels, density=of_levels, ladder=of_count)
)
"""How each method of a schedule is checked."""
