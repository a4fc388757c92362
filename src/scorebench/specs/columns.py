"""The columns of a person's file, and how points give them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scorebench.specs import Written

if TYPE_CHECKING:
    import numpy as np


class Column(Written):
    """One column of a file.

    place: which number of a point it is; None for a constant column, which points leave out, and whose one value is
    `lowest`. step: of the lattice lowest, lowest + step, ..., highest that all values lie on, where noise was added to
    make them continuous. decimals: of values on the lattice. None: nothing of this kind.
    """

    name: str
    place: int | None
    lowest: float | None = None
    highest: float | None = None
    step: float | None = None
    decimals: int | None = None

    def restored(self, points: np.ndarray) -> np.ndarray:
        """Values (n,) of the column from points (n, d) in the units of the file.

        A constant has its one value; what was made continuous goes back to the nearest value on its lattice between the
        lowest and the highest.
        """
        import numpy as np

        if self.place is None:
            return np.full(len(points), self.lowest)
        values: np.ndarray = points[:, self.place].astype(np.float64)
        if self.step is None or self.lowest is None or self.highest is None:
            return values
        steps = np.rint((np.clip(values, self.lowest, self.highest) - self.lowest) / self.step)
        on_lattice: np.ndarray = self.lowest + steps * self.step
        return on_lattice if self.decimals is None else on_lattice.round(self.decimals)


def restored(
    columns: Sequence[Column], points: np.ndarray, shift: Sequence[float] | float, scale: Sequence[float] | float
) -> dict[str, np.ndarray]:
    """Name -> values (n,) of a file's columns, from prepared points (n, d); original = prepared * scale + shift."""
    import numpy as np

    original = points.astype(np.float64) * np.asarray(scale) + np.asarray(shift)
    return {column.name: column.restored(original) for column in columns}
