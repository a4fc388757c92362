"""npy and npz: rows by the first axis. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from scorebench.data._files import Layout, Read, library

SHOWN = 8
"""Arrays of a file that a fault names."""


def read_arrays(path: Path, layout: Layout) -> Read:
    """One array as columns x0, x1, ...; of a structured array, or of several vectors, columns by their names."""
    kind = path.suffix[1:].lower()
    with library(path, f"a {kind} file of numbers"):
        held = np.load(path, allow_pickle=False)
        arrays = {name: held[name] for name in held.files} if isinstance(held, np.lib.npyio.NpzFile) else {"": held}
    if kind == "npz" and "" in arrays:
        raise ValueError(f"{path} is not a npz file of numbers: it holds one array, as .npy does; rename it")
    if kind == "npy" and "" not in arrays:
        raise ValueError(f"{path} is not a npy file of numbers: it holds several arrays, as .npz does; rename it")
    read = _of_npz(path, arrays, layout.array) if kind == "npz" else _of_array(path, arrays[""])
    return Read(read.names, read.columns, [f"read: {path} ({kind})", *read.said], read.named, event=read.event)


def _of_npz(path: Path, arrays: Mapping[str, np.ndarray], chosen: str | None) -> Read:
    if chosen is not None and chosen not in arrays:
        raise ValueError(f"{path} has no array '{chosen}'; it has: {_listed(arrays)}")
    if chosen is None and len(arrays) == 1:
        chosen = next(iter(arrays))
    if chosen is not None:
        read = _of_array(path, arrays[chosen])
        read.said.insert(0, f"read: the array '{chosen}'")
        return read
    lengths = {array.shape for array in arrays.values()}
    if arrays and len(lengths) == 1 and len(next(iter(lengths))) == 1:
        for name, array in arrays.items():
            _numbers(path, array, f" in '{name}'")
        return Read(list(arrays), [_column(array) for array in arrays.values()], [])
    raise ValueError(f"{path} holds several arrays, name one by `array`: {_listed(arrays) or 'none'}")


def _listed(arrays: Mapping[str, np.ndarray]) -> str:
    shapes = [f"'{name}' of shape {array.shape}" for name, array in arrays.items()]
    return ", ".join(shapes[:SHOWN]) + (", ..." if len(shapes) > SHOWN else "")


def _of_array(path: Path, array: np.ndarray) -> Read:
    if array.dtype.names:
        for name in array.dtype.names:
            _numbers(path, array[name], f" in '{name}'")
        flat = array.reshape(-1)
        return Read([*array.dtype.names], [_column(flat[name]) for name in array.dtype.names], [])
    _numbers(path, array, "")
    if array.size == 0:
        raise ValueError(f"{path} holds no values")
    event, said = array.shape[1:], []
    if len(event) == 3 and event[-1] in (1, 3) and event[0] not in (1, 3):
        array = np.moveaxis(array, -1, 1)
        said = [f"guessed: the last axis of {event} holds colours, put first"]
        event = array.shape[1:]
    rows = array.reshape(len(array), -1)
    names = [f"x{i}" for i in range(rows.shape[1])]
    return Read(names, [_column(c) for c in rows.T], said, named=False, event=event if len(event) > 1 else None)


def _numbers(path: Path, array: np.ndarray, where: str) -> None:
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise ValueError(f"{path} must hold rows of real numbers, it holds {array.dtype} of shape {array.shape}{where}")


def _column(values: np.ndarray) -> pa.ChunkedArray:
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
    return pa.chunked_array([pa.array(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="))))])
