"""`scorebench advise FILE`: which noise for these data, and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorebench.advisor import Advice
    from scorebench.data.table import Table

PICTURES = (".png", ".svg", ".pdf")

File = Annotated[
    Path,
    typer.Argument(help="rows of numbers: .csv, .tsv, .txt, .xlsx, .parquet, .feather, .npy, .npz", show_default=False),
]
Columns = Annotated[list[str] | None, typer.Option("--column", help="use this column only (may stand several times)")]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", help="of the source `table`, as in a study: decimal=, or missing=drop (several times)"),
]
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
    option: Option = None,
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
        table = _table(file, column, option)
        given, prepared = _advise(table, dim, gradient_samples)
        said = table.said()
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    if plot is not None:
        from scorebench.commands._advice_plot import draw

        draw(given, plot)
        print(plot, file=sys.stderr)
    if as_json:
        told = {"file": str(file), "read": said, **given.summary(), "prepared": prepared.summary()}
        print(json.dumps(told, indent=2))
    elif as_params:
        from scorebench.commands._advice_params import sections

        print(sections(file, options_given(table), prepared), end="")
        for line in said:
            print(line, file=sys.stderr)
        for caution in given.warnings:
            print(f"warning: {caution}", file=sys.stderr)
    else:
        _print(file, said, given, prepared)


def _table(file: Path, columns: list[str] | None, options: list[str] | None) -> Table:
    """The file as a study's `table` source reads it; options are texts `name=value`, values as YAML has them."""
    from ruamel.yaml import YAML

    from scorebench import parts

    given: dict[str, object] = {"path": str(file)} | ({"columns": columns} if columns else {})
    for text in options or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--option {text}: must be NAME=VALUE, such as missing=drop")
        given[name] = value if value in (",", ".", ";", "|") else YAML(typ="safe").load(value)
    from scorebench.data.table import Table

    table = parts.build("source", "table", given)
    assert isinstance(table, Table)
    table.look()
    return table


def options_given(table: Table) -> dict[str, object]:
    """What was said of the file, without what is left to the source itself."""
    return table.model_dump(mode="json", exclude_defaults=True)


def _advise(table: Table, dim: int | None, gradient_samples: int) -> tuple[Advice, Advice]:
    """For the data as they are, and as a study prepares them: every column scaled to standard deviation 1."""
    from scorebench.advisor import advise

    try:
        rows, names = table.continuous(seed=0), table.look().names
        given = advise(rows, dim, names, gradient_samples)
        return given, advise(table.scaled({"train": rows})[0]["train"], dim, names, gradient_samples)
    except ValueError as error:
        raise ValueError(f"{table.path}: {error}") from None


def _print(file: Path, said: Sequence[str], given: Advice, prepared: Advice) -> None:
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    console = Console()
    for line in said:
        console.print(Text(line))
    table = Grid(title=f"{file}: {given.points:,} points, {given.dimension} dimensions", title_justify="left")
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
