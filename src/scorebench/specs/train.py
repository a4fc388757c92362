"""What `train` is told, and what it says of the training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scorebench.parts import Status
from scorebench.specs import CellSpec, Facts, ObjectiveSpec, Written


class Training(Written):
    """How a network is trained, but for its learning rate; what each means: `training.optimisation.Optimisation`."""

    steps: int
    batch: int
    ema: float
    log_every: int


class FixedRate(Training):
    """At a learning rate that is given."""

    learning_rate: float


class Trials(Written):
    """The short trainings that choose a learning rate: how many per rate, and their steps as a share of all."""

    replicates: int
    share: float


class ChosenRate(Training):
    """At the best of several learning rates."""

    learning_rates: Annotated[tuple[float, ...], Field(min_length=1)]
    trials: Trials


class TrainSpec(CellSpec):
    """The method, its budget, and on what it runs."""

    objective: ObjectiveSpec
    training: FixedRate | ChosenRate
    threads: int = 1
    gpu: bool = False


class ChoiceFacts(Facts):
    """How a learning rate was chosen: it, the mean held-out loss per rate tried (None: a trial was lost), and what the
    trials took: points at which networks were evaluated, and seconds.
    """

    rate: float
    losses: dict[str, float | None]
    evaluations: int
    seconds: float


class TrainFacts(Facts):
    """How a training went.

    One per replicate: status, ended_at (the step at which it diverged or failed),
    reasons (why). evaluations: points per replicate at which the network was evaluated. resumed_at: the steps that
    attempts after the first went on from. learning_rate: None where none could be chosen. parameters: of one network.
    """

    device: str
    status: tuple[Status, ...]
    ended_at: tuple[int | None, ...]
    reasons: tuple[str | None, ...]
    evaluations: int
    training_seconds: float
    resumed_at: tuple[int, ...]
    learning_rate: float | None
    choice: ChoiceFacts | None
    parameters: int

    @property
    def trained(self) -> list[int]:
        """Replicates that trained to the end."""
        return [replicate for replicate, status in enumerate(self.status) if status is Status.TRAINED]
