"""The points that scales are taken from: without repetitions, and without steps between their values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from scorebench.columns import Column, recognise

if TYPE_CHECKING:
    import numpy as np


class Points(NamedTuple):
    """Rows (n, d) as the advisor sees them.

    distinct: which rows are left without repetitions, in an order that depends on their values alone. repeats: how many
    rows repeat an earlier one that they could not be expected to. columns: what is particular about them. smooth: the
    points with uniform noise in columns of discrete values, as wide as a step, or, where there is none, up to half-way
    to the neighbouring values (m, d). spread: which columns a density can be thought of in, (d,).
    """

    distinct: np.ndarray
    repeats: int
    columns: list[Column]
    smooth: np.ndarray
    spread: np.ndarray


def separate(rows: np.ndarray) -> Points:
    """Points of rows (n, d). Where all columns have few values, rows that are the same repeat nothing."""
    import numpy as np

    order = _order(rows)
    same = np.zeros(len(rows), dtype=bool)
    same[1:] = (rows[order[1:]] == rows[order[:-1]]).all(1)
    distinct = order[~same]
    columns = recognise(rows)
    discrete = [column for column in columns if column.kind == "discrete"]
    constant = {column.index for column in columns if column.kind == "constant"}
    places = math.prod(column.values for column in discrete)
    expected = len(discrete) + len(constant) == rows.shape[1] and places <= len(rows) ** 2
    smooth = rows[order if expected else distinct]
    spread = np.ones(rows.shape[1], dtype=bool)
    generator = np.random.default_rng(0)
    for column in columns:
        if column.kind == "discrete":
            x, u = smooth[:, column.index], generator.random(len(smooth)) - 0.5
            smooth[:, column.index] = x + column.step * u if column.step else _filled(x, u)
        elif column.kind in ("piled", "constant"):
            spread[column.index] = False
    return Points(distinct, 0 if expected else len(rows) - len(distinct), columns, smooth, spread)


def _filled(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Values x moved by u (from -1/2 to 1/2) within the cells that end half-way to the neighbouring values."""
    import numpy as np

    values, at = np.unique(x, return_inverse=True)
    gaps = np.diff(values)
    below, above = np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]])
    moved: np.ndarray = x + u * np.where(u < 0, below[at], above[at])
    return moved


def _order(rows: np.ndarray) -> np.ndarray:
    """An order of rows that depends on their values alone, in which rows that are the same follow each other."""
    import numpy as np

    direction = np.random.default_rng(0).standard_normal(rows.shape[1])
    key = np.concatenate([(part * direction).sum(1) for part in np.array_split(rows, 1 + rows.size // 4_000_000)])
    return np.argsort(key, kind="stable")
