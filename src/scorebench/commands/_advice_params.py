"""Advice as sections of params.yaml."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorebench.advisor import Advice

SIGMAS = 13
"""Noise levels at which a study compares scores."""

REFERENCES = 1024
"""Points that posterior means are taken over, as in the studies."""


def sections(file: Path, options: Mapping[str, object], advice: Advice) -> str:
    """The sections `datasets`, `methods`, `schedules`, `samplers` and `evaluation` of a study of this file.

    The method and the schedule that docs/answers.md recommends, and what they are to be held against.

    options: of the source `table`.
    advice: for the data as a study prepares them, each column scaled to standard deviation 1.
    """
    a = advice
    high, low = _number(a.sigma_max), _number(a.sigma_min)
    said = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in options.items())
    return f"""\
# Proposed by `scorebench advise` for {a.points:,} points in {a.dimension} dimensions; put these sections in the place
# of a study's own. All scales are those of prepared data, whose columns have standard deviation 1.
datasets:
  {_name(file)}: {{source: table, options: {{{said}}}}}

methods:  # least error at equal evaluations: antithetic_stf, which takes two a step (docs/answers.md)
  dsm: {{objective: dsm}}
  antithetic_stf: {{objective: antithetic_stf, options: {{references: {REFERENCES}}}}}

schedules:  # uncertainty went best with it, in 2-D and 10-D
  uncertainty: {{schedule: uncertainty, options: {{sigma_max: {high}, sigma_min: {low}, weighting: edm}}}}
  single: {{schedule: single, options: {{sigma: {_number(a.sigma_opt)}}}}}  # {a.gradient_samples:,} gradient samples
  geometric: {{schedule: geometric, options: {{sigma_max: {high}, sigma_min: {low}, levels: {a.levels}}}}}
  log_uniform: {{schedule: log_uniform, options: {{sigma_max: {high}, sigma_min: {low}, levels: {a.levels}}}}}
  edm: {{schedule: edm, options: {{sigma_max: {high}, sigma_min: {low}, sigma_data: {_number(a.sigma_data)}}}}}

samplers:
  langevin: {{sampler: langevin, options: {{step: {_number(a.sigma_local**2 / 5)}}}}}
  annealed_langevin: {{sampler: annealed_langevin, options: {{step: {_number(a.step)}, steps: {a.langevin_steps}}}}}
  probability_flow: {{sampler: probability_flow}}

evaluation:
  sigmas: {{min: {low}, max: {high}, count: {SIGMAS}}}
"""


def _number(value: float) -> str:
    """Four digits, as YAML 1.2 reads a number: 1.0e-05 and not 1e-05, which some take for text."""
    text = f"{value:.4g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"


def _name(file: Path) -> str:
    """A name for the data set, the file's as a study allows it; in quotes, for it may look like a number."""
    return json.dumps(re.sub(r"[^A-Za-z0-9_-]+", "_", file.stem).lstrip("-")[:64] or "data")
