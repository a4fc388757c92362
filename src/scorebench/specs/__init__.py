"""What a job is told and what it says of itself, one module per stage.

A spec is made by the plan and read by the stage; as JSON it is part of the job's key. Facts are made by the stage; as
JSON they stand on the job's card (card.py), where the report, MLflow and people read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from scorebench import parts

if TYPE_CHECKING:
    from scorebench.data import Source
    from scorebench.networks import Network
    from scorebench.noise import Schedule
    from scorebench.objectives import Objective
    from scorebench.samplers import Sampler


class Written(BaseModel):
    """Base of all that is written as JSON: what it does not name is refused, and nothing changes once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Facts(Written):
    """Base of what jobs say of themselves."""


class Spec(Written):
    """Base of what jobs are told."""

    def parts(self) -> Iterator[PartSpec]:
        """All parts that the job is told of."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            for each in value.values() if isinstance(value, dict) else (value,):
                if isinstance(each, PartSpec):
                    yield each


class PartSpec(Written):
    """A part by its kind and name, with all of its options; there is a class for each kind."""

    kind: str
    name: str
    options: dict[str, JsonValue]

    @property
    def module(self) -> str:
        """Dotted name of the module that holds it."""
        return parts.module(self.kind, self.name)


class ObjectiveSpec(PartSpec):
    """An objective."""

    kind: Literal["objective"] = "objective"

    def build(self) -> Objective:
        """The part."""
        return parts.build(self.kind, self.name, self.options)


class ScheduleSpec(PartSpec):
    """A noise schedule."""

    kind: Literal["schedule"] = "schedule"

    def build(self) -> Schedule:
        """The part."""
        return parts.build(self.kind, self.name, self.options)


class NetworkSpec(PartSpec):
    """A score network."""

    kind: Literal["network"] = "network"

    def build(self) -> Network:
        """The part."""
        return parts.build(self.kind, self.name, self.options)


class SamplerSpec(PartSpec):
    """A sampler."""

    kind: Literal["sampler"] = "sampler"

    def build(self) -> Sampler:
        """The part."""
        return parts.build(self.kind, self.name, self.options)


class SourceSpec(PartSpec):
    """A source of data."""

    kind: Literal["source"] = "source"

    def build(self) -> Source:
        """The part."""
        return parts.build(self.kind, self.name, self.options)


class SigmaGrid(Written):
    """Noise levels from `min` to `max`, `count` of them, evenly spaced in ln sigma."""

    min: float
    max: float
    count: int


class CellSpec(Spec):
    """What all stages of a cell are told."""

    seed: int
    replicates: int
    network: NetworkSpec
    schedule: ScheduleSpec
