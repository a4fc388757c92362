"""Which columns and rows of a file become points, and a sentence on everything that was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pyarrow import types

from scorebench.data import _columns
from scorebench.data._files import Layout, Read, listed, read
from scorebench.data._files.header import is_number
from scorebench.data._rows import as_numbers, rows_where
from scorebench.parts import wording

CHANCE = 0.1
"""Share of equal rows that may be equal by chance, where rows that repeat another one are left out."""


@dataclass(frozen=True)
class Wanted:
    """What a person wants of a file; the options of the source `table`."""

    path: Path
    layout: Layout
    columns: tuple[str, ...] | Literal["numeric"] | None
    index: tuple[str, ...] | None
    where: Mapping[str, str | float | bool]
    drop_missing: bool
    numbers_missing: tuple[float, ...]
    distinct: bool


@dataclass
class Chosen:
    """The values of the columns used, (n, d), float64, finite; what was said on the way."""

    names: list[str]
    rows: np.ndarray
    said: list[str]
    named: bool
    event: tuple[int, ...] | None
    cautions: list[str] = field(default_factory=list)


def choose(wanted: Wanted) -> Chosen:
    """Read the file and choose.

    Raises:
        ValueError: a file that can't be read, columns that are not there, no numbers, or named twice; values that are
            missing or not finite, unless rows without them are left out; no row that is as `where` asks.
    """
    path, file = wanted.path, read(wanted.path, wanted.layout)
    asked = [*(wanted.columns if isinstance(wanted.columns, tuple) else ()), *wanted.where, *(wanted.index or ())]
    _all_there(path, file, asked)
    at = rows_where(path, file, wanted.where)
    if len(at) < (count := len(file.columns[0])):
        file.said.append(f"dropped: {count - len(at):,} of {count:,} rows by `where`")
    numbers = [as_numbers(column, wanted.numbers_missing) for column in file.columns]
    index = [place for place, name in enumerate(file.names) if name in (wanted.index or ())]
    if wanted.index is None and file.event is None:
        index = _indices(file, numbers)
    used = _used(wanted, file, [None if x is None else x[at] for x in numbers], index)
    _once(path, file, used)
    rows = np.column_stack([_number(path, file, numbers, place) for place in used])[at]
    complete = np.isfinite(rows).all(1)
    names = [file.names[place] for place in used]
    if not complete.all():
        file.said.append(_incomplete(wanted, rows, names, at))
        rows, at = rows[complete], at[complete]
        if not len(rows):
            raise ValueError(f"{path}: no row is complete; choose others by `columns`")
    if wanted.distinct:
        others = [place for place in range(len(numbers)) if place in used or place not in index]
        first = _first_of_equal(path, file, numbers, others, at)
        said = f"dropped: {len(rows) - len(first):,} rows that repeat an earlier one in all {len(others)} columns"
        file.said.append(f"{said} of the file, index aside")
        rows = rows[first]
    file.said[0] += f": {len(rows):,} rows, {len(used)} of {len(file.names)} columns"
    event = file.event if len(used) == len(file.names) else None
    return Chosen(names, rows, file.said, file.named, event, list(_cautions(names, rows)))


def _all_there(path: Path, file: Read, asked: Sequence[str]) -> None:
    unknown = [name for name in asked if name not in file.names]
    if unknown:
        held = file.names if len(file.names) <= 40 else [*file.names[:20], "..."]
        kind = "" if file.named else "; it has no names; columns are counted"
        raise ValueError(
            f"{path} has no columns {unknown}{wording.nearest(unknown[0], file.names)}; it has: {held}{kind}"
        )
    twice = sorted(name for name, times in Counter(file.names).items() if times > 1 and name in asked)
    if twice:
        raise ValueError(f"{path} has several columns called {twice[0]!r}: rename all but one")


def _once(path: Path, file: Read, used: Sequence[int]) -> None:
    twice = [name for name, times in Counter(file.names[place] for place in used).items() if times > 1]
    if twice:
        raise ValueError(f"{path} has several columns called {twice[0]!r}: rename all but one, or choose by `columns`")


def _number(path: Path, file: Read, numbers: Sequence[np.ndarray | None], place: int) -> np.ndarray:
    if (values := numbers[place]) is not None:
        return values
    text = [file.names[i] for i, found in enumerate(numbers) if found is None]
    name = file.names[place]
    raise ValueError(
        f"{path}: columns {text} are not numbers; choose others with `columns`, or all that are by `columns: numeric`"
        f" ({_not_a_number(name, file.columns[place])})"
    )


def _not_a_number(name: str, column: pa.ChunkedArray) -> str:
    """The first value of a column that is no number, or its type."""
    for row, value in enumerate(column.to_pylist()):
        if isinstance(value, str) and not is_number(value):
            return f"row {row} of '{name}' holds {value[:40]!r}"
    return f"'{name}' is of the type {column.type}"


def _used(wanted: Wanted, file: Read, numbers: Sequence[np.ndarray | None], index: Sequence[int]) -> list[int]:
    """Places of the columns that become points."""
    if isinstance(wanted.columns, tuple):
        return [file.names.index(name) for name in wanted.columns]
    left = [place for place, name in enumerate(file.names) if name not in wanted.where]
    if file.event is not None:
        return left
    left = _without(file, left, index, "names of rows")
    left = _without(file, left, [i for i in left if _is_empty(file, numbers[i], i)], "empty")
    if wanted.columns == "numeric":
        text = [place for place in left if numbers[place] is None]
        left = _without(file, left, text, f"no numbers{_first_text(file, text)}")
    left = _without(file, left, _classes(file, numbers, left), "classes, not measurements")
    if not left:
        raise ValueError(f"{wanted.path} has no column of numbers; choose some by `columns`, it has: {file.names}")
    return left


def _is_empty(file: Read, x: np.ndarray | None, place: int) -> bool:
    return bool(np.isnan(x).all()) if x is not None else file.columns[place].null_count == len(file.columns[place])


def _without(file: Read, left: list[int], out: Sequence[int], why: str) -> list[int]:
    """The places but for those left out, if any are then left; says so."""
    out = [place for place in out if place in left]
    if not out or len(out) == len(left):
        return left
    which = listed([file.names[place] for place in out])
    file.said.append(f"dropped: {which} ({why}; used if `columns` names {'it' if len(out) == 1 else 'them'})")
    return [place for place in left if place not in out]


def _first_text(file: Read, text: Sequence[int]) -> str:
    return f": {_not_a_number(file.names[text[0]], file.columns[text[0]])}" if text else ""


def _indices(file: Read, numbers: Sequence[np.ndarray | None]) -> list[int]:
    """Places of columns that seem to name the rows."""
    found = []
    for place, (name, x) in enumerate(zip(file.names, numbers, strict=True)):
        told = place in file.index or _columns.OF_PANDAS.fullmatch(name) or (file.named and not name and place == 0)
        if (
            told
            or (x is not None and np.isfinite(x).all() and _columns.is_index(name, x))
            or (x is None and _all_different(file.columns[place]))
        ):
            found.append(place)
    return found


def _all_different(column: pa.ChunkedArray) -> bool:
    """Whether every row holds another date, or another word: not a number with a slip such as `12 kg`."""
    if (
        len(column) < _columns.ROWS
        or column.null_count
        or not (types.is_string(column.type) or types.is_large_string(column.type) or types.is_temporal(column.type))
    ):
        return False
    if types.is_temporal(column.type):
        return len(column.unique()) == len(column)
    words = sum(text[:1].isalpha() for text in column.to_pylist())
    return words > len(column) / 2 and len(column.unique()) == len(column)


def _classes(file: Read, numbers: Sequence[np.ndarray | None], left: Sequence[int]) -> list[int]:
    found = []
    for place in left:
        x = numbers[place]
        ends = not file.named and place in (0, len(file.names) - 1)
        rest = [y for i in left if i != place and (y := numbers[i]) is not None]
        measured = any((np.nan_to_num(y) % 1 != 0).any() for y in rest)
        if types.is_boolean(file.columns[place].type) or (
            x is not None
            and np.isfinite(x).all()
            and _columns.is_classes(file.names[place], x, file.named, measured and ends)
        ):
            found.append(place)
    return found


def _incomplete(wanted: Wanted, rows: np.ndarray, names: Sequence[str], at: np.ndarray) -> str:
    """What is said of rows with missing values that are left out; else the error. at: their numbers in the file."""
    bad = at[~np.isfinite(rows).all(1)]
    count = int((~np.isfinite(rows)).sum())
    where = listed([name for name, fine in zip(names, np.isfinite(rows).all(0), strict=True) if not fine])
    if wanted.drop_missing:
        infinite = int(np.isinf(rows).sum())
        also = f", {infinite} of them infinite" if infinite else ""
        return f"dropped: {len(bad):,} rows in which {where} miss {count:,} values{also} (`missing: drop`)"
    raise ValueError(
        f"{wanted.path}: {count} values are missing or not finite, in rows {wording.first_few(bad.tolist())}"
        f" (counted from 0, without a header) of {where}; `missing: drop` leaves such rows out"
    )


def _first_of_equal(
    path: Path, file: Read, numbers: Sequence[np.ndarray | None], others: Sequence[int], rows: np.ndarray
) -> np.ndarray:
    """Which rows stand first among those that are equal in all columns of the file but its index.

    Raises:
        ValueError: many are equal by chance alone, since values are rounded.
    """
    codes, discrete = [], []
    for place in others:
        x = numbers[place]
        if x is None:
            dictionary = file.columns[place].combine_chunks().cast(pa.string()).fill_null("").dictionary_encode()
            dictionary = dictionary.combine_chunks() if isinstance(dictionary, pa.ChunkedArray) else dictionary
            codes.append(np.asarray(dictionary.indices)[rows])
            discrete.append(True)
        else:
            codes.append(np.unique(x[rows], return_inverse=True)[1].reshape(-1))
            discrete.append(bool(np.isfinite(x[rows]).all()) and _columns.lattice(x[rows]) is not None)
    table = np.column_stack(codes)
    found, expected = _columns.repeats_by_chance(table, np.array(discrete))
    if found and expected > CHANCE * found:
        raise ValueError(
            f"{path}: `distinct` would drop rows that are no repeats: of {found:,} pairs of equal rows about"
            f" {min(expected, found):,.0f} are equal by chance, since the values are so few or so rounded; leave"
            " `distinct` out, or use a file with further columns, by which rows can be told apart"
        )
    _, first = np.unique(table, axis=0, return_index=True)
    return np.sort(first)


def _cautions(names: Sequence[str], rows: np.ndarray) -> list[str]:
    """What may be wrong with columns that are used."""
    said = []
    for name, x in zip(names, rows.T, strict=True):
        if (odd := _columns.sentinel(x)) is not None:
            value, times = odd
            said.append(
                f"'{name}' holds {value:g} in {times:,} rows, far from all else: if that stands for a missing value,"
                f" say `missing_values: [{value:g}]`"
            )
        elif _columns.all_different_whole(x):
            said.append(f"'{name}' holds another whole number in each row: if these are ids, name it in `index`")
    return said
