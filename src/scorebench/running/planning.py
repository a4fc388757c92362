"""What a study comes to, for a person who is about to run it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.table import Table

from scorebench.running.costs import estimate
from scorebench.study import results
from scorebench.study.stages import STAGES

if TYPE_CHECKING:
    from rich.console import Console

    from scorebench.study.cells import Cell
    from scorebench.study.plan import Study


def reasons(study: Study) -> dict[str, list[Cell]]:
    """Cells that are not applicable, by reason."""
    grouped: dict[str, list[Cell]] = {}
    for cell in study.not_applicable:
        grouped.setdefault(cell.reason or "", []).append(cell)
    return grouped


def announce(study: Study) -> None:
    """Lines on standard error: how many cells there are, and which are not applicable and why."""
    print(f"Study {study.name}: {len(study.applicable)} cells; {estimate(study)}", file=sys.stderr)
    for reason, cells in reasons(study).items():
        listed = ", ".join(map(str, cells))
        print(f"  not applicable: {listed}: {reason}", file=sys.stderr)


def progress(study: Study, cell: Cell) -> str:
    """How far a cell is: the last of its stages whose files are all there, or `done`."""
    said = "to run"
    for stage in (stage for stage in STAGES if stage.of == "cell"):
        if not results.is_there(study, study.job(stage.name, str(cell))):
            return said
        said = stage.past
    return "done"


def show(study: Study, console: Console) -> None:
    """Data set x method x schedule as one table per data set, then the reasons of what is not applicable."""
    cells = {(c.dataset, c.method, c.schedule): c for c in study.cells}
    for dataset in study.params.datasets:
        here = [c for c in study.cells if c.dataset == dataset]
        schedules = [s for s in study.params.schedules if any(c.schedule == s for c in here)]
        table = Table(title=f"{dataset} ({study.sources[dataset].dimension()}-D)", title_justify="left")
        table.add_column("method")
        for name in schedules:
            table.add_column(name)
        for method in [m for m in study.params.methods if any(c.method == m for c in here)]:
            row = []
            for name in schedules:
                cell = cells.get((dataset, method, name))
                if cell is None:
                    row.append("")
                else:
                    row.append("not applicable" if cell.reason else f"{progress(study, cell)}")
            table.add_row(method, *row)
        console.print(table)
    for reason, listed in reasons(study).items():
        console.print(f"not applicable: {', '.join(map(str, listed))}: {reason}", highlight=False)
    console.print(str(estimate(study)), highlight=False)
