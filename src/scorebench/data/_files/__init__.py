"""Reading a person's file: from bytes in one of many formats to named columns, with what was guessed on the way.

    .csv .tsv .txt .data (.gz)   text.py       separator, decimal sign, header and encoding are guessed or given
    .xlsx                        workbook.py   one sheet
    .parquet .feather .arrow     arrow.py      typed columns; lists of numbers become columns
    .npy .npz                    arrays.py     rows by the first axis

Nothing is unpickled. What is asked of a file that its format has no place for is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = (".csv", ".tsv", ".txt", ".dat", ".data")
ARROW = (".parquet", ".feather", ".arrow")
ARRAYS = (".npy", ".npz")
ENDINGS = (*TEXT, ".xlsx", *ARROW, *ARRAYS)

MISSING = (
    "", "NA", "N/A", "n/a", "na", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NULL",
    "null", "None", "none", "?", ".", "-", "\\N", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "#NULL!", "#DIV/0!",
    "#VALUE!",
)  # fmt: skip
"""Texts that stand for a missing value wherever they are read."""


@dataclass(frozen=True)
class Layout:
    """How a file is to be read; None: guessed, and said."""

    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    header: bool | None = None
    skip_rows: int = 0
    encoding: str | None = None
    sheet: str | None = None
    array: str | None = None
    missing: tuple[str, ...] = ()
    """Further texts that stand for a missing value."""


@dataclass
class Read:
    """A file as columns of the same length; `said` tells how it was read and what was guessed."""

    names: list[str]
    columns: list[pa.ChunkedArray]
    said: list[str]
    named: bool = True
    """Whether the names are the file's own, not x0, x1, ..."""
    index: set[int] = field(default_factory=set)
    """Places of columns that name the rows: whoever wrote the file says so."""
    event: tuple[int, ...] | None = None
    """Shape of one row, where it has more than one axis."""


def read(path: Path, layout: Layout) -> Read:
    """The columns of a file.

    Raises:
        ValueError: no such file, an ending that is not known, a file that is not what its ending says, or an option
            that this format has no place for.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    name = path.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix
    if ending not in ENDINGS or (name.endswith(".gz") and ending not in TEXT):
        raise ValueError(f"{path}: the ending must be one of {', '.join(ENDINGS)} (of text also with .gz)")
    _only(path, layout, ("separator", "decimal", "encoding"), ending in TEXT, "text")
    _only(path, layout, ("header", "skip_rows", "missing"), ending in (*TEXT, ".xlsx"), "text and .xlsx")
    _only(path, layout, ("sheet",), ending == ".xlsx", ".xlsx")
    _only(path, layout, ("array",), ending == ".npz", ".npz")
    if ending in TEXT:
        from scorebench.data._files.text import read_text as reader
    elif ending == ".xlsx":
        from scorebench.data._files.workbook import read_workbook as reader
    elif ending in ARROW:
        from scorebench.data._files.arrow import read_arrow as reader
    else:
        from scorebench.data._files.arrays import read_arrays as reader
    found = reader(path, layout)
    if not found.columns or not len(found.columns[0]):
        raise ValueError(f"{path} holds no values")
    return found


@contextmanager
def library(path: Path, kind: str) -> Iterator[None]:
    """While a library reads a file: whatever it raises on a damaged one becomes one sentence.

    Raises:
        ValueError: instead of any error of the library.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror or _one_line(error)}") from None
    except Exception as error:  # which ones, no library says
        raise ValueError(f"{path} is not {kind} that can be read: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    if "allow_pickle" in str(error) or "pickled" in str(error):
        return "it holds Python objects, which are not read"
    return " ".join(str(error).split())[:200] or type(error).__name__


def listed(names: Sequence[str], beside: Sequence[str] | None = None, most: int = 8) -> str:
    """`'a', 'b', ...`, or `'a' (7), 'b' (2), ...` with what is told beside: the first few of many names."""
    told = [f"'{name}'" if beside is None else f"'{name}' ({beside[i]})" for i, name in enumerate(names[:most])]
    return ", ".join(told) + (", ..." if len(names) > most else "")


def _only(path: Path, layout: Layout, options: tuple[str, ...], fits: bool, where: str) -> None:
    given = [name for name in options if getattr(layout, name) != getattr(Layout, name)]
    if given and not fits:
        name = "missing_values" if given[0] == "missing" else given[0]
        raise ValueError(f"{path}: `{name}` says how {where} is read, and means nothing for this file; leave it out")
