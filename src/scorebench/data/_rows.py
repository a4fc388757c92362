"""Values of a file's columns: as numbers, and the rows that hold those that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from scorebench.data._files import Read
from scorebench.parts import wording


def rows_where(path: Path, file: Read, where: Mapping[str, str | float | bool]) -> np.ndarray:
    """Which rows hold these values, counted from 0; a number also where it is written as text, and the other way."""
    kept = np.ones(len(file.columns[0]), dtype=bool)
    for name, value in where.items():
        held = file.columns[file.names.index(name)].to_pylist()
        key = _key(value)
        here = np.array([item is not None and _key(item) == key for item in held])
        if not here.any():
            shown = sorted({repr(item) for item in held if item is not None})
            raise ValueError(f"{path}: no row has {value!r} in {name!r}; it holds {wording.first_few(shown)}")
        kept &= here
        if not kept.any():
            raise ValueError(f"{path}: no row is as all of `where` asks: {dict(where)}")
    return np.flatnonzero(kept)


def _key(value: object) -> object:
    """What two values share that mean the same: 1, 1.0, "1" and "1.0"; true, "true" and "True"."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).strip()
    try:
        return float(text)
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def as_numbers(column: pa.ChunkedArray, missing: Sequence[float] = ()) -> np.ndarray | None:
    """A column (n,) as float64, NaN where a value is missing; None for text, dates and all else that is no number."""
    kind = column.type
    if types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif types.is_null(kind):
        return np.full(len(column), np.nan)
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        return None
    values: np.ndarray = pc.cast(column, pa.float64(), safe=False).to_numpy().astype(np.float64)
    return np.where(np.isin(values, missing), np.nan, values) if len(missing) else values
