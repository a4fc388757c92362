"""Noise schedules: a training density over ln sigma, a weight w(sigma), and a descending ladder for sampling.

sigma is the standard deviation of the noise in the units of the prepared data. A training loss is
E_{sigma ~ schedule} w(sigma) l(sigma), where l estimates 1/2 ||s - s*||^2 + const.

This module is what people import; modules of this package import `_schedule`, so that what a schedule computes does
not hang on the advice.
"""

from __future__ import annotations

from scorebench.noise._advice import advise
from scorebench.noise._schedule import Schedule, geometric_ladder
from scorebench.parts import build

__all__ = ["Schedule", "advise", "geometric_ladder", "schedule"]


def schedule(name: str, **options: object) -> Schedule:
    """The schedule of this name: `schedule("geometric", sigma_max=50, sigma_min=0.01, levels=232)`.

    Raises:
        UnknownPart, BadOptions: no such schedule, or options that it does not take.
    """
    return build("schedule", name, options)
