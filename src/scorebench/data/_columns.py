"""What columns of a person's table are meant for: ids and classes are no measurements, -999 may be a missing value.

Names help where values alone can't tell; what is decided is said, and whoever names `columns` decides for himself.
`scorebench.columns` recognises by values alone which columns have no density.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from scorebench import columns

COARSE = 0.125
"""Steps of a lattice above this share of the standard deviation are made continuous without being asked. Noise of sigma
leaves a ripple of 2 exp(-2 pi^2 (sigma / step)^2) on the density; at 0.1 standard deviations, about the lowest noise in
studies, that of smaller steps is below 1e-5."""
DECIMALS = 9
CLASSES = 20
"""Classes that a column of labels has, at most."""
EACH = 5
"""Rows of each class, on average, that there must be."""
ROWS = 10
"""Fewer rows than these say nothing about what a column is."""

ID = re.compile(
    r"((row|sample|case|record|patient|passenger|customer|subject|user)[ _.-]?)?(id|ids|idx|index|nr|no|number|uuid)"
    r"|.+[ _.-]id|(?-i:.*[a-z](Id|ID))|rownames?|row[ _.-]names?|unnamed(: \d+)?",
    re.IGNORECASE,
)
CLASS = re.compile(
    r"class|label|target|species|category|cluster|outcome|diagnosis|group|variety|cultivar"
    r"|.+[ _.-](class|label)|(class|label)[ _.-].+",
    re.IGNORECASE,
)
OF_PANDAS = re.compile(r"unnamed: 0|__index_level_\d+__", re.IGNORECASE)
"""Names that pandas and pyarrow give to the index of a table."""
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999.9, -999.99, 999.0, 9999.0, 99999.0)


@dataclass(frozen=True)
class Lattice:
    """Values lowest, lowest + step, ..., highest, written with so many decimals; None: not as decimal fractions."""

    lowest: float
    highest: float
    step: float
    decimals: int | None


def lattice(x: np.ndarray) -> Lattice | None:
    """The lattice on which discrete values (n,) lie; None for others, and where distances have no common measure."""
    discrete = [found for found in columns.recognise(x[:, None]) if found.kind == "discrete"]
    if not discrete or (step := discrete[0].step) is None:
        return None
    values = np.unique(x)
    steps = (values - values[0]) / step
    if np.abs(steps - np.rint(steps)).max() > 1e-3:
        return None
    exact = (d for d in range(DECIMALS + 1) if np.array_equal(np.round(values, d), values))
    decimals = next(exact, None)
    return Lattice(float(values[0]), float(values[-1]), step if decimals is None else round(step, decimals), decimals)


def all_different_whole(x: np.ndarray) -> bool:
    """Whether the values are whole numbers of which none stands twice."""
    return len(x) >= ROWS and bool((x == np.rint(x)).all()) and len(np.unique(x)) == len(x)


def is_index(name: str, x: np.ndarray) -> bool:
    """Whether a column numbers the rows, in whichever order, or is called an id; another whole number in each."""
    return all_different_whole(x) and (np.ptp(x) == len(x) - 1 or ID.fullmatch(name) is not None)


def is_classes(name: str, x: np.ndarray, named: bool, apart: bool) -> bool:
    """Whether a column holds classes: 0 and 1, 1 and 2, or -1 and 1 under any name, few whole numbers under one that
    says so, or few from 0 or 1 on in a file without names.

    apart: it stands first or last in a file without names, beside columns that are measured.
    """
    if np.ptp(x) > CLASSES or (x != np.rint(x)).any():
        return False
    values = np.unique(x)
    k = len(values)
    if not 2 <= k <= CLASSES or len(x) < EACH * k:
        return False
    if named and CLASS.fullmatch(name):
        return True
    counted = values[0] in (0, 1) and bool((np.diff(values) == 1).all())
    return (counted and (apart or (named and k == 2))) or (named and values.tolist() == [-1, 1])


def sentinel(x: np.ndarray) -> tuple[float, int] | None:
    """A value such as -999 that stands far from all others, and how often; None where there is none."""
    for value in (float(x.min()), float(x.max())):
        others = x[x != value]
        if value in SENTINELS and len(others) > 1 and np.abs(others - value).min() > 2 * np.ptp(others):
            return value, int((x == value).sum())
    return None


def repeats_by_chance(codes: np.ndarray, on_lattice: np.ndarray) -> tuple[int, float]:
    """Pairs of equal rows, and how many of these are expected if the columns had nothing to do with each other.

    codes (n, d): another number for another value of a column. on_lattice (d,): columns of discrete values. The chance
    that two rows agree in such a column is that among all rows; in others, that among different rows, for there
    only whole rows that were written twice make two values equal.
    """
    n = len(codes)
    _, first, counts = np.unique(codes, axis=0, return_index=True, return_counts=True)
    found = int((counts * (counts - 1) // 2).sum())
    expected = n * (n - 1) / 2
    for column, discrete in zip(codes.T, on_lattice, strict=True):
        held = column if discrete else column[first]
        times = np.bincount(held).astype(np.float64)
        expected *= float((times * (times - 1)).sum()) / max(len(held) * (len(held) - 1), 1)
    return found, expected
