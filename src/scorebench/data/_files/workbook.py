"""One sheet of an Excel workbook (.xlsx), values as Excel last computed them."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from scorebench.data._files import MISSING, Layout, Read, library
from scorebench.data._files.header import names_and_start

Cell = str | float | bool | datetime.datetime | None


def read_workbook(path: Path, layout: Layout) -> Read:
    """The sheet that `layout` names, or the first one."""
    import openpyxl

    with library(path, "an xlsx file"):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheets = book.sheetnames
    if layout.sheet is not None and layout.sheet not in sheets:
        raise ValueError(f"{path} has no sheet '{layout.sheet}'; it has: {', '.join(sheets)}")
    missing = {*MISSING, *layout.missing}
    with library(path, "an xlsx file"), contextlib.closing(book):
        sheet = book[layout.sheet or sheets[0]]
        rows = [[_cell(value, missing) for value in row] for row in sheet.iter_rows(values_only=True)]
    rows = [row for row in rows[layout.skip_rows :] if any(value is not None for value in row)]
    said = [f"read: {path} (xlsx, sheet '{sheet.title}')"]
    if layout.sheet is None and len(sheets) > 1:
        said[0] = f"read: {path} (xlsx, sheet '{sheet.title}', the first of {len(sheets)})"
    if not rows:
        return Read([], [], said)
    width = max(len(row) for row in rows)
    rows = [[*row, *[None] * (width - len(row))] for row in rows]
    shown = [["" if value is None else str(value) for value in row] for row in rows[:50]]
    names, start, guess = names_and_start(path, shown, layout.header, len(rows))
    columns = [_column([row[place] for row in rows[start:]]) for place in range(width)]
    return Read(names or [f"x{i}" for i in range(width)], columns, [*said, *guess], named=names is not None)


def _cell(value: object, missing: set[str]) -> Cell:
    """A cell as a number, a bool, a moment or text; None where it is missing."""
    if value is None or isinstance(value, bool | datetime.datetime):
        return value
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if text in missing:
        return None
    try:
        return float(text)  # a number that Excel holds as text
    except ValueError:
        return text


def _column(values: Sequence[Cell]) -> pa.ChunkedArray:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {float}:
        return pa.chunked_array([pa.array(values, pa.float64() if kinds else pa.null())])
    if kinds in ({bool}, {datetime.datetime}):
        return pa.chunked_array([pa.array(values)])
    return pa.chunked_array([pa.array([None if value is None else str(value) for value in values], pa.string())])
