"""Parts that a study names: objectives, schedules, networks, samplers, data sources.

A part is one file, `scorebench/<package>/<name>.py`, that defines one public class. It is found by the name
of its file, so adding a part is adding a file. Its fields are its options: typed, checked, and written as
they stand under `options:` in a study. Importing a part must not import torch (a study is planned without
it), so modules of parts import torch inside functions.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from pydantic import BaseModel, ConfigDict, ValidationError

from scorebench.parts import wording

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from torch import Tensor

    from scorebench.data import Source
    from scorebench.networks import Network
    from scorebench.noise import Schedule
    from scorebench.objectives import Objective
    from scorebench.samplers import Sampler

Score: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
"""score(x: (..., *event), sigma: (...)) -> (..., *event)."""
Way: TypeAlias = "Callable[..., Any]"
"""One of the ways of a score: what it takes first is x and sigma."""
Options: TypeAlias = "Mapping[str, object] | None"
"""Options of a part by name, as a study has them; none where nothing is given."""


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


@dataclass(frozen=True)
class PointwiseScore:
    """A score that is known to take points one by one, with any batch axes: no sample sees another.

    So several points of a sample may go through it in one call, and the samples of a batch in another order. Every
    other score is called with the batch axes that were given, in their order: it may be a network that takes
    (B, *event) and (B,) only, or close over labels of the samples.
    """

    score: Score

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The score, (..., *event)."""
        return self.score(x, sigma)


def pointwise(score: Score) -> bool:
    """Whether a score, or that of an energy, is a `PointwiseScore`."""
    return isinstance(score.score if isinstance(score, EnergyScore) else score, PointwiseScore)


def wrapped(score: Score, wrap: Callable[[Way], Way], derived: Callable[[Way], Way] | None = None) -> Score:
    """A score of the same kind with each of its ways wrapped, those that return more than the score by `derived`.

    The energy on its own stays as it is.
    """
    derived = derived or wrap
    if isinstance(score, PointwiseScore):
        return PointwiseScore(wrap(score.score))
    if not isinstance(score, EnergyScore):
        return wrap(score)
    return replace(
        score,
        score=wrapped(score.score, wrap),
        with_divergence=None if score.with_divergence is None else derived(score.with_divergence),
        with_slices=None if score.with_slices is None else derived(score.with_slices),
    )


PACKAGES = {
    "objective": "objectives",
    "schedule": "noise",
    "network": "networks",
    "sampler": "samplers",
    "source": "data",
}
ROOT = Path(__file__).parents[1]


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


class Status(StrEnum):
    """How the training of a replicate went, as files say it."""

    TRAINED = "trained"
    DIVERGED = "diverged"
    """Its loss or a gradient was not finite."""
    FAILED = "failed"
    """It can't be trained: a part is unsuitable, or arithmetic broke down."""


LOST = (Status.DIVERGED, Status.FAILED)
"""What leaves no network."""


class UnknownPart(ValueError):
    """A name that stands for no part: no file of its kind has it, or the file does not define one."""


class NoSuchPart(UnknownPart):
    """A name that no file of its kind has; holds the kind, the name, and the names that there are."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        super().__init__(kind, name, known)
        self.kind, self.name, self.known = kind, name, known

    def __str__(self) -> str:
        return wording.unknown_part(self.kind, self.name, self.known)


class NotOnePart(UnknownPart):
    """A file of parts that defines none or several; holds the file and their number."""

    def __init__(self, file: str | None, count: int) -> None:
        super().__init__(file, count)
        self.file, self.count = file, count

    def __str__(self) -> str:
        return wording.not_one_part(self.file, self.count)


class BrokenPart(UnknownPart):
    """A file of a part that does not run, or a class that can't be built; holds the kind, the file and the error."""

    def __init__(self, kind: str, file: Path, error: BaseException) -> None:
        super().__init__(kind, file, error)
        self.kind, self.file, self.error = kind, file, error

    def __str__(self) -> str:
        return wording.broken_part(self.kind, self.file, self.error)


