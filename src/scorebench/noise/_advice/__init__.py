"""Advice for given data: the range of the noise, its ladder, and the sampler's step, each with its reason.

    sigma_max      largest distance between two points                      NCSNv2, technique 1
    sigma_min      tau / 10, tau the scale of the finest structure          noise widens it by 0.5 %
    sigma_thin     standard deviation of the thinnest local direction       bounds tau
    ratio, levels  half of a level's radii in the range of its neighbour    NCSNv2, technique 2, or the exact law
    langevin_step  variance of the samples closest to the next level's      NCSNv2, technique 4
    sigma_opt      17.7 tau N^(-1/4) for N gradient samples                 measured: bias against gradient noise
    P_mean         -1.2 + ln(sigma_data / 0.5)                              EDM, Table 1, at the scale of these data

All scales are in the units of the data: multiplied by c, data get scales multiplied by c. Values on steps have no
density: the local scales are those of the data with uniform noise as wide as a step (dequantised).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scorebench.noise._advice import _cautions, _points, _scales, _thin
from scorebench.noise._advice._cautions import Caution
from scorebench.noise._advice._reasons import (
    LANGEVIN_STEPS,
    NARROWER,
    OVERLAP,
    P_MEAN,
    P_STD,
    Reason,
    one_level,
    reasons,
)
from scorebench.noise._distances import as_rows, far_pair, largest_distance, pairs_left
from scorebench.noise._ncsnv2 import ladder_ratio, level_count, technique4

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from scorebench.noise._distances import Data

__all__ = ["Advice", "Caution", "Reason", "advise", "cautions"]

EXACT = 1e12
"""Products of numbers up to which sigma_max is exact; a minute, more or less."""
GRADIENT_SAMPLES = 384_000
"""Of the trainings of the default study, 3,000 steps of 128."""


@dataclass(frozen=True)
class Advice:
    """Proposed settings for given data, scales in the units of the data."""

    points: int
    dimension: int
    """Values of a point, or what was given for it."""
    sigma_max: float
    sigma_min: float
    ratio: float
    """Of neighbouring levels by the rule; that of the ladder differs by the rounding of `levels`."""
    levels: int
    langevin_step: float
    """epsilon in NCSNv2's x <- x + alpha s + sqrt(2 alpha) z, alpha_i = epsilon sigma_i^2 / sigma_min^2: in squared
    units of the data."""
    langevin_steps: int
    """Steps a level that langevin_step is for."""
    sigma_opt: float
    sigma_kernel: float
    gradient_samples: int
    """Steps times batch of the training that sigma_opt is for."""
    sigma_local: float
    """tau, the standard deviation of the finest structure found."""
    sigma_thin: float | None
    """That of the thinnest local direction; None where there are too few points to tell, or too many values."""
    sigma_data: float
    P_mean: float
    """Mean of ln sigma, shift included; the option of the `edm` schedule is without it."""
    P_std: float
    reasons: dict[str, Reason]
    """By the name of the value."""
    warnings: tuple[Caution, ...]
    distances: _scales.Distances = field(repr=False, compare=False)
    """What the local scale is read off."""

    @property
    def step(self) -> float:
        """langevin_step for `annealed_langevin`: x <- x + alpha / 2 s + sqrt(alpha) z, alpha_i = step sigma_i^2."""
        return 2 * self.langevin_step / self.sigma_min**2

    def summary(self) -> dict[str, object]:
        """Everything but the distances, for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "distances"}
        return {
            **values,
            "step": self.step,
            "reasons": {name: vars(reason) for name, reason in self.reasons.items()},
            "warnings": [vars(caution) for caution in self.warnings],
        }


