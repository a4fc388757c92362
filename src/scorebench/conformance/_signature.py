"""How a loss is called, and the one sentence that helps where it is written for another call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from scorebench.conformance._calls import WrongReturn

Form = Literal["score", "energy", "points"]
FORMS: dict[Form, tuple[str, ...]] = {
    "score": ("score", "batch", "generator"),
    "energy": ("energy", "x", "sigma", "generator"),
    "points": ("score", "x", "sigma", "generator"),
}
ENERGIES = {"energy", "energies", "energy_fn", "energy_net", "energy_model", "potential", "ebm"}
MODELS = {"score", "model", "net", "network", "score_fn", "score_net", "score_model", "scorenet", "module"}
POINTS = {"x", "y", "z", "x0", "x_0", "xs", "xt", "data", "samples", "points", "clean", "noisy", "inputs", "images"}
NOISES = {"sigma", "sigmas", "std", "stds", "t", "time", "noise_level", "noise_scale", "noise_std", "levels", "labels"}
GENERATORS = ("gen", "rng")


def parameters(loss: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """What a loss takes by position; None where that can't be known."""
    forward = getattr(loss, "forward", None)  # of a torch module, whose own call takes anything
    try:
        signature = inspect.signature(forward if callable(forward) else loss)
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in signature.parameters.values()):
        return None
    return [p for p in signature.parameters.values() if p.kind in kinds]


def positional(loss: Callable[..., Any]) -> tuple[str, ...]:
    """Which of (model, x, sigma, generator) a loss on points takes, in its order: "sigma" and "generator" after two."""
    taken = parameters(loss)
    if taken is None:
        return ("sigma", "generator")
    found: list[str] = []
    for p in taken[2:]:
        if p.name.lower().startswith(GENERATORS):
            found.append("generator")
        elif "sigma" not in found and (p.default is p.empty or p.name.lower() in NOISES):
            found.append("sigma")
        elif p.default is p.empty:
            found.append("generator")
        else:
            break
    return tuple(found)


def fits(loss: Callable[..., Any], name: str, form: Form) -> None:
    """Check that a loss is written for this form.

    Raises:
        WrongReturn: it is not; says what is wanted, and which adapter gives it.
    """
    taken = parameters(loss)
    if taken is None:
        return
    names = [p.name.lower() for p in taken]
    needed = [p.name for p in taken if p.default is p.empty]
    given = f"{name}({', '.join(p.name for p in taken)})"
    if form == "score":
        if not (len(needed) <= 3 <= len(taken)) or meant_for_points(names):
            raise WrongReturn(f"{given} is not called as {name}(score, batch, generator){advice(name, names, needed)}")
        if names[0] not in MODELS and names[1] in MODELS:
            raise WrongReturn(f"{given} takes its score second: {name}(score, batch, generator) is the order")
    else:
        first = "energy" if form == "energy" else "score"
        if len(taken) < 2 or len(needed) > 4 or set(positional(loss)) != {*positional(loss)}:
            wanted = f"{name}({first}, x, sigma, generator), of which the last two may be left out"
            raise WrongReturn(f"{given} is not called as {wanted}{advice(name, names, needed)}")


def meant_for_points(names: list[str]) -> bool:
    """Whether the names of three arguments say that the second holds points, or the third noise levels."""
    if len(names) < 3:
        return len(names) == 2 and names[1] in POINTS
    draws = names[2].startswith(GENERATORS)
    return names[2] in NOISES or names[0] in ENERGIES or (names[1] in POINTS and not draws)


def advice(name: str, names: list[str], needed: list[str]) -> str:
    """What to do about a loss that is written for another call."""
    if len(names) < 2:
        return ": it is handed no score model, so there is nothing to judge; a loss takes the model first, then data"
    if names[0] in ENERGIES:
        return (
            f"; --form energy (in Python: `from_energy`) judges {name}(energy, x, sigma, generator), of which sigma and"
            " generator may lack: x is noised, or clean with --adds-noise"
        )
    if len(needed) > 4:
        return (
            "; write a function around it, def judged(score, batch, generator), that calls it with what it needs:"
            " batch has clean, noise, sigma and noisy"
        )
    if len(names) == 2 and names[1] not in POINTS:
        return f"; it needs a third argument, whether it draws or not: def {name}(score, batch, generator=None)"
    return (
        f"; --form points (in Python: `from_points`) judges {name}(score, x, sigma, generator), of which sigma and"
        " generator may lack: x is noised, or clean with --adds-noise"
    )
