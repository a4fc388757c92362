"""What a training needs to go on where it was stopped, and who keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


MAIN = "training"
"""Name of the training that a job is for, which is not one of its trials."""


@dataclass(frozen=True)
class Checkpoint:
    """All that changes while a network trains, between two steps; random numbers are counted, so the step is enough.

    tensors: weights, their average, the optimiser's moments, running sums, what parts have learned. facts: the rest,
    as JSON holds it.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class Progress(Protocol):
    """Who keeps checkpoints; a training asks after every step."""

    def load(self) -> Checkpoint | None:
        """Where to go on from, or None to begin."""
        ...

    def show(self, step: int, curve: Sequence[tuple[int, int, str, float]]) -> None:
        """What there is to see after a step: rows (replicate, step, metric, value), ever more of them."""
        ...

    def due(self) -> bool:
        """Whether to save now."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep it. May raise, which ends the training here."""
        ...


class Course(Protocol):
    """Who keeps checkpoints of several trainings that follow each other."""

    notes: dict[str, Any]
    """What the finished ones came to, as JSON holds it; kept with the checkpoints of those that follow."""

    def part(self, name: str) -> Progress:
        """Who keeps those of one of them."""
        ...
