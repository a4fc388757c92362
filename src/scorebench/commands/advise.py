"""`scorebench advise FILE`: which noise for these data, and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from scorebench.advisor import Advice

PICTURES = (".png", ".svg", ".pdf")

File = Annotated[Path, typer.Argument(help="rows of numbers: .parquet, .csv or .npy", show_default=False)]
Columns = Annotated[list[str] | None, typer.Option("--column", help="use this column only (may stand several times)")]
Dim = Annotated[int | None, typer.Option("--dim", min=1, help="dimensions that the data fill, if not all of them")]
Samples = Annotated[
    int,
    typer.Option("--gradient-samples", min=1, help="steps times batch that the one level is for"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print everything as JSON")]
AsParams = Annotated[bool, typer.Option("--params", help="print sections for params.yaml")]
Plot = Annotated[Path | None, typer.Option("--plot", help=f"draw a picture: {', '.join(PICTURES)}")]

ROWS = {
    "sigma_max": "sigma_max",
    "sigma_min": "sigma_min",
    "ratio": "ratio",
    "levels": "levels",
    "langevin_step": "Langevin epsilon",
    "sigma_opt": "sigma, one scale",
    "sigma_kernel": "sigma, by heart",
    "sigma_local": "tau",
    "sigma_thin": "thinnest direction",
    "sigma_data": "sigma_data",
    "P_mean": "P_mean",
}
"""Values of the table and what they are called there."""


def advise(
    file: File,
    column: Columns = None,
    dim: Dim = None,
    gradient_samples: Samples = 384_000,
    as_json: AsJson = False,
    as_params: AsParams = False,
    plot: Plot = None,
) -> None:
    """Propose the noise range, ladder and sampler step for a file of data, with the reasons."""
    try:
        if as_json and as_params:
            raise ValueError("--json and --params print different things: choose one")
        if plot is not None and plot.suffix not in PICTURES:
            raise ValueError(f"--plot {plot}: the ending must be one of {', '.join(PICTURES)}")
        if plot is not None and not plot.parent.is_dir():
            raise ValueError(f"--plot {plot}: there is no folder {plot.parent}")
        rows = _read(file, column)
        given, prepared = _advise(file, rows, dim, gradient_samples)
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    if plot is not None:
        from scorebench.commands._advice_plot import draw

        draw(given, plot)
        print(plot, file=sys.stderr)
    if as_json:
        print(json.dumps({"file": str(file), **given.summary(), "prepared": prepared.summary()}, indent=2))
    elif as_params:
        from scorebench.commands._advice_params import sections

        print(sections(file, column, prepared), end="")
        for caution in given.warnings:
            print(f"warning: {caution}", file=sys.stderr)
    else:
        _print(file, given, prepared)


def _read(file: Path, columns: list[str] | None) -> np.ndarray:
    """Rows of the file, (n, d), as a study's `table` source reads them."""
    from scorebench.data.table import Table

    try:
        return Table(path=str(file), columns=columns or None).rows()
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror or error}") from None


def _advise(file: Path, rows: np.ndarray, dim: int | None, gradient_samples: int) -> tuple[Advice, Advice]:
    """For the data as they are, and as a study prepares them: every column scaled to standard deviation 1."""
    from scorebench.advisor import advise
    from scorebench.data import standardise

    try:
        given = advise(rows, dim, gradient_samples=gradient_samples)
        prepared = standardise({"train": rows}, per_column=True)[0]["train"]
        return given, advise(prepared, dim, gradient_samples=gradient_samples)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _print(file: Path, given: Advice, prepared: Advice) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title=f"{file}: {given.points:,} points, {given.dimension} dimensions", title_justify="left")
    table.add_column("")
    table.add_column("as given", justify="right", no_wrap=True)
    table.add_column("scaled", justify="right", no_wrap=True)
    table.add_column("rule")
    for name, label in ROWS.items():
        values = (_number(getattr(advice, name)) for advice in (given, prepared))
        table.add_row(Text(label, no_wrap=True), *values, Text(given.reasons[name].rule))
    console.print(table)
    console.print(
        "as given: in the file's units. scaled: every column to standard deviation 1, as a study does it; these are "
        f"for params.yaml (--params). There the sampler's step is 2 epsilon / sigma_min^2 = {_number(prepared.step)}, "
        "and the shift of P_mean is left to the schedule.\n",
        highlight=False,
    )
    for name, label in ROWS.items():
        reason = given.reasons[name]
        console.print(Text.assemble((f"{label}: ", "bold"), reason.reason, (f" [{reason.source}]", "dim")))
    for caution in given.warnings:
        console.print(Text.assemble(("warning: ", "bold yellow"), str(caution)))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
