"""What about data makes a rule of the advisor shaky."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorebench.columns import sentences
from scorebench.noise._ncsnv2 import chi_overlap, technique2, technique2_applies

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from scorebench.columns import Column

UNSCALED = 10.0
"""Ratio of the columns' largest and smallest standard deviation above which they are called unscaled."""
HEAVY = 2.0
"""Largest value over that of as many Gaussian ones above which tails are called heavy."""
CENTRAL = 3.28971
"""Standard deviations between the 5 % and the 95 % quantile of a Gaussian, as robust a measure of spread."""


@dataclass(frozen=True)
class Caution:
    """One thing to know before following the advice; `code` names it for programs."""

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


def about_dimension(dimension: int, points: int) -> list[Caution]:
    """Few dimensions, or fewer points than dimensions."""
    found = []
    if dimension <= 4:
        text = (
            f"{dimension} dimension{'s' if dimension > 1 else ''}: NCSNv2's technique 2 has no solution in 4 or fewer; "
            "the ratio of the levels is that at which samples of a level reach the one below in half of the cases"
        )
        found.append(Caution("low_dimension", text))
    elif not technique2_applies(dimension):
        text = (
            f"{dimension} dimensions: NCSNv2's technique 2 would ask for a ratio of {technique2(dimension):.3g}, for "
            f"its normal approximation fails here; the exact law of the radius gives {chi_overlap(dimension):.3g}"
        )
        found.append(Caution("loose_technique2", text))
    if points < dimension:
        text = (
            f"{points} points in {dimension} dimensions: they span a lower one, so nothing about the other directions "
            "is known and a score learned from them is that of the noise there"
        )
        found.append(Caution("few_points", text))
    return found


def about_rows(duplicates: int, points: int) -> list[Caution]:
    """Rows that stand more than once."""
    if not duplicates:
        return []
    text = (
        f"{duplicates} of {points} rows repeat an earlier one: as sigma falls the density at these points has no "
        "bound; the local scale is taken from the distinct rows"
    )
    return [Caution("duplicates", text)]


def about_columns(
    rows: np.ndarray, columns: Sequence[Column], names: Sequence[str] | None, image: bool
) -> list[Caution]:
    """Columns without a density, of very different spread, or with values far out."""
    import numpy as np

    spread = rows.std(0)
    found = [Caution(f"{kind}_columns", text) for kind, text in sentences(columns, names).items()]
    varying = np.flatnonzero(np.ptp(rows, axis=0) > 0)
    high, low = varying[spread[varying].argmax()], varying[spread[varying].argmin()]

    def named(column: int) -> str:
        return f"column {column}" if names is None else f"column '{names[column]}'"

    if not image and spread[high] > UNSCALED * spread[low]:
        text = (
            f"standard deviations of columns differ by a factor of {spread[high] / spread[low]:.3g} ({named(high)}: "
            f"{spread[high]:.3g}, {named(low)}: {spread[low]:.3g}): one sigma can't suit both; scale the columns "
            "(a study's `table` source does)"
        )
        found.append(Caution("unscaled_columns", text))
    outlier = _farthest(rows, spread, varying)
    limit = HEAVY * math.sqrt(2 * math.log(2 * rows[:, varying].size))
    if outlier[0] > limit:
        text = (
            f"heavy tails: {named(outlier[1])} has a value {outlier[0]:.3g} (robust) standard deviations from its "
            f"median, Gaussian data of this size reach {limit / HEAVY:.2g}; sigma_max follows the outliers"
        )
        found.append(Caution("heavy_tails", text))
    return found


def about_directions(dependent: int, flat: bool) -> list[Caution]:
    """Directions in which the points have no spread at all."""
    found = []
    if dependent:
        which = "1 direction has" if dependent == 1 else f"{dependent} directions have"
        text = (
            f"{which} no spread: columns follow from each other (a sum, a copy, shares of a whole), so there is no "
            "density; leave out as many columns"
        )
        found.append(Caution("dependent_columns", text))
    if flat:
        text = (
            "the points lie on a surface without thickness (a column is a function of others): there is no density; "
            "leave out such columns, or add noise as wide as what is measured is sure to"
        )
        found.append(Caution("no_thickness", text))
    return found


def _farthest(rows: np.ndarray, spread: np.ndarray, varying: np.ndarray) -> tuple[float, int]:
    """The largest distance from a column's median in units of its robust standard deviation, and the column."""
    import numpy as np

    best = (0.0, 0)
    for column in varying:
        low, middle, high = np.quantile(rows[:, column], [0.05, 0.5, 0.95])
        robust = float(high - low) / CENTRAL or float(spread[column])
        best = max(best, (float(np.abs(rows[:, column] - middle).max()) / robust, int(column)))
    return best