class IncompletePart(UnknownPart):
    """A class that leaves out what every part of its kind defines: `missing`, the names of its methods."""

    def __init__(self, kind: str, cls: type[Part]) -> None:
        super().__init__(kind, cls)
        self.kind, self.cls, self.missing = kind, cls, sorted(cls.__abstractmethods__)

    def __str__(self) -> str:
        return wording.incomplete_part(self.kind, PACKAGES[self.kind], self.cls, self.missing)


class BadOptions(ValueError):
    """Options that a part does not take; holds pydantic's errors and the names of the options that there are."""

    def __init__(self, errors: list[ErrorDetails], options: list[str]) -> None:
        super().__init__(errors, options)
        self.errors, self.options = errors, options

    @property
    def faults(self) -> list[tuple[tuple[str | int, ...], str]]:
        """One for every fault: (path, message)."""
        return [(tuple(error["loc"]), wording.invalid_value(error, self.options)) for error in self.errors]

    def __str__(self) -> str:
        return wording.listed_faults(self.faults)


def names(kind: str) -> list[str]:
    """Names of all parts of a kind: the files of its package that do not start with an underscore."""
    return sorted(p.stem for p in (ROOT / PACKAGES[kind]).glob("*.py") if not p.stem.startswith("_"))


def module(kind: str, name: str) -> str:
    """Dotted name of the module that holds a part."""
    return f"scorebench.{PACKAGES[kind]}.{name}"


def _file(kind: str, name: str) -> Path:
    return ROOT / PACKAGES[kind] / f"{name}.py"


@overload
def find(kind: Literal["objective"], name: str) -> type[Objective]: ...
@overload
def find(kind: Literal["schedule"], name: str) -> type[Schedule]: ...
@overload
def find(kind: Literal["network"], name: str) -> type[Network]: ...
@overload
def find(kind: Literal["sampler"], name: str) -> type[Sampler]: ...
@overload
def find(kind: Literal["source"], name: str) -> type[Source]: ...
@overload
def find(kind: str, name: str) -> type[Any]: ...
def find(kind: str, name: str) -> type[Any]:
    """The class of a part.

    Raises:
        UnknownPart: no file of this name; lists the names there are and the nearest one. Or one that does not run
            (`BrokenPart`), or does not define one part.
    """
    known = names(kind)
    if name not in known:
        raise NoSuchPart(kind, name, known)
    try:
        found = importlib.import_module(module(kind, name))
    except (Exception, SystemExit) as error:
        raise BrokenPart(kind, _file(kind, name), error) from error
    classes = [
        c
        for c in vars(found).values()
        if inspect.isclass(c)
        and issubclass(c, Part)
        and c.__module__ == found.__name__
        and not c.__name__.startswith("_")
    ]
    if len(classes) != 1:
        raise NotOnePart(found.__file__, len(classes))
    return classes[0]


@overload
def build(kind: Literal["objective"], name: str, options: Options = None) -> Objective: ...
@overload
def build(kind: Literal["schedule"], name: str, options: Options = None) -> Schedule: ...
@overload
def build(kind: Literal["network"], name: str, options: Options = None) -> Network: ...
@overload
def build(kind: Literal["sampler"], name: str, options: Options = None) -> Sampler: ...
@overload
def build(kind: Literal["source"], name: str, options: Options = None) -> Source: ...
@overload
def build(kind: str, name: str, options: Options = None) -> Any: ...
def build(kind: str, name: str, options: Options = None) -> Any:
    """A part with its options.

    Raises:
        UnknownPart: no such name; as `BrokenPart`, its file does not run.
        IncompletePart: its class leaves methods out.
        BadOptions: options that it does not take, all of them together.
    """
    cls = find(kind, name)
    if inspect.isabstract(cls):
        raise IncompletePart(kind, cls)
    try:
        return cls(**(options or {}))
    except ValidationError as error:
        raise BadOptions(list(error.errors()), list(cls.model_fields)) from None
    except (Exception, SystemExit) as error:
        raise BrokenPart(kind, _file(kind, name), error) from error
