"""`scorebench check FILE:NAME`: judge a score matching loss against closed-form truth."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from scorebench.conformance import Told

UNUSABLE = 2
"""Exit status for input that can't be judged; 1 says that the loss does not pass."""
QUIET = 10.0
"""Seconds between two lines of progress, where no terminal can show a line that changes."""


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
    points = "points"
    energy = "energy"


def check(
    loss: Annotated[
        str, typer.Argument(metavar="FILE:NAME", help="a loss in a Python file, or the name of one of our objectives")
    ],
    form: Annotated[
        Form,
        typer.Option(
            help="score: loss(score, batch, generator); points: loss(score, x, sigma, generator); energy: the same of "
            "an energy; these two may lack sigma and generator"
        ),
    ] = Form.score,
    adds_noise: Annotated[
        bool, typer.Option("--adds-noise", help="a loss on points or an energy that noises clean x itself")
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
    limit: Annotated[float, typer.Option(min=1, help="seconds; what is not judged by then is undecided")] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the verdict for a program")] = False,
) -> None:
    """Judge a score matching loss; exit status 0 only if all pass, 1 if not, 2 if it can't be judged.

    It is called in a process of its own: nothing that it does there, prints and exits among it, decides the verdict.
    """
    from rich.console import Console

    from scorebench.conformance import Asked, Unusable, check_file

    claims: Told = {}
    if noise:
        claims["noise"] = noise.value
    if scale is not None:
        claims["scale"] = scale
    if weight:
        claims["weight"] = weight.value
    if reduction:
        claims["reduction"] = reduction.value
    if flat:
        claims["layout"] = "flat"
    if vectors:
        claims["images"] = False
    if own_generator:
        claims["generator"] = False
    aside = Console(stderr=True)
    try:
        with progress(aside, limit) as show:
            asked = Asked(form.value, adds_noise, claims)
            report = check_file(loss, asked, seed=seed, properties=only or None, limit=limit, show=show)
    except ValueError as error:  # Unusable among them
        print(error, file=sys.stderr)
        if isinstance(error, Unusable) and (printed := str(error.printed)):
            print(printed, file=sys.stderr)
        raise typer.Exit(UNUSABLE) from None
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        Console().print(report.table())
    raise typer.Exit(0 if report.passed else 1)


@contextmanager
def progress(console: Console, limit: float) -> Iterator[Callable[[str, float], None]]:
    """What is being tried, as a line that changes on a terminal, else as a line now and then."""
    start = shown = time.monotonic()

    def line(what: str, seconds: float) -> str:
        return f"{what}: {seconds:.0f} s; {time.monotonic() - start:.0f} s of at most {limit:g} s"

    if console.is_terminal:
        with console.status("") as status:
            yield lambda what, seconds: status.update(line(what, seconds))
        return

    def now_and_then(what: str, seconds: float) -> None:
        nonlocal shown
        if time.monotonic() - shown >= QUIET:
            shown = time.monotonic()
            print(line(what, seconds), file=sys.stderr, flush=True)

    yield now_and_then
