"""The state of a training, which is what a checkpoint keeps, and who keeps it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypedDict

from pydantic import TypeAdapter

from scorebench.parts import Status

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.networks import Parameters

MAIN = "training"
"""Name of the training that a job is for, which is not one of its trials."""
Row: TypeAlias = tuple[int, int, str, float]
"""Replicate, step, metric, value."""


@dataclass
class History:
    """How a training went so far, as JSON holds it.

    One per replicate: status; ended_at, the step at which it diverged or failed, after which it was left as it was, and
    reasons, why. step: steps done. points: points at which networks were evaluated, of all replicates together,
    in lessons too. seconds: of all attempts together; resumed_at: the steps that attempts after the first went on from.
    """

    status: list[Status]
    ended_at: list[int | None]
    reasons: list[str | None]
    curve: list[Row] = field(default_factory=list)
    step: int = 0
    points: int = 0
    seconds: float = 0.0
    resumed_at: list[int] = field(default_factory=list)

    @classmethod
    def begun(cls, replicates: int) -> Self:
        """Of so many replicates, none of which has done anything."""
        return cls([Status.TRAINED] * replicates, [None] * replicates, [None] * replicates)

    @classmethod
    def of(cls, facts: object) -> History:
        """The history whose `facts` these are, from JSON.

        Raises:
            ValidationError: they are of something else.
        """
        return TypeAdapter(History).validate_python(facts)

    def facts(self) -> dict[str, object]:
        """All of it, for JSON."""
        return dict(vars(self))

    def lose(self, replicate: int, status: Status, reason: str) -> None:
        """Write down that a replicate has come to its end at this step; the first reason stands."""
        if self.status[replicate] is Status.TRAINED:
            self.status[replicate], self.ended_at[replicate], self.reasons[replicate] = status, self.step, reason


@dataclass
class TrainState:
    """All that changes while networks train, between two steps; random numbers are counted, so the step is enough.

    weights, their average, Adam's first and second moments: (R, ...) each, by the names of the parameters; counts:
    Adam's steps, (). alive: replicates that have not come to their end, (R,). losses: sums of the training loss since
    the last entry of the curve, (R,). learned: what the objective and the schedule have learned.
    """

    alive: Tensor
    losses: Tensor
    history: History
    weights: Parameters = field(default_factory=dict)
    average: Parameters = field(default_factory=dict)
    first: Parameters = field(default_factory=dict)
    second: Parameters = field(default_factory=dict)
    counts: Parameters = field(default_factory=dict)
    learned: dict[str, Learned] = field(default_factory=dict)

    @classmethod
    def empty(cls, replicates: int, device: torch.device) -> TrainState:
        """Of so many replicates that have no network yet."""
        import torch

        alive = torch.ones(replicates, dtype=torch.bool, device=device)
        return cls(alive, torch.zeros(replicates, device=device), History.begun(replicates))

    def begin(self, weights: Parameters) -> None:
        """Begin with these weights, which are trained in place."""
        import torch

        self.weights = weights
        for weight in weights.values():
            weight.requires_grad_()
        self.average = {name: weight.detach().clone() for name, weight in weights.items()}
        self.first = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self.second = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self.counts = {name: torch.zeros((), device=weight.device) for name, weight in weights.items()}

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by their place, such as `average/layer0.weight`."""
        return dict(_flat({name: value for name, value in vars(self).items() if name != "history"}))

    @classmethod
    def of(cls, tensors: dict[str, Tensor], facts: object) -> TrainState:
        """The state whose `tensors` and whose history's `facts` these are."""
        return cls(**_nested(tensors), history=History.of(facts))

    def take(self, kept: TrainState) -> None:
        """Become a state of the same training, in the memory that this one has: products can depend on its alignment.

        Raises:
            KeyError: it has not all tensors that this one has.
        """
        import torch

        tensors = kept.tensors()
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                tensor.copy_(tensors[name])
        self.history = copy.deepcopy(kept.history)


def _flat(tree: dict[str, Any], at: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{at}{name}/")
        else:
            yield f"{at}{name}", value


def _nested(tensors: dict[str, Tensor]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for place, tensor in tensors.items():
        *above, name = place.split("/")
        branch = tree
        for each in above:
            branch = branch.setdefault(each, {})
        branch[name] = tensor
    return tree


class Progress(Protocol):
    """Who keeps checkpoints; a training asks after every step."""

    def load(self) -> TrainState | None:
        """Where to go on from, or None to begin."""
        ...

    def show(self, step: int, curve: Sequence[Row]) -> None:
        """What there is to see after a step: ever more rows."""
        ...

    def due(self) -> bool:
        """Whether to save now."""
        ...

    def save(self, state: TrainState) -> None:
        """Keep it, as it is now: it goes on changing. May raise, which ends the training here."""
        ...


class Note(TypedDict):
    """What a finished trial came to, as JSON holds it: its held-out loss or why it has none, and what it took."""

    loss: float | None
    why: str
    evaluations: int
    seconds: float


class Course(Protocol):
    """Who keeps checkpoints of several trainings that follow each other."""

    notes: dict[str, Note]
    """What the finished ones came to, by name; kept with the checkpoints of those that follow."""

    def training(self, name: str) -> Progress:
        """Who keeps those of one of them."""
        ...
