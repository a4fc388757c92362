"""`scorebench validate`: is a study file right, and what was made of the files of data that it names?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scorebench.data import Source

DEFAULT = Path("params.yaml")
MOST = 20_000
"""Rows that are looked at for warnings: a second or two; `scorebench advise` looks at all."""
SCALED = "unscaled_columns"
"""What the advisor says of columns in different units, which a study scales."""


def validate(study: Annotated[Path, typer.Option("--study", help="the study file")] = DEFAULT) -> None:
    """Check a study file; every fault is shown with its line. Says what was made of the files of data, line by line."""
    from scorebench.study.plan import Study

    loaded = Study(study)
    print(f"{study}: {len(loaded.applicable)} cells to run, {len(loaded.not_applicable)} not applicable")
    for name, source in loaded.sources.items():
        for line in _said(source):
            print(f"{name}: {line}")


def _said(source: Source) -> Iterator[str]:
    """How a file was read, guesses included, and what the advisor warns of; nothing of data that are no file's."""
    from scorebench.data.table import Table

    yield from source.said()
    if isinstance(source, Table):
        import numpy as np

        from scorebench.advisor import cautions

        rows, of = source.continuous(seed=0), ""
        if len(rows) > MOST:
            rows, of = np.random.default_rng(0).choice(rows, MOST, replace=False), f" (from {MOST:,} of the rows)"
        found = cautions(rows, source.look().names)
        yield from (f"caution{of}: {caution}" for caution in found if caution.code != SCALED)
