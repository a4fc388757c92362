"""Whether samples can be told from the truth: by any of several measures, each against truth measured against truth.

One measure is blind to much: a sliced Wasserstein distance to values on steps, and to a direction in which the data are
thin. So samples are said not to be told from the truth only where none of the measures tells them. As many intervals
are looked at as there are measures, so each is wide enough that all hold at once with a probability of 95 %: true
samples are told from the truth in 2.5 % of studies at most, one end of the intervals being looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from scorebench.evidence.catalogue import metric
from scorebench.evidence.intervals import Values, unpaired

TELLING = (
    "sliced_wasserstein",
    "energy_distance",
    "whitened_wasserstein",
    "component_wasserstein",
    "marginal_distance",
    "c2st",
)
"""Measures of how far samples are from the truth, of which none need agree with another."""


def told_by(values: Mapping[str, Values], floors: Mapping[str, Values]) -> list[str] | None:
    """Measures by which samples are told from the truth; None where there are not two replicates of any.

    values: by measure, replicate -> value of the samples; floors: of true samples of that size.
    """
    measured = [name for name in TELLING if min(len(values.get(name, ())), len(floors.get(name, ()))) > 1]
    if not measured:
        return None
    told = []
    for name in measured:
        samples, truth = ({r: metric(name).badness(v) for r, v in side[name].items()} for side in (values, floors))
        gap = unpaired(samples, truth, family=len(measured))
        if gap is not None and gap.low > 0:
            told.append(name)
    return told
