"""What a training is given: what is to be learned, by which network, from which data, with which random numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.learning import Learned
    from scorebench.networks import Network
    from scorebench.noise import Schedule
    from scorebench.objectives import Objective, Target
    from scorebench.streams import Streams


@dataclass(frozen=True)
class Problem:
    """A score to be learned: everything but how to optimise, on which device the data are.

    train, validation: points (n, *event). target: exact p_sigma, where it is known. streams: one replicate, that is
    one network, for each of them.
    """

    objective: Objective
    schedule: Schedule
    network: Network
    train: Tensor
    validation: Tensor
    target: Target | None
    streams: Streams

    @property
    def event(self) -> tuple[int, ...]:
        """The shape of one point."""
        return tuple(self.train.shape[1:])

    def informed(self, learned: dict[str, Learned]) -> Problem:
        """This problem with what its objective and its schedule have learned, by the names of these fields."""
        return replace(self, **{name: getattr(self, name).informed(values) for name, values in learned.items()})
