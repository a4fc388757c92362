"""Results as files: tables in Parquet, tensors in safetensors, JSON and text; each is whole or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorebench.storage.whole_files import whole as whole

if TYPE_CHECKING:
    from torch import Tensor


def write_text(path: Path, text: str) -> None:
    """Text as UTF-8."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """JSON with sorted names; infinities and NaN are faults."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: pa.Table) -> None:
    """A Parquet file."""
    with whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path) -> pa.Table:
    """A Parquet file as a table."""
    with pq.ParquetFile(path) as file:  # pq.read_table would import pandas: a quarter of a second
        return file.read()


def points_column(points: np.ndarray) -> pa.Array:
    """(n, d) as a column of lists of d values."""
    flat = pa.array(np.ascontiguousarray(points, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, points.shape[1])


def points_of(column: pa.ChunkedArray) -> np.ndarray:
    """What `points_column` made, (n, d), float32."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return np.array(array.flatten()).reshape(len(array), array.type.list_size)  # a copy: Arrow's memory is read-only


def write_parameters(path: Path, parameters: dict[str, Tensor], about: Any = None) -> None:
    """Tensors as safetensors, and beside them anything that JSON can hold."""
    from safetensors.torch import save_file

    metadata = {
        "about": json.dumps(about, sort_keys=True, allow_nan=False)
    }  # one entry: the order of several is random
    with whole(path) as temporary:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in parameters.items()}
        save_file(tensors, temporary, metadata)


def read_parameters(path: Path) -> dict[str, Tensor]:
    """Tensors from safetensors."""
    from safetensors.torch import load_file

    parameters: dict[str, Tensor] = load_file(path)
    return parameters


def read_about(path: Path) -> Any:
    """What `write_parameters` was told beside the tensors; None where nothing was."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return json.loads((file.metadata() or {}).get("about", "null"))