def advise(
    data: Data, dim: int | None = None, names: Sequence[str] | None = None, gradient_samples: int = GRADIENT_SAMPLES
) -> Advice:
    """Noise range, ladder and sampler step for data, an array or tensor (n, d) or (n, C, H, W).

    `dim` overrides the number of values of a point in the rules, for data that are known to fill fewer dimensions.
    `names` are those of the columns, for the warnings. `gradient_samples`, steps times batch, are those of the training
    at one level that sigma_opt is for.

    Raises:
        ValueError: another shape, fewer than two different rows, values that are not finite or have no finite square,
            a dim or gradient_samples below 1, or not one name for each column.
    """
    import numpy as np

    rows = as_rows(data)
    n, values = rows.shape
    for name, number in (("dim", dim), ("gradient_samples", gradient_samples)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{name} must be a whole number of at least 1; given: {number!r}")
    if names is not None and len(names) != values:
        raise ValueError(f"there must be one name for each of {values} columns; given: {len(names)}")
    d = dim or values
    points = _points.separate(rows)
    if len(points.distinct) < 2:
        raise ValueError(f"all {n} rows are the same: there is no scale to be found")
    distinct = rows[points.distinct]
    cautions = [
        *_cautions.about_dimension(d, n),
        *_cautions.about_rows(points.repeats, n),
        *_cautions.about_columns(rows, points.columns, names, image=np.ndim(data) == 4),
    ]
    if pairs_left(distinct) * values <= EXACT:
        sigma_max = largest_distance(distinct)
    else:
        sigma_max = far_pair(distinct)
        text = f"sigma_max is the distance of a pair, the largest may be up to {_reach(rows):.4g}: too many pairs"
        cautions.append(Caution("sigma_max_not_exact", text))
    smooth = points.smooth
    found = _scales.distances(smooth, np.arange(len(smooth)))
    thin = _thin.thinnest(smooth[:, points.spread], np.arange(len(smooth)), d)
    cautions += _cautions.about_directions(thin.dependent, thin.flat)
    tau = min(found.local, sigma_max, thin.std or math.inf)
    sigma_min = tau / NARROWER
    ratio = ladder_ratio(d, OVERLAP)
    sigma_data = float((rows - rows.mean(0)).std())
    return Advice(
        points=n,
        dimension=d,
        sigma_max=sigma_max,
        sigma_min=sigma_min,
        ratio=ratio,
        levels=level_count(sigma_max, sigma_min, ratio),
        langevin_step=technique4(ratio, sigma_min, LANGEVIN_STEPS),
        langevin_steps=LANGEVIN_STEPS,
        sigma_opt=one_level(tau, gradient_samples),
        sigma_kernel=tau * (4 / ((d + 4) * n)) ** (1 / (d + 6)),
        gradient_samples=gradient_samples,
        sigma_local=tau,
        sigma_thin=thin.std,
        sigma_data=sigma_data,
        P_mean=P_MEAN + math.log(sigma_data / 0.5),
        P_std=P_STD,
        reasons=reasons(d, gradient_samples),
        warnings=tuple(cautions),
        distances=found,
    )


def cautions(data: Data, names: Sequence[str] | None = None) -> tuple[Caution, ...]:
    """What `advise` warns of in the data themselves, an array or tensor (n, d): no scales are taken, so it is quick.

    Raises:
        ValueError: as `advise`.
    """
    import numpy as np

    rows = as_rows(data)
    points = _points.separate(rows)
    if len(points.distinct) < 2:
        raise ValueError(f"all {len(rows)} rows are the same: there is no scale to be found")
    thin = _thin.thinnest(points.smooth[:, points.spread], np.arange(len(points.smooth)), rows.shape[1])
    return (
        *_cautions.about_rows(points.repeats, len(rows)),
        *_cautions.about_columns(rows, points.columns, names, image=np.ndim(data) == 4),
        *_cautions.about_directions(thin.dependent, thin.flat),
    )


def _reach(rows: np.ndarray) -> float:
    """What no distance between two rows exceeds: the two largest distances from the centre together."""
    import numpy as np

    return float(np.sort(np.sqrt(((rows - rows.mean(0)) ** 2).sum(1)))[-2:].sum())
