"""Advice for given data: the range of the noise, its ladder, and the sampler's step, each with its reason.

    sigma_max      largest distance between two points                      NCSNv2, technique 1
    sigma_min      tau / 10, tau the scale of the finest structure          noise widens it by 0.5 %
    ratio, levels  half of a level's radii in the range of its neighbour    NCSNv2, technique 2, or the exact law
    langevin_step  variance of the samples closest to the next level's      NCSNv2, technique 4
    sigma_opt      tau (2 d n)^(-1/6)                                       bias^2 + variance of DSM at one scale
    P_mean         -1.2 + ln(sigma_data / 0.5)                              EDM, Table 1, at the scale of these data

All scales are in the units of the data: multiplied by c, data get scales multiplied by c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scorebench.noise._advice import _cautions, _scales
from scorebench.noise._advice._cautions import Caution
from scorebench.noise._distances import as_rows, far_pair, largest_distance, pairs_left
from scorebench.noise._ncsnv2 import ladder_ratio, level_count, technique2_applies, technique4

if TYPE_CHECKING:
    import numpy as np

    from scorebench.noise._distances import Data

__all__ = ["Advice", "Caution", "Reason", "advise"]

OVERLAP = 0.5
LANGEVIN_STEPS = 5
NARROWER = 10.0
"""tau / sigma_min: the lowest noise widens the finest structure by 1 / (2 * 10^2)."""
EXACT = 1e12
"""Products of numbers up to which sigma_max is exact; a minute, more or less."""
P_MEAN, P_STD = -1.2, 1.2
"""EDM's, at a standard deviation of 0.5."""


@dataclass(frozen=True)
class Reason:
    """Why a value is what it is: the rule, where it is from, and what it is good for."""

    rule: str
    source: str
    reason: str


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
    sigma_local: float
    """tau, the standard deviation of the finest structure found."""
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


def advise(data: Data, dim: int | None = None) -> Advice:
    """Noise range, ladder and sampler step for data, an array or tensor (n, d) or (n, C, H, W).

    `dim` overrides the number of values of a point in the rules, for data that are known to fill fewer dimensions.

    Raises:
        ValueError: another shape, fewer than two different rows, values that are not finite, or a dim below 1.
    """
    import numpy as np

    rows = as_rows(data)
    n, values = rows.shape
    if dim is not None and (not isinstance(dim, int) or dim < 1):
        raise ValueError(f"dim must be a whole number of at least 1; given: {dim!r}")
    d = dim or values
    distinct = _distinct(rows)
    if len(distinct) < 2:
        raise ValueError(f"all {n} rows are the same: there is no scale to be found")
    cautions = [
        *_cautions.about_dimension(d, n),
        *_cautions.about_rows(n - len(distinct), n),
        *_cautions.about_columns(rows, image=np.ndim(data) == 4),
    ]
    if pairs_left(rows[distinct]) * values <= EXACT:
        sigma_max = largest_distance(rows[distinct])
    else:
        sigma_max = far_pair(rows[distinct])
        text = f"sigma_max is the distance of a pair, the largest may be up to {_reach(rows):.4g}: too many pairs"
        cautions.append(Caution("sigma_max_not_exact", text))
    found = _scales.distances(rows[distinct], np.arange(len(distinct)))
    tau = min(found.local, sigma_max)
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
        sigma_opt=tau * (2 * d * n) ** (-1 / 6),
        sigma_kernel=tau * (4 / ((d + 4) * n)) ** (1 / (d + 6)),
        sigma_local=tau,
        sigma_data=sigma_data,
        P_mean=P_MEAN + math.log(sigma_data / 0.5),
        P_std=P_STD,
        reasons=_reasons(d),
        warnings=tuple(cautions),
        distances=found,
    )


