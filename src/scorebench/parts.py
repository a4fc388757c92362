"""Parts that a study names: objectives, schedules, networks, samplers, data sources.

A part is one file, `scorebench/<package>/<name>.py`, that defines one public class. It is found by the name
of its file, so adding a part is adding a file. Its fields are its options: typed, checked, and written as
they stand under `options:` in a study. Importing a part must not import torch (a study is planned without
it), so modules of parts import torch inside functions.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from torch import Tensor

Score: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
"""score(x: (..., *event), sigma: (...)) -> (..., *event)."""


@dataclass(frozen=True)
class EnergyScore:
    """A score that is the gradient of a scalar, and that scalar: s = -dE/dx, p_sigma(x) = exp(-E(x, sigma)) / Z(sigma).

    `energy` takes what the score takes, x (..., *event) and sigma (...), and returns (...), in nats. Where
    they are there, `with_divergence` takes the same and returns the score and its divergence (...), and `with_slices`
    takes directions v (M, ..., *event) too and returns the score and v^T (ds/dx) v (M, ...), both at less cost than to
    differentiate the score.
    """

    score: Score
    energy: Callable[[Tensor, Tensor], Tensor]
    with_divergence: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    with_slices: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The score, (..., *event)."""
        return self.score(x, sigma)


PACKAGES = {
    "objective": "objectives",
    "schedule": "noise",
    "network": "networks",
    "sampler": "samplers",
    "source": "data",
}
ROOT = Path(__file__).parent


class Part(BaseModel):
    """Base of everything that a study finds by name; the fields are the options."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Setting:
    """What a part may need to know to say whether it makes sense in a cell."""

    dimension: int
    """Number of values in one event."""
    known_score: bool
    """Whether grad log p_sigma is known in closed form."""
    levels: int | None
    """Number of noise levels; None where sigma is continuous."""
    noise_free: bool
    """Whether the schedule trains at sigma = 0."""
    second_derivatives: bool
    """Whether the score network can be differentiated in x without losing terms."""
    energy: bool = False
    """Whether the score is the gradient of a scalar that is at hand, as `EnergyScore` holds it."""


class Unsuitable(ValueError):
    """A part can't work where it is used, and says why: a result of the study, not a fault of the program.

    A cell whose training ends with it is shown in the report with this reason, and the rest of the study goes on.
    """


class UnknownPart(ValueError):
    """A name that stands for no part: no file of its kind has it, or the file does not define one."""


class IncompletePart(UnknownPart):
    """A class that leaves out what every part of its kind defines: `missing`, the names of its methods."""

    def __init__(self, kind: str, cls: type[Part]) -> None:
        self.kind, self.cls, self.missing = kind, cls, sorted(cls.__abstractmethods__)
        needed = " and ".join(f"`{name}`" for name in self.missing)
        super().__init__(
            f"{cls.__name__} in {cls.__module__} is no whole {kind}: it must define {needed},"
            f" as every {kind} does; scorebench.{PACKAGES[kind]} says what each returns"
        )


class BadOptions(ValueError):
    """Options that a part does not take, one line each in `faults`: (path, message)."""

    def __init__(self, faults: list[tuple[tuple[str | int, ...], str]]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in faults))


def names(kind: str) -> list[str]:
    """Names of all parts of a kind: the files of its package that do not start with an underscore."""
    return sorted(p.stem for p in (ROOT / PACKAGES[kind]).glob("*.py") if not p.stem.startswith("_"))


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean 'x'?)` where a known name is close, else nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""


def module(kind: str, name: str) -> str:
    """Dotted name of the module that holds a part."""
    return f"scorebench.{PACKAGES[kind]}.{name}"


def find(kind: str, name: str) -> type[Any]:
    """The class of a part.

    Raises:
        UnknownPart: no file of this name; lists the names there are and the nearest one.
    """
    known = names(kind)
    if name not in known:
        raise UnknownPart(f"no {kind} is called '{name}'{nearest(name, known)}; there are: {', '.join(known)}")
    found = importlib.import_module(module(kind, name))
    classes = [
        c
        for c in vars(found).values()
        if inspect.isclass(c)
        and issubclass(c, Part)
        and c.__module__ == found.__name__
        and not c.__name__.startswith("_")
    ]
    if len(classes) != 1:
        raise UnknownPart(f"{found.__file__} must define one public class derived from Part, it defines {len(classes)}")
    return classes[0]


def build(kind: str, name: str, options: dict[str, Any] | None = None) -> Any:
    """A part with its options.

    Raises:
        UnknownPart: no such name.
        IncompletePart: its class leaves methods out.
        BadOptions: options that it does not take, all of them together.
    """
    cls = find(kind, name)
    if inspect.isabstract(cls):
        raise IncompletePart(kind, cls)
    try:
        return cls(**(options or {}))
    except ValidationError as error:
        fields = list(cls.model_fields)
        raise BadOptions([(tuple(e["loc"]), explain(e, fields)) for e in error.errors()]) from None


def explain(error: Any, fields: list[str]) -> str:
    """One pydantic error as a sentence: what was given, what is allowed."""
    given = error.get("input")
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        allowed = ", ".join(fields) if fields else "none"
        return f"unknown name '{name}'{nearest(name, fields)}; allowed: {allowed}"
    if error["type"] == "missing":
        return "is required"
    text = str(error["msg"]).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    if isinstance(given, dict | list):
        return f"{text}; given: a {'mapping' if isinstance(given, dict) else 'list'}"
    return f"{text}; given: {given!r}"
