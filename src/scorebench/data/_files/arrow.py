"""Parquet and Feather: typed columns, of which lists of numbers become one column for every place."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from pyarrow import types

from scorebench.data._files import Layout, Read, library


def read_arrow(path: Path, layout: Layout) -> Read:
    """The columns; those that pandas wrote as the index of its table are told as such."""
    ending = path.suffix[1:].lower()
    with library(path, f"{'an' if ending == 'arrow' else 'a'} {ending} file"):
        if ending == "parquet":
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(path) as file:
                table = file.read()
        else:
            import pyarrow.feather

            table = pyarrow.feather.read_table(path, memory_map=False)
        table.validate(full=True)
        names = table.column_names
    index = _index_of_pandas(table.schema.metadata or {})
    read = Read([], [], [f"read: {path} ({path.suffix[1:].lower()})"])
    for name, column in zip(names, table.columns, strict=True):
        parts = expanded(path, name, column)
        if len(parts) > 1:
            read.said.append(f"read: the lists of '{name}' as {len(parts)} columns, {parts[0][0]} to {parts[-1][0]}")
        for label, part in parts:
            if name in index:
                read.index.add(len(read.names))
            read.names.append(label)
            read.columns.append(part)
    return read


def _index_of_pandas(metadata: dict[bytes, bytes]) -> set[str]:
    """Names of columns that pandas notes as the index of the table it wrote."""
    try:
        noted = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError):
        return set()
    return {name for name in noted if isinstance(name, str)}


def expanded(path: Path, name: str, column: pa.ChunkedArray) -> list[tuple[str, pa.ChunkedArray]]:
    """A column of lists as columns `name[0]`, `name[1]`, ...; any other as it is.

    Raises:
        ValueError: lists of different lengths, or a missing one.
    """
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return [(name, column)]
    import pyarrow.compute as pc

    if not len(column):
        return [(name, pa.chunked_array([pa.array([], pa.float64())]))]
    lengths = pc.list_value_length(column).to_pylist()
    odd = next((row for row, length in enumerate(lengths) if length is None or length != lengths[0]), None)
    if odd is not None:
        held = "no list" if lengths[odd] is None else f"a list of {lengths[odd]}"
        raise ValueError(
            f"{path}: row {odd} of '{name}' (counted from 0) holds {held}, row 0 one of {lengths[0]}:"
            " lists must be of one length to become columns"
        )
    if not lengths[0]:
        raise ValueError(f"{path}: the lists of '{name}' are empty")
    parts = []
    for place in range(lengths[0]):
        parts += expanded(path, f"{name}[{place}]", pc.list_element(column, place))
    return parts
