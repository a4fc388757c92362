"""A table of your own: Parquet, CSV or npy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.data import Points, Source, split_counts, split_rows, standardise
from scorebench.parts import wording

if TYPE_CHECKING:
    import numpy as np


class Table(Source):
    """Rows of numbers from `path` (.parquet, .csv or .npy), every column scaled to mean 0 and standard deviation 1.

    `columns` picks columns by name (not for .npy); without it all columns are used, and all must be numbers.
    `where` keeps the rows in which other columns hold these values (not for .npy): `{color: red}`. `distinct` keeps one
    of rows that are the same in all columns used, so that no test row is a training row. `licence` and `origin` are
    written down beside the prepared data.
    """

    path: str
    columns: list[str] | None = None
    where: dict[str, str | int | float] | None = None
    distinct: bool = False
    origin: str = ""
    licence: str = "not stated"

    def files(self) -> list[Path]:
        """The table."""
        return [Path(self.path)]

    def rows(self) -> np.ndarray:
        """All rows, (n, d), float64.

        Raises:
            ValueError: no such file, an unknown ending, a column that is missing or not numbers, a missing value, or
                no row that is as `where` asks.
        """
        import numpy as np

        path = Path(self.path)
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        if path.suffix == ".npy":
            rows = self._array(path)
        elif path.suffix in (".parquet", ".csv"):
            rows = self._columns(path)
        else:
            raise ValueError(f"{path}: the ending must be .parquet, .csv or .npy")
        if rows.size == 0:
            raise ValueError(f"{path} holds no values")
        if not np.isfinite(rows).all():
            bad = np.flatnonzero(~np.isfinite(rows).all(1))
            raise ValueError(
                f"{path}: {(~np.isfinite(rows)).sum()} values are missing or not finite,"
                f" in rows {wording.first_few(bad.tolist())} (counted from 0, without a header)"
            )
        if self.distinct:
            _, first = np.unique(rows, axis=0, return_index=True)
            rows = rows[np.sort(first)]
        return rows

    def _array(self, path: Path) -> np.ndarray:
        import numpy as np

        if self.columns or self.where:
            raise ValueError(
                f"{path} has no column names, so {'`columns`' if self.columns else '`where`'} can't pick any"
            )
        try:
            array: np.ndarray = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path} is not a npy file of numbers: {error}") from None
        if array.ndim == 0 or array.dtype.kind not in "fiu":
            raise ValueError(f"{path} must hold rows of real numbers, it holds {array.dtype} of shape {array.shape}")
        if array.size == 0:
            raise ValueError(f"{path} holds no values")
        return array.reshape(len(array), -1).astype(np.float64)

    def _columns(self, path: Path) -> np.ndarray:
        import numpy as np
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
        from pyarrow import types

        read = pyarrow.parquet.read_table if path.suffix == ".parquet" else pyarrow.csv.read_csv
        try:
            table = read(path)
        except pyarrow.ArrowException as error:
            raise ValueError(f"{path} is not a {path.suffix[1:]} file that can be read: {error}") from None
        unknown = [c for c in [*(self.columns or []), *(self.where or {})] if c not in table.column_names]
        if unknown:
            raise ValueError(f"{path} has no columns {unknown}; it has: {table.column_names}")
        for column, wanted in (self.where or {}).items():
            held = table[column].to_pylist()
            if wanted not in held:
                raise ValueError(
                    f"{path}: no row has {wanted!r} in {column!r};"
                    f" it holds {', '.join(map(repr, sorted(set(map(str, held)))[:5]))}, ..."
                )
            table = table.filter([value == wanted for value in held])
        used = self.columns or [c for c in table.column_names if c not in (self.where or {})]
        table = table.select(used)
        if table.num_rows == 0:
            raise ValueError(f"{path} holds no values")
        text = [f.name for f in table.schema if not (types.is_floating(f.type) or types.is_integer(f.type))]
        if text:
            raise ValueError(
                f"{path}: columns {text} are not numbers; choose others with `columns`"
                f"{wording.first_not_a_number(text[0], table[text[0]].to_pylist())}"
            )
        return np.column_stack([c.to_numpy().astype(np.float64) for c in table.columns])

    def dimension(self) -> int:
        """Number of columns used."""
        return int(self.rows().shape[1])

    def check(self, sizes: dict[str, int | None]) -> None:
        """The file can be read and has rows enough."""
        split_counts(len(self.rows()), sizes)

    def load(self, sizes: dict[str, int | None], seed: int) -> Points:
        """The rows, shuffled, split and standardised."""
        splits, shift, scale = standardise(split_rows(self.rows(), sizes, seed), per_column=True)
        return Points(splits, self.origin or self.path, self.licence, shift=shift, scale=scale)
