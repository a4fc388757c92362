"""`scorebench check FILE:NAME`: judge a score matching loss against closed-form truth."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorebench import parts
from scorebench.parts import wording

if TYPE_CHECKING:
    from scorebench.conformance import Report

UNUSABLE = 2
"""Exit status for input that can't be judged; 1 says that the loss does not pass."""


class Unusable(ValueError):
    """Input that can't be judged, and why."""


class Noise(StrEnum):
    """Which noise levels a loss claims."""

    any = "any"
    noised = "noised"
    clean = "clean"


class Weight(StrEnum):
    """The weight w(sigma) in a loss's convention."""

    one = "one"
    sigma2 = "sigma2"


class Reduction(StrEnum):
    """What a loss returns: per-sample values, or their mean."""

    none = "none"
    mean = "mean"


class Form(StrEnum):
    """What a loss takes."""

    score = "score"
    energy = "energy"


def check(
    loss: Annotated[
        str, typer.Argument(metavar="FILE:NAME", help="a loss in a Python file, or the name of one of our objectives")
    ],
    form: Annotated[
        Form,
        typer.Option(help="score: loss(score, batch, generator); energy: loss(energy, x, sigma, generator)"),
    ] = Form.score,
    adds_noise: Annotated[
        bool, typer.Option("--adds-noise", help="an energy loss that noises clean x itself, by sigma")
    ] = False,
    noise: Annotated[Noise | None, typer.Option(help="the sigma that it claims: any, noised (> 0), clean (0)")] = None,
    scale: Annotated[float | None, typer.Option(help="its constant factor before 1/2 ||s - s*||^2; 1")] = None,
    weight: Annotated[Weight | None, typer.Option(help="its weight in sigma; one")] = None,
    reduction: Annotated[Reduction | None, typer.Option(help="per-sample values (none), or their mean")] = None,
    flat: Annotated[bool, typer.Option("--flat", help="it takes batches of shape (n,) only")] = False,
    vectors: Annotated[bool, typer.Option("--vectors", help="it takes vectors only, not images")] = False,
    own_generator: Annotated[
        bool, typer.Option("--global-generator", help="it draws from torch's global generator")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="PROPERTY", help="judge only this; repeatable")] = None,
    seed: Annotated[int, typer.Option(help="of the data and the probes")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print the verdict for a program")] = False,
) -> None:
    """Judge a score matching loss; exit status 0 only if all pass, 1 if not, 2 if it can't be judged."""
    claims: dict[str, Any] = {
        "noise": noise and noise.value,
        "scale": scale,
        "weight": weight and weight.value,
        "reduction": reduction and reduction.value,
        "layout": "flat" if flat else None,
        "images": False if vectors else None,
        "generator": False if own_generator else None,
    }
    try:
        told = {key: value for key, value in claims.items() if value is not None}
        report = judge(loss, form, adds_noise, told, seed=seed, properties=only or None)
    except Unusable as error:
        print(error, file=sys.stderr)
        raise typer.Exit(UNUSABLE) from None
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        from rich.console import Console

        Console().print(report.table())
    raise typer.Exit(0 if report.passed else 1)


def judge(text: str, form: Form, adds_noise: bool, claims: dict[str, Any], **options: Any) -> Report:
    """The verdict on what FILE:NAME, or the name of an objective, names.

    Raises:
        Unusable: there is no such loss, or it can't be called as one.
    """
    from scorebench import conformance

    if ":" not in text and not text.endswith(".py"):
        try:
            loss: Any = parts.build("objective", text)
        except parts.UnknownPart as error:
            raise Unusable(f"{error}; a loss of your own is named FILE.py:NAME") from None
        name = text
    else:
        loss, name = find(text), text.rpartition(":")[2]
    if form is Form.energy:
        called(loss, name, "energy", "x", "sigma", "generator")
        loss = conformance.from_energy(loss, adds_noise=adds_noise, **claims)
        claims = {}
    else:
        called(loss, name, "score", "batch", "generator")
        if claims.get("reduction") == "mean":
            loss, claims = conformance.mean_loss(loss, **claims), {}
    try:
        return conformance.check(loss, name=name, **options, **claims)
    except ValueError as error:  # a WrongReturn among them
        raise Unusable(f"{text}: {error}") from None


def find(text: str) -> Any:
    """What FILE:NAME names; a class is built without arguments.

    Raises:
        Unusable: no such file, a file that does not run, or no such name in it.
    """
    file, _, name = text.rpartition(":")
    if text.endswith(".py") or not file or not name:
        raise Unusable(f"{text}: name the loss in the file: {file or text}:NAME".replace(".py:NAME:NAME", ".py:NAME"))
    path = Path(file)
    if not path.is_file():
        near = [str(p) for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise Unusable(f"{path}: no such file{wording.nearest(str(path), near)}")
    if path.suffix != ".py":
        raise Unusable(f"{path}: a Python file (.py) is wanted")
    module = run(path)
    if not hasattr(module, name):
        public = [n for n, v in vars(module).items() if not n.startswith("_") and callable(v)]
        own = [n for n in public if getattr(vars(module)[n], "__module__", module.__name__) == module.__name__]
        raise Unusable(f"{path} has no '{name}'{wording.nearest(name, own)}; it defines: {', '.join(own) or 'nothing'}")
    found = getattr(module, name)
    if inspect.isclass(found):
        try:
            found = found()
        except Exception as error:
            raise Unusable(f"{text}: {name}() raised {type(error).__name__}: {error}") from None
    if not callable(found):
        raise Unusable(f"{text} is a {type(found).__name__}, which can't be called")
    return found


def run(path: Path) -> ModuleType:
    """The module in a file; it may import what lies beside it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Unusable(f"{path}: a Python file (.py) is wanted")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules.setdefault(path.stem, module)  # dataclasses and pydantic look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(path.stem, None)
        raise Unusable(f"{path} does not run: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(path.parent.resolve()))
    return module


def called(loss: Callable[..., Any], name: str, *arguments: str) -> None:
    """Check that a loss takes these arguments.

    Raises:
        Unusable: it takes others.
    """
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        wanted = ", ".join(arguments)
        raise Unusable(f"{name}{signature} is not called as {name}({wanted}): {error}") from None
