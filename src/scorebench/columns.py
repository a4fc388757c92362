"""Columns that have no density as they stand, or one that ends: constant, discrete, piled up, bounded, circular.

A score is the gradient of the logarithm of a density. Values on steps, or one value in many rows, have none; a density
that ends abruptly has one whose score has no bound at the end; the two ends of an angle are neighbours. None of that
can be seen in the distances between points. For the advisor, and for what reads and prepares tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["constant", "discrete", "piled", "bounded", "circular"]

ROUNDING = 4e-7
"""Of a column's largest value: how far multiples of a step may lie beside it, as numbers of single precision do."""
STEPS = 1000
"""Steps from the lowest to the highest value up to which a lattice counts, however few values repeat."""
PILE = 0.02
"""Share of the rows that one value must hold, and at least 10 of them, to be called a pile."""
FEWEST = 1000
"""Rows from which on it is looked at how a density ends."""
EDGE = 0.02
"""Share of the rows nearest to an end, at least 50, that the exponent of the density there is taken from."""
ABRUPT = 1.35
"""Exponent b of P(X - end < t) ~ t^b below which a density ends abruptly: a jump has 1, a Gaussian's tail over 2."""
PERIODS = (2 * math.pi, 24.0, 360.0)
"""Of angles, in radians and degrees, and hours."""


@dataclass(frozen=True)
class Column:
    """What is particular about one column.

    index: its place, from 0. values: how many different ones it holds. at: the value of a constant, values that are
    piled up, the bounds that are there (one or two), or the two ends of a circle. step: of discrete values, the largest
    number of which all their distances are multiples, None where they are on no lattice. share: of the rows that hold
    the values `at`.
    """

    index: int
    kind: Kind
    values: int
    at: tuple[float, ...] = ()
    step: float | None = None
    share: float = 0.0


def recognise(rows: np.ndarray) -> list[Column]:
    """All columns of finite numbers (n, d) that are no ordinary continuous ones, in order; at most one of a kind each.

    Rows that repeat an earlier one count once where there are several columns.
    """
    import numpy as np

    rows = np.asarray(rows, dtype=np.float64)
    if rows.shape[1] > 1:
        rows = np.unique(rows, axis=0)
    return [found for index, column in enumerate(rows.T) for found in _kinds(index, np.sort(column))]


def _kinds(index: int, x: np.ndarray) -> list[Column]:
    """What is particular about one column, whose values x (n,) rise."""
    import numpy as np

    n, extent = len(x), float(x[-1] - x[0])
    if extent == 0:
        return [Column(index, "constant", 1, (float(x[0]),), share=1.0)]
    values, counts = np.unique(x, return_counts=True)
    high = counts >= max(10, PILE * n)
    left, alone = n - int(counts[high].sum()), int((~high).sum())
    step = _step(values, extent)
    if left >= 20 and 2 * alone >= left and high.any() and not (step and extent <= STEPS * step):
        pile = tuple(values[high].tolist())
        found = [Column(index, "piled", len(values), pile, share=1 - left / n)]
        return [*found, *_ends(index, x, pile)]
    if 2 * len(values) < n or (step and len(values) > 3 and extent <= STEPS * step):
        found = [Column(index, "discrete", len(values), step=step)]
        if step and len(values) > 3 and any(abs(extent + step - period) < 1e-6 * period for period in PERIODS):
            found.append(Column(index, "circular", len(values), (float(x[0]), float(x[-1] + step))))
        return found
    return _ends(index, x, ())


def _step(values: np.ndarray, extent: float) -> float | None:
    """The largest step of which all distances of rising values are multiples, to rounding; None above 10 STEPS."""
    import numpy as np

    gaps, rounding = np.diff(values), ROUNDING * float(np.abs(values).max())
    step = float(gaps.min())
    while extent <= 10 * STEPS * step:
        multiples = np.round(gaps / step)
        rest, allowed = np.abs(gaps - step * multiples), rounding * (1 + multiples)
        if bool((rest <= allowed).all()):
            return float(extent / multiples.sum())
        step = float(rest[rest > allowed].min())
    return None


def _ends(index: int, x: np.ndarray, piles: tuple[float, ...]) -> list[Column]:
    """Where the density of rising values ends abruptly, at an end that is no pile."""
    ends = [
        float(end)
        for end, from_end in ((x[0], x - x[0]), (x[-1], (x[-1] - x)[::-1]))
        if float(end) not in piles and len(x) >= FEWEST and _exponent(from_end) < ABRUPT
    ]
    if not ends:
        return []
    count = len(x)
    around = len(ends) == 2 and any(0 <= p - (ends[1] - ends[0]) < 0.02 * p for p in PERIODS)
    return [Column(index, "circular" if around else "bounded", count, tuple(ends))]


def _exponent(distances: np.ndarray) -> float:
    """b of P(distance < t) ~ t^b at small t, from rising distances to the end (Hill 1975)."""
    import numpy as np

    k = max(50, int(EDGE * len(distances)))
    near = np.maximum(distances[1 : k + 1], np.finfo(float).tiny)
    return 1.0 / float(np.log(near[-1] / near[:-1]).mean())


def sentences(found: Sequence[Column], names: Sequence[str] | None = None) -> dict[Kind, str]:
    """One sentence of advice for every kind that was found; columns by their names, or by their places from 0."""
    by_kind: dict[Kind, list[Column]] = {}
    for column in found:
        by_kind.setdefault(column.kind, []).append(column)
    return {kind: _SAID[kind].format(_which(some, names), _example(some[0], names)) for kind, some in by_kind.items()}


_SAID: dict[Kind, str] = {
    "constant": "{0} constant: the density has no value there without noise, and the count of dimensions is too high "
    "by as many; leave them out",
    "discrete": "{0} discrete ({1}): such values have no density, and with noise below half a step a score is that of "
    "the steps; add uniform noise as wide as a step and round samples (dequantise), or leave them out",
    "piled": "{0} piled up ({1}): there is no density at values that many rows share; keep these rows apart (`where`), "
    "or leave them out",
    "bounded": "{0} bounded ({1}): the density ends there abruptly, so its score has no bound and samples cross it by "
    "about sigma_min; a logarithm (one bound) or a logit (two) takes the bound away",
    "circular": "{0} circular ({1}): both ends are one place, which no distance says; put cosine and sine there",
}


def _name(column: Column, names: Sequence[str] | None) -> str:
    return f"'{names[column.index]}'" if names else str(column.index)


def _which(columns: Sequence[Column], names: Sequence[str] | None) -> str:
    from scorebench.parts.wording import first_few

    shown = first_few([_name(column, names) for column in columns])
    return f"column {shown} is" if len(columns) == 1 else f"{len(columns)} columns ({shown}) are"


def _example(column: Column, names: Sequence[str] | None) -> str:
    where = _name(column, names)
    ends = [f"{value:.6g}" for value in column.at[:3]]
    match column.kind:
        case "discrete":
            return f"{where}: {column.values} values, {f'step {column.step:.4g}' if column.step else 'on no lattice'}"
        case "piled":
            return f"{where}: {100 * column.share:.0f} % of the rows are at {', '.join(ends)}"
        case "bounded":
            return f"{where}: at {' and '.join(ends)}"
        case _:
            return f"{where}: {' to '.join(ends)}"
