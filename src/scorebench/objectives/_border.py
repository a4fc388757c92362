"""What comes in from outside is checked here, once: batches, scores, and the losses that objectives make of them.

Shapes, types and devices only, no values: that takes microseconds, waits for no accelerator, and can be traced.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from scorebench.parts import wording
from scorebench.scores import checked, steady_modules
from scorebench.streams import seeded

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.objectives import Batch, Objective
    from scorebench.parts import Score
    from scorebench.streams import Generators

T = TypeVar("T")


def checked_batch(clean: Tensor, noise: Tensor, sigma: Tensor, reference: Tensor | None) -> tuple[Tensor, Tensor]:
    """Noise and sigma in the dtype of the clean points.

    Raises:
        TypeError: something is no tensor, or the clean points are not floating-point numbers.
        ValueError: shapes that do not belong together, or several devices.
    """
    import torch

    for name, value in {"clean": clean, "noise": noise, "sigma": sigma, "reference": reference}.items():
        if not (isinstance(value, torch.Tensor) or (value is None and name == "reference")):
            raise TypeError(
                f"{name} of a Batch must be a tensor; given: {wording.kind(value)}"
                " (torch.as_tensor makes one; sigma has one noise level for each sample)"
            )
    if not clean.is_floating_point() or noise.is_complex() or sigma.is_complex():
        raise TypeError(
            "a Batch holds real floating-point numbers, such as clean.float();"
            f" given: {wording.tensors(clean=clean, noise=noise, sigma=sigma)}"
        )
    batch, event = clean.shape[: sigma.ndim], clean.shape[sigma.ndim :]
    if noise.shape != clean.shape or sigma.shape != batch or not event:
        raise ValueError(
            "a Batch has clean points and noise of one shape (..., *event) and sigma (...), one noise level for each"
            f" sample, such as (n, d), (n, d) and (n,); given: {wording.shapes(clean=clean, noise=noise, sigma=sigma)}"
        )
    if reference is not None and (reference.shape[1:] != event or not reference.ndim or not len(reference)):
        raise ValueError(
            f"reference points of a Batch have the shape (m, *event) = (m, {', '.join(map(str, event))}), m at least 1;"
            f" given: {wording.shapes(reference=reference, clean=clean, sigma=sigma)}"
        )
    if noise.device != clean.device or sigma.device != clean.device:
        raise ValueError(
            "a Batch lies on one device;"
            f" given: clean on {clean.device}, noise on {noise.device}, sigma on {sigma.device}"
        )
    return noise.to(clean.dtype), sigma.to(clean.dtype)


def checked_loss(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An objective's `__call__` whose arguments are checked before it and whose losses after it.

    Raises, when it is called:
        TypeError: a score that can't be called, a batch that is no `Batch`, a generator that is none.
        ValueError: losses that are not of the shape of batch.sigma.
    """

    @functools.wraps(method)
    def call(self: Objective, score: Score, batch: Batch, generator: Generators | int = None) -> Tensor:
        import torch

        name = type(self).__module__.rpartition(".")[2]
        if not callable(score) or not hasattr(batch, "clean"):
            raise TypeError(
                f"an objective is called as {name}(score, batch, generator), with score(x, sigma) and a Batch;"
                f" given: {wording.kind(score)} and {wording.kind(batch)}"
            )
        generator = seeded(generator, batch.clean)
        losses = _called(method, self, name, checked(score), batch, generator)
        if not isinstance(losses, torch.Tensor) or losses.shape != batch.sigma.shape:
            raise ValueError(
                f"objective {name} must return one loss for each sample, of the shape of sigma"
                f" {tuple(batch.sigma.shape)}, for each has a weight; it returned"
                f" {tuple(losses.shape) if isinstance(losses, torch.Tensor) else wording.kind(losses)}"
            )
        return losses

    return call


def _called(
    method: Callable[..., Tensor], self: Objective, name: str, score: Score, batch: Batch, generator: Generators
) -> Tensor:
    if self.differentiates_score or self.evaluations(1) > 1:
        with steady_modules(f"{name} compares several evaluations of the network, or takes its derivatives"):
            return method(self, score, batch, generator)
    return method(self, score, batch, generator)


def traced() -> bool:
    """Whether torch.func or torch.compile sees this: then no value can be looked at, and derivatives are theirs."""
    import torch

    transforms = torch._C._functorch
    return torch.compiler.is_compiling() or transforms.peek_interpreter_stack() is not None


def untraced(function: Callable[..., T]) -> Callable[..., T]:
    """The same function, in whose midst torch.compile does not begin to trace after a break before it."""
    import torch

    disabled: Callable[..., T] = torch.compiler.disable(function) if "torch._dynamo" in sys.modules else function
    return disabled
