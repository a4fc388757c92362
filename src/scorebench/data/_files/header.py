"""Whether the first row of a table holds names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from scorebench.data._files import MISSING

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a point or a comma."""
    return NUMBER.fullmatch(cell.strip()) is not None


def names_and_start(
    path: Path, rows: Sequence[Sequence[str]], header: bool | None, count: int
) -> tuple[list[str] | None, int, list[str]]:
    """Names of the columns (None: there are none), where the data begin, and what was guessed.

    rows: the first cells of the file, as text. count: rows in all. header: what a person says, if anything.

    Raises:
        ValueError: names and numbers in the first row, of which it can't be said what they are.
    """
    first, rest = [cell.strip() for cell in rows[0]], [list(row) for row in rows[1:]]
    if header is not None:
        return (first, 1, []) if header else (None, 0, [])
    numbers = [is_number(cell) for cell in first]
    words = [not number and cell not in MISSING for number, cell in zip(numbers, first, strict=True)]
    if not any(words) and _of_pandas(first, rest):
        return first, 1, ["guessed: the first row holds the names, numbers that pandas gives to columns without any"]
    if not any(words):
        if not any(numbers):
            return None, 0, []
        return None, 0, ["guessed: no header, for the first row holds numbers (`header: true` says otherwise)"]
    if not any(numbers):
        texts = all(is_text for place in range(len(first)) if (is_text := _text_below(rest, place)) is not None)
        if texts and rest and len(first) > 1:
            return first, 1, ["guessed: the first row holds the names (all columns are text)"]
        return first, 1, []
    if _counts(first, rest, count):
        return None, 1, [f"guessed: no header, the first row says that there are {first[0]} rows of {first[1]} columns"]
    if (
        all(
            below is None or below == word
            for place, word in enumerate(words)
            if (below := _text_below(rest, place)) is not None or word
        )
        and rest
    ):
        return None, 0, ["guessed: no header, for the first row looks like the others (`header: true` says otherwise)"]
    shown = ", ".join(" ".join(cell.split()) for cell in first[:6]) + (", ..." if len(first) > 6 else "")
    raise ValueError(
        f"{path}: the first row ({shown}) holds names and numbers: say `header: true` if these are names,"
        " `header: false` if they are data, or leave the row out with `skip_rows: 1`"
    )


def _text_below(rest: Sequence[Sequence[str]], place: int) -> bool | None:
    """Whether the cells below the first one are text; None where they are all missing."""
    cells = [row[place].strip() for row in rest if place < len(row)]
    cells = [cell for cell in cells if cell not in MISSING]
    return None if not cells else sum(map(is_number, cells)) < len(cells) / 2


def _of_pandas(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is 0, 1, 2, ... over numbers with decimals, or has nothing over a column that is full."""
    bare = [cell for cell in first if cell]
    if not first[0] and bare and rest and len(bare) >= len(first) - 1:
        return all(row and row[0].strip() for row in rest)
    fractions = any(is_number(cell) and not cell.strip().isdigit() for row in rest for cell in row)
    return len(bare) > 2 and bare == [str(i) for i in range(len(first))] and fractions


def _counts(first: Sequence[str], rest: Sequence[Sequence[str]], count: int) -> bool:
    """Whether the first row begins with the numbers of rows and of columns but one, as scikit-learn's own files do."""
    return bool(rest) and len(first) > 2 and list(first[:2]) == [str(count - 1), str(len(rest[0]) - 1)]
