"""run.json, the provenance card of a job: what it was made from, what came of it, where and when."""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from scorebench.specs import Facts, Spec, Written
from scorebench.specs.evaluate import EvaluateFacts, EvaluateSpec
from scorebench.specs.prepare import PrepareFacts, PrepareSpec
from scorebench.specs.sample import SampleFacts, SampleSpec
from scorebench.specs.train import TrainFacts, TrainSpec

S = TypeVar("S", bound=Spec | dict[str, Any])
F = TypeVar("F", bound=Facts | dict[str, Any])


class Machine(Written):
    """Where a job ran; gpu: its name, where the job used one."""

    python: str
    platform: str
    processor: str
    cpus: int | None
    slurm_job: str | None
    executable: str
    gpu: str | None


class Card(Written, Generic[S, F]):
    """All of it.

    code: module or file -> hash. inputs: what the job calls its inputs -> their keys. outputs: file -> SHA-256, of its
    own files and, in input_outputs, of those that it read. started: s since 1970. command: makes the result again.
    """

    stage: str
    at: str
    key: str
    code: dict[str, str]
    versions: dict[str, str]
    spec: S
    inputs: dict[str, str]
    facts: F
    outputs: dict[str, str]
    input_outputs: dict[str, dict[str, str]]
    command: str
    started: float
    seconds: float
    peak_memory_mb: float
    commit: str | None
    dirty: bool | None
    machine: Machine


AnyCard: TypeAlias = Card[dict[str, Any], dict[str, Any]]
"""A card of whichever stage, of which only what all cards have is asked."""
Cards: TypeAlias = dict[str, dict[str, AnyCard]]
"""Stage -> place -> card."""
PrepareCard: TypeAlias = Card[PrepareSpec, PrepareFacts]
TrainCard: TypeAlias = Card[TrainSpec, TrainFacts]
SampleCard: TypeAlias = Card[SampleSpec, SampleFacts]
EvaluateCard: TypeAlias = Card[EvaluateSpec, EvaluateFacts]
