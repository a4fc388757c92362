"""What is done to columns so that they have a density, and undone in samples: constants aside, steps filled up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from scorebench.data._chosen import Chosen
from scorebench.data._columns import COARSE, Lattice, lattice
from scorebench.data._files import listed
from scorebench.parts import wording
from scorebench.specs.columns import Column

MANY = 2000
"""Rows that show whether a column may have coarse steps."""
Dequantise = Literal["auto"] | bool | tuple[str, ...]


@dataclass(frozen=True)
class Treated:
    """Columns of a file, and those of their values that become points.

    values (n, d), float64: without constant columns. widths (d,): of the uniform noise that is to be added, 0 for none.
    names: of the d columns. image: (height, width) or (channels, height, width) of rows that are images.
    """

    values: np.ndarray
    widths: np.ndarray
    names: list[str]
    columns: tuple[Column, ...]
    image: tuple[int, ...] | None
    said: tuple[str, ...]
    cautions: tuple[str, ...]

    def continuous(self, generator: np.random.Generator) -> np.ndarray:
        """The values with their noise."""
        if not self.widths.any():
            return self.values
        return self.values + self.widths * generator.uniform(-0.5, 0.5, self.values.shape)


def treat(path: Path, chosen: Chosen, dequantise: Dequantise) -> Treated:
    """Decide what is done to each column.

    Raises:
        ValueError: columns that are all constant, or a column to be made continuous that is not there or not discrete.
    """
    if chosen.event is not None:
        return _images(chosen, chosen.event, dequantise)
    rows, names, said = chosen.rows, chosen.names, list(chosen.said)
    if len(rows) < 2:
        raise ValueError(f"{path} holds one row; a distribution takes at least 2 rows, and a study many more")
    constant = np.ptp(rows, axis=0) <= 1e-14 * np.abs(rows).max(0)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        spread = rows.std(0)
    extreme = [name for name, s, c in zip(names, spread, constant, strict=True) if not c and not 0 < s < np.inf]
    if extreme:
        raise ValueError(f"{path}: the squares of {wording.quoted(extreme)} are no numbers any more: use another unit")
    if constant.all():
        raise ValueError(f"{path}: all {len(rows):,} rows are the same in the columns used: there is nothing to learn")
    lattices = _lattices(path, names, rows, constant, dequantise)
    columns: list[Column] = []
    places: list[int] = []
    for at, name in enumerate(names):
        found = lattices.get(at)
        if constant[at]:
            columns.append(Column(name=name, place=None, lowest=float(rows[0, at])))
            continue
        columns.append(
            Column(name=name, place=len(places))
            if found is None
            else Column(
                name=name, place=len(places), lowest=found.lowest, highest=found.highest, step=found.step,
                decimals=found.decimals,
            )
        )  # fmt: skip
        places.append(at)
    if constant.any():
        still = np.flatnonzero(constant)
        held = listed([names[at] for at in still], [f"{rows[0, at] + 0.0:g}" for at in still])
        said.append(f"carried: constant, so no point holds it and every sample has it again: {held}")
    if lattices:
        which = listed([names[at] for at in lattices], [f"{found.step:g}" for found in lattices.values()])
        said.append(
            f"changed: discrete values made continuous by uniform noise of one step (dequantised), in {which};"
            " samples are rounded back"
        )
    widths = np.array([lattices[at].step if at in lattices else 0.0 for at in places])
    kept = [names[at] for at in places]
    return Treated(
        rows[:, places],
        widths,
        kept,
        tuple(columns),
        None,
        tuple(said),
        tuple(chosen.cautions),
    )


def _lattices(
    path: Path, names: Sequence[str], rows: np.ndarray, constant: np.ndarray, dequantise: Dequantise
) -> dict[int, Lattice]:
    """Place -> lattice of the columns that are to be made continuous."""
    if isinstance(dequantise, tuple):
        unknown = [name for name in dequantise if name not in names]
        if unknown:
            raise ValueError(
                f"{path}: `dequantise` names {unknown}, which are not among the columns used: {list(names)}"
            )
    if dequantise is False:
        return {}
    found = {}
    for at, name in enumerate(names):
        asked = isinstance(dequantise, tuple) and name in dequantise
        if constant[at] or (isinstance(dequantise, tuple) and not asked):
            continue
        if dequantise == "auto" and len(np.unique(rows[:MANY, at])) > MANY / 2:
            continue  # too many values for coarse steps
        grid = lattice(rows[:, at])
        if asked and grid is None:
            raise ValueError(f"{path}: '{name}' can't be dequantised: its values are no multiples of one step")
        if grid is not None and (dequantise != "auto" or grid.step > COARSE * rows[:, at].std()):
            found[at] = grid
    return found


def _images(chosen: Chosen, event: tuple[int, ...], dequantise: Dequantise) -> Treated:
    """Rows of more than one axis: one scale for all values, and whole grey levels made continuous."""
    rows, said = chosen.rows, list(chosen.said)
    shape = " x ".join(map(str, event))
    said.append(
        f"changed: rows of {shape} keep one scale for all {rows.shape[1]} values, only the mean is each one's own"
    )
    whole = dequantise is not False and bool((rows == np.rint(rows)).all())
    if whole:
        said.append("changed: whole grey levels made continuous by uniform noise of one level; rounding takes it back")
    image = event if len(event) == 2 or (len(event) == 3 and event[0] in (1, 3)) else None
    widths = np.full(rows.shape[1], 1.0 if whole else 0.0)
    return Treated(rows, widths, chosen.names, (), image, tuple(said), tuple(chosen.cautions))