def _distinct(rows: np.ndarray) -> np.ndarray:
    """Which rows are left without repetitions, in an order that depends on their values alone."""
    import numpy as np

    direction = np.random.default_rng(0).standard_normal(rows.shape[1])
    key = np.concatenate([(part * direction).sum(1) for part in np.array_split(rows, 1 + rows.size // 4_000_000)])
    order = np.argsort(key, kind="stable")
    tied = np.flatnonzero(np.diff(key[order]) == 0)
    same = tied[(rows[order[tied]] == rows[order[tied + 1]]).all(1)]
    return np.delete(order, same + 1)


def _reach(rows: np.ndarray) -> float:
    """What no distance between two rows exceeds: the two largest distances from the centre together."""
    import numpy as np

    return float(np.sort(np.sqrt(((rows - rows.mean(0)) ** 2).sum(1)))[-2:].sum())


def _reasons(d: int) -> dict[str, Reason]:
    two = "Song & Ermon 2020 (NCSNv2)"
    if technique2_applies(d, OVERLAP):
        ratio = Reason(
            f"Phi(sqrt(2d) (g - 1) + 3 g) - Phi(sqrt(2d) (g - 1) - 3 g) = {OVERLAP}, solved for d = {d}",
            f"{two}, technique 2",
            "half of a level's samples look like samples of the level above, so a sampler finds its way down",
        )
    else:
        ratio = Reason(
            f"P(a <= g R <= b) = {OVERLAP}, R ~ chi_{d}, [a, b] its central 99.7 %",
            f"exact law of the radius, in place of {two}, technique 2",
            "half of a level's samples fall where the level below has its own, so a sampler finds its way down",
        )
    return {
        "sigma_max": Reason(
            "largest distance between two points",
            f"{two}, technique 1",
            "at this noise a sampler moves freely between any two points, so that all modes get their share",
        ),
        "sigma_min": Reason(
            f"tau / {NARROWER:g}",
            "scorebench",
            "noise of a tenth of the finest structure widens it by 0.5 %; less costs levels and shows nothing new",
        ),
        "ratio": ratio,
        "levels": Reason(
            "1 + ln(sigma_max / sigma_min) / ln(ratio), rounded",
            f"{two}, sec. 3.2",
            "as few as the overlap allows: annealed Langevin dynamics still gain from more, twice as many halve the "
            "distance of their samples from the truth (mixtures in 2, 5 and 10 dimensions)",
        ),
        "langevin_step": Reason(
            f"the step for which {LANGEVIN_STEPS} steps a level bring the variance closest to that level's",
            f"{two}, technique 4",
            "smaller steps leave samples too wide, larger ones add noise of their own",
        ),
        "sigma_opt": Reason(
            "tau (2 d n)^(-1/6)",
            "linear-Gaussian model: bias^2 ~ sigma^4, variance of DSM ~ 1 / (n sigma^2)",
            "the one noise level for plain DSM and a network that smooths over the points; two-sided methods "
            "(antithetic_dsm, ssm_vr, hybrid) have no such variance and may go lower",
        ),
        "sigma_kernel": Reason(
            "tau (4 / ((d + 4) n))^(1 / (d + 6))",
            "Chacon, Duong & Wand 2011, normal scale rule for the gradient of a density",
            "the one noise level for a network that learns the points by heart: then its score is a kernel estimate",
        ),
        "sigma_local": Reason(
            "distance at which Takens' dimension of the nearest pairs is halved, as it is for N(0, tau^2 I)",
            "Takens 1985; scorebench",
            "standard deviation of the finest structure, tau: the scale at which scores are hardest to learn",
        ),
        "sigma_data": Reason(
            "root mean square of all values, each column less its mean",
            "Karras et al. 2022 (EDM), Table 1",
            "scales the inputs and outputs of a network",
        ),
        "P_mean": Reason(
            f"{P_MEAN} + ln(sigma_data / 0.5), P_std {P_STD}",
            "Karras et al. 2022 (EDM), Table 1",
            "EDM's training noise was chosen for images of standard deviation 0.5; it scales with the data",
        ),
    }
