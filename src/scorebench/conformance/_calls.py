"""One call of a judged loss: what it is given, in numbers, and what it must return.

A call holds all that its answer depends on, so the loss may stand in another process (`_apart`) or in this one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, manual_seed

from scorebench.conformance._claims import Loss
from scorebench.conformance._families import family_named
from scorebench.conformance._models import Scores
from scorebench.objectives import Batch

if TYPE_CHECKING:
    from scorebench.streams import Generators

OWN = Path(__file__).parents[1]
WORDS = 300
"""Letters that are shown of the message of an exception."""
DETACHED = (
    "the values that the loss returned do not depend on the score: no gradient reaches it; `.detach()`, `.item()`,"
    " `torch.no_grad()`, numpy or a new tensor made of the values cuts it off"
)


class Wrong(Exception):
    """What is wrong with a loss, in a sentence."""


class WrongReturn(Wrong, ValueError):
    """A loss that can't be called as its claims say, or returns something other than they say."""


class Raised(Wrong):
    """An exception of a loss: its type, message and place."""


class Ended(Exception):
    """There is nothing more to be heard of a loss: its process has ended, or its time is up."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call: a score model, a batch (without its target), the seeds of the generators that the loss draws from.

    A single seed is one generator; several are one for each index of the leading axis. `probes`: how many, where the
    loss is asked for a number of them; `disturbed`: torch's global generator is seeded with it before.
    """

    scores: Scores
    batch: Batch
    seeds: int | tuple[int, ...]
    probes: int | None = None
    disturbed: int | None = None
    differentiated: bool = True


Answer = Callable[[Call], tuple[Tensor, Tensor]]
"""Values of the shape of sigma, and the gradient of their sum in theta (zeros unless it is asked for)."""


def answer(loss: Loss, with_probes: Callable[[int], Loss] | None, call: Call) -> tuple[Tensor, Tensor]:
    """Call the loss in this process.

    Raises:
        WrongReturn: it returned something else.
        Raised: it raised an exception, or called sys.exit.
    """
    with torch.device("cpu"):  # whatever default a judged file has set
        family, own = family_named(call.scores.family), call.batch
        model = call.scores.build()
        reference = None if own.reference is None else own.reference.clone()
        batch = Batch(own.clean.clone(), own.noise.clone(), own.sigma.clone(), family.target, reference)
        generators = generators_of(call.seeds)
    try:
        asked = loss if call.probes is None or with_probes is None else with_probes(call.probes)
        if call.disturbed is not None:
            manual_seed(call.disturbed)
        with torch.inference_mode(False), torch.enable_grad():
            values = checked(asked(model, batch, generators), own.sigma)
            if not call.differentiated:
                return values.detach(), torch.zeros_like(call.scores.theta)
            if not values.requires_grad and not bool(values.isfinite().any()):
                raise WrongReturn(f"the loss returned {float(values.flatten()[0]):g} for every sample")
            if not values.requires_grad:
                raise WrongReturn(DETACHED)
        with torch.enable_grad():  # the loss may have turned it off
            (gradient,) = torch.autograd.grad(values.sum(), model.theta, allow_unused=True)
    except Wrong:
        raise
    except (Exception, SystemExit) as error:
        words = said(error)
        raise Raised(words + _hint(words)) from error
    if gradient is None:
        raise WrongReturn(DETACHED)
    return values.detach(), gradient.detach()


def generators_of(seeds: int | tuple[int, ...]) -> Generators:
    """The generators with these seeds."""
    if isinstance(seeds, int):
        return torch.Generator("cpu").manual_seed(seeds)
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def said(error: BaseException) -> str:
    """An exception in a few words, with the place in the file that raised it or called what did."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)}){_place(error)}"
    text = " ".join(str(error).split())
    text = text if len(text) <= WORDS else text[:WORDS] + " ..."
    return f"raised {type(error).__name__}{': ' if text else ''}{text}{_place(error)}"


def _place(error: BaseException) -> str:
    """` (my_losses.py, line 7)`: the innermost line that is neither of this project nor of an installed package."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        installed = {"site-packages", "dist-packages"} & set(file.parts) or "lib/python" in frame.filename
        if file.suffix == ".py" and not installed and not file.is_relative_to(OWN):
            return f" ({file.name}, line {frame.lineno})"
    return ""


def _hint(error: str) -> str:
    """More on an exception that says what a loss took its arguments for."""
    if "'Batch'" in error or "not Batch" in error or "Batch found" in error or "Batch object" in error:
        return (
            "; the judge calls loss(score, batch, generator), where batch has clean, noise, sigma and noisy;"
            " --form points (`from_points`) judges loss(score, x, sigma), with x and sigma as tensors"
        )
    if "'Model'" in error or "Model object" in error:
        return "; the judge hands over the score as a function, score(x, sigma), before the batch"
    if "same dtype" in error or "Float and Double" in error or "Double and Float" in error:
        return "; the batch is in float64: make tensors with its dtype, as `torch.randn_like(batch.noise)` does"
    if "a second time" in error:
        return "; the judge differentiates what a loss returns: it must not call `.backward()` itself"
    if "requires grad" in error or "does not have a grad_fn" in error:
        return "; the points of a batch are no leaves of a graph: `y = batch.noisy.requires_grad_()` makes one"
    return ""


def checked(returned: Any, sigma: Tensor) -> Tensor:
    """What a loss returned as float64 values, one for each sample.

    Raises:
        WrongReturn: it is something else; says what to do.
    """
    if not isinstance(returned, Tensor):
        raise WrongReturn(f"the loss returned {_kind(returned)}; a tensor of one value per sample is wanted")
    if not returned.is_floating_point():
        raise WrongReturn(f"the loss returned values of {returned.dtype}; floating-point numbers are wanted")
    if returned.device.type != "cpu":
        raise WrongReturn(
            f"the loss returned values on {returned.device}; its batch is on the cpu, and so must they be"
        )
    if returned.shape != sigma.shape:
        given, wanted = tuple(returned.shape), tuple(sigma.shape)
        raise WrongReturn(
            f"the loss returned values of shape {given} for a batch of shape {wanted}:"
            f" one value per sample is wanted{_remedy(given, wanted)}"
        )
    return returned.double()


def _kind(returned: Any) -> str:
    if returned is None:
        return "nothing (None: does its `return` lack?)"
    if isinstance(returned, tuple | list | dict):
        return f"a {type(returned).__name__} of {len(returned)}, of which the values alone are wanted"
    name = f"{type(returned).__module__}.{type(returned).__name__}".removeprefix("builtins.")
    cut = ", which no gradient passes" if name.split(".")[0] in ("numpy", "float", "int", "jax", "jaxlib") else ""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}{cut}"


def _remedy(given: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if not given or given == (1,):
        return "; a loss that returns the mean over its batch is wrapped by `mean_loss` (--reduction mean)"
    if given == (*wanted, 1):
        return "; `.squeeze(-1)` takes its last axis off"
    if len(given) == 2 and given[0] == given[1]:
        return "; (n,) and (n, 1) were combined: `batch.scale` is sigma with the axes of an event"
    if given[: len(wanted)] == wanted:
        return "; sum over the event too: `.flatten(batch.sigma.ndim).sum(-1)`"
    return ""
