"""Scores and energies as a caller hands them in: asked in the dtype that they take, and their answers checked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scorebench.parts import EnergyScore, Unsuitable, wording, wrapped

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from scorebench.parts import Score, Way


class Checked:
    """A way of a score, or an energy, whose answers are held against what they must be.

    A network of another dtype than x (one in float64 beside a ladder in float32, one in float32 beside points in
    float64) is asked in its own, float64 or float32, and its answers come back in that of x. Which one it takes is
    found at the first call, and kept.

    Args:
        function: of x, sigma and what more it takes, tensors all.
        name: of what it returns, for sentences.
        graph: whether answers keep theirs.
        derived: the function returns the score and what is derived from it, of which the score alone is checked.
    """

    def __init__(self, function: Way, name: str, graph: bool = True, derived: bool = False) -> None:
        self.function, self.name, self.graph, self.derived = function, name, graph, derived
        self.dtype: torch.dtype | None = None

    def __call__(self, x: Tensor, sigma: Tensor, *more: Tensor) -> Any:
        """What the function says of x (..., *event) at sigma (...): a score (..., *event), an energy (...).

        Raises:
            TypeError, ValueError: an answer that is no tensor of numbers, or has another shape.
        """
        import torch

        found = self._ask(x, sigma, *more)
        answer, *others = found if self.derived else (found,)
        if not isinstance(answer, torch.Tensor) or not answer.is_floating_point():
            raise TypeError(
                f"{self.name} must return a tensor of real numbers; it returned"
                f" {answer.dtype if isinstance(answer, torch.Tensor) else wording.kind(answer)}"
            )
        wanted = sigma.shape if self.name == "energy" else x.shape
        if answer.shape != wanted:
            raise ValueError(
                f"{self.name} must return the shape {tuple(wanted)} for x {tuple(x.shape)} and sigma "
                f"{tuple(sigma.shape)}; it returned {tuple(answer.shape)}"
            )
        answer = (answer if self.graph else answer.detach()).to(x.dtype)
        return (answer, *(other.to(x.dtype) for other in others)) if self.derived else answer

    def _ask(self, *given: Tensor) -> Any:
        import torch

        if self.dtype is not None:
            return self.function(*(tensor.to(self.dtype) for tensor in given))
        dtype = given[0].dtype
        try:
            answer = self.function(*given)
        except (RuntimeError, TypeError):
            other = torch.float64 if dtype == torch.float32 else torch.float32
            with suppress(RuntimeError, TypeError):
                answer = self.function(*(tensor.to(other) for tensor in given))
                self.dtype = other
                return answer
            raise
        self.dtype = dtype
        return answer


def checked(score: Score, name: str = "score", graph: bool = True) -> Score:
    """The score with its answers checked, and its energy's where it has one; without `graph`, cut from their graphs.

    Raises:
        TypeError: no function.
    """
    if not callable(score):
        raise TypeError(f"score must be a function of x and sigma; given: {wording.kind(score)}")
    found = wrapped(score, lambda way: Checked(way, name, graph), lambda way: Checked(way, name, graph, derived=True))
    return replace(found, energy=Checked(found.energy, "energy")) if isinstance(found, EnergyScore) else found


def numbers(value: object, name: str, example: str) -> Tensor:
    """A tensor, an array (turned round, of another byte order, read-only), a table's column or lists, as a tensor.

    Raises:
        TypeError: no real numbers.
    """
    import numpy as np
    import torch

    try:
        plain = value
        if not isinstance(value, torch.Tensor | list | tuple | int | float):
            array = np.array(value)
            plain = array.astype(array.dtype.newbyteorder("="))
        tensor = torch.as_tensor(plain).detach()
    except (TypeError, ValueError, RuntimeError, KeyError):
        tensor = None
    if tensor is None or tensor.is_complex() or tensor.dtype == torch.bool:
        given = " ".join(repr(value).split())[:80] if tensor is None else str(tensor.dtype).removeprefix("torch.")
        raise TypeError(f"{name} must be real numbers, as {example}; given: {given}")
    return tensor


def event_shape(shape: Sequence[int], event: int, name: str) -> tuple[int, ...]:
    """A batch shape followed by an event of `event` axes, as a tuple of integers.

    Raises:
        TypeError, ValueError: no shape, or fewer axes than those of the event.
    """
    try:
        axes = tuple(size.__index__() for size in shape)
    except (AttributeError, TypeError):
        raise TypeError(f"{name} must be a list of whole numbers, as (1000, 2) is; given: {shape!r}") from None
    if not isinstance(event, int) or isinstance(event, bool) or event < 1 or len(axes) < event or min(axes) < 0:
        raise ValueError(f"{name} {axes} has no event of {event} axes (event says how many of the last axes it takes)")
    return axes


@contextmanager
def steady_modules(why: str) -> Iterator[None]:
    """Refuse, inside, modules whose output is random or depends on the rest of the batch.

    That is those of torch.nn that normalise by statistics of the batch, and dropout, in training mode, wherever in a
    score they are. `why` begins the sentence. Nothing is refused under torch.compile.

    Raises:
        Unsuitable: such a module was called.
    """
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook

    if torch.compiler.is_compiling():
        yield
        return
    here = threading.get_ident()

    def look(module: torch.nn.Module, _: object) -> None:
        if threading.get_ident() == here and _unsteady(module):
            raise Unsuitable(
                f"{why}, so a {type(module).__name__} in training mode makes it wrong: call eval() on the network,"
                " or normalise each sample alone, as LayerNorm and GroupNorm do"
            )

    handle = register_module_forward_pre_hook(look)
    try:
        yield
    finally:
        handle.remove()


def _unsteady(module: torch.nn.Module) -> bool:
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.dropout import _DropoutNd

    if isinstance(module, _BatchNorm):
        return module.training or module.running_mean is None
    rate = module.p if isinstance(module, _DropoutNd) else getattr(module, "dropout", 0.0)
    return module.training and isinstance(rate, float) and rate > 0
