"""What `evaluate` and `floor` are told, and what they say of it."""

from __future__ import annotations

from scorebench.specs import CellSpec, Facts, SigmaGrid, Spec, Written


class Likelihood(Written):
    """Log-likelihoods: of how many test points, and the solver's relative tolerance."""

    points: int
    rtol: float


class Evaluation(Written):
    """What is measured and on how many points, as the section `evaluation` of a study says."""

    sigmas: SigmaGrid
    points: int
    projections: int
    energy_points: int
    c2st_points: int
    c2st_folds: int
    diagnostic_points: int
    likelihood: Likelihood | None


class EvaluateSpec(CellSpec):
    """What is measured of a cell."""

    evaluation: Evaluation
    threads: int = 1


class FloorSpec(Spec):
    """What is measured of true samples, and how many of them there are per replicate."""

    seed: int
    replicates: int
    evaluation: Evaluation
    points: int


class EvaluateFacts(Facts):
    """How many numbers were measured."""

    rows: int


class FloorFacts(Facts):
    """How many true samples were measured, per replicate."""

    points: int
