"""The properties of a score matching loss, each as the measurements that decide it.

A property is a function of a `Judge` in a file of this folder, and an entry of `PROPERTIES`; nothing else has to be
edited. `judge.runs` calls the loss; a score model of another kind is an entry of `_models.KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable

from scorebench.conformance._judge import Judge, Outcome
from scorebench.conformance.properties.batch_layout import batch_layout
from scorebench.conformance.properties.determinism import determinism
from scorebench.conformance.properties.law_in_sigma import law_in_sigma
from scorebench.conformance.properties.minimum import each, where_the_minimum_is
from scorebench.conformance.properties.plain_networks import plain_networks
from scorebench.conformance.properties.probes import second_moment_of_the_probes, variance_in_the_probes
from scorebench.conformance.properties.sigma_to_zero import sigma_to_zero

PROPERTIES: dict[str, Callable[[Judge], Outcome]] = {
    "minimum on Gaussians": lambda judge: where_the_minimum_is(judge, "Gaussians"),
    "minimum on mixtures": lambda judge: where_the_minimum_is(judge, "mixtures"),
    "images": lambda judge: where_the_minimum_is(judge, "images"),
    "sign and scale": lambda judge: each(judge, 1),
    "unbiased gradient": lambda judge: each(judge, 2),
    "unbiased value": lambda judge: each(judge, 3),
    "law in sigma": law_in_sigma,
    "variance 1/M in the probes": variance_in_the_probes,
    "E[v v'] = I": second_moment_of_the_probes,
    "batch layout": batch_layout,
    "plain networks": plain_networks,
    "determinism": determinism,
    "sigma to 0": sigma_to_zero,
}
