"""The sections of params.yaml as typed models: what a study may say."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def _is_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("a name holds letters, digits, '_' and '-' only, does not start with '-', up to 64 of them")
    return text


Name = Annotated[str, AfterValidator(_is_name)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Options = dict[str, Any]


class Section(BaseModel):
    """Base of all sections: unknown names, wrong types and infinities are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Sizes(Section):
    """Points per split; what is left out is 10,000 for drawn data, a share of the rows for a finite data set."""

    train: PositiveInt | None = Field(None, description="points to train on")
    validation: PositiveInt | None = Field(None, description="points for the curves during training")
    test: PositiveInt | None = Field(None, description="points that samples are compared with")


class Dataset(Section):
    """One data set: a source and its options."""

    source: str = Field(description="a file of src/scorebench/data")
    options: Options = Field(default_factory=dict, description="the source's options")
    sizes: Sizes = Field(default_factory=Sizes, description="points per split")


class NetworkEntry(Section):
    """One network: a type and its options."""

    network: str = Field(description="a file of src/scorebench/networks")
    options: Options = Field(default_factory=dict, description="the network's options")


class TrainingChange(Section):
    """What a method changes of `training`."""

    steps: PositiveInt | None = Field(None, description="optimiser steps of this method")
    batch: PositiveInt | None = Field(None, description="data points per step and replicate of this method")
    learning_rate: PositiveFloat | None = Field(None, description="highest learning rate of this method")
    ema: Fraction | None = Field(None, description="decay of this method's averaged weights")
    log_every: PositiveInt | None = Field(None, description="steps between points of this method's curves")


class Method(Section):
    """One method: an objective, its options and, if it differs, its network and training."""

    objective: str = Field(description="a file of src/scorebench/objectives")
    options: Options = Field(default_factory=dict, description="the objective's options")
    network: Name = Field("default", description="a name under `networks`")
    training: TrainingChange = Field(default_factory=TrainingChange, description="changes to `training`")


class ScheduleEntry(Section):
    """One noise schedule: a type and its options."""

    schedule: str = Field(description="a file of src/scorebench/noise")
    options: Options = Field(default_factory=dict, description="the schedule's options")


class SamplerEntry(Section):
    """One sampler: a type and its options."""

    sampler: str = Field(description="a file of src/scorebench/samplers")
    options: Options = Field(default_factory=dict, description="the sampler's options")


class Block(Section):
    """A product of data sets, methods and schedules; a list left out means all."""

    datasets: list[Name] | None = Field(None, description="names under `datasets`")
    methods: list[Name] | None = Field(None, description="names under `methods`")
    schedules: list[Name] | None = Field(None, description="names under `schedules`")


class Training(Section):
    """How every network is trained: Adam, cosine learning rate, averaged weights."""

    steps: PositiveInt = Field(description="optimiser steps")
    batch: PositiveInt = Field(description="data points per step and replicate")
    learning_rate: PositiveFloat = Field(description="highest learning rate of Adam")
    ema: Fraction = Field(0.998, description="decay of the averaged weights")
    log_every: PositiveInt = Field(100, description="steps between points of the training curves")


class Sampling(Section):
    """How many points every sampler draws."""

    points: Annotated[int, Field(ge=100)] = Field(description="samples per replicate and sampler")


class SigmaGrid(Section):
    """Noise levels at which scores are compared with the truth, evenly spaced in ln sigma."""

    min: PositiveFloat = Field(0.01, description="lowest noise level")
    max: PositiveFloat = Field(10.0, description="highest noise level")
    count: Annotated[int, Field(ge=2)] = Field(13, description="how many")

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        return self


class Evaluation(Section):
    """What is measured and on how many points."""

    sigmas: SigmaGrid = Field(default_factory=SigmaGrid, description="noise levels of the score errors")
    points: Annotated[int, Field(ge=100)] = Field(5000, description="points per noise level")
    projections: PositiveInt = Field(200, description="directions of the sliced Wasserstein distance")
    energy_points: Annotated[int, Field(ge=100)] = Field(2000, description="points of the energy distance")
    c2st_points: Annotated[int, Field(ge=100)] = Field(1000, description="points of the classifier two-sample test")
    c2st_folds: Annotated[int, Field(ge=2)] = Field(5, description="its cross-validation folds")


class Job(Section):
    """What one job of a stage may use."""

    threads: PositiveInt = Field(1, description="CPU threads; pinned, for they can change the last digits")
    mem_mb: PositiveInt = Field(2000, description="memory, MB")
    runtime: PositiveInt = Field(30, description="time limit, minutes")


class GpuJob(Job):
    """A job that may ask for GPUs."""

    gpu: NonNegativeInt = Field(0, description="GPUs to ask for")


class Compute(Section):
    """Resources per stage."""

    prepare: Job = Field(default_factory=Job, description="preparing one data set")
    train: GpuJob = Field(default_factory=GpuJob, description="training one cell, all replicates at once")
    sample: GpuJob = Field(default_factory=GpuJob, description="sampling from one cell")
    evaluate: Job = Field(default_factory=Job, description="measuring one cell, or the floors of one data set")
    report: Job = Field(default_factory=Job, description="drawing the report")


class Params(Section):
    """A whole study."""

    title: str = Field(description="heads the report")
    description: str = Field("", description="opens the report")
    seed: NonNegativeInt = Field(description="every random stream is a hash of it")
    replicates: Annotated[int, Field(ge=1, le=1000)] = Field(description="independent trainings of every cell")
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1, description="what is learned from")]
    networks: Annotated[dict[Name, NetworkEntry], Field(min_length=1, description="what learns; `default` serves all")]
    methods: Annotated[dict[Name, Method], Field(min_length=1, description="how it learns: objectives")]
    schedules: Annotated[dict[Name, ScheduleEntry], Field(min_length=1, description="at which noise it learns")]
    samplers: Annotated[dict[Name, SamplerEntry], Field(min_length=1, description="each is used where it makes sense")]
    grid: Annotated[list[Block], Field(min_length=1)] | None = Field(
        None, description="which combinations to run; without it, all"
    )
    training: Training = Field(description="how every network is trained")
    sampling: Sampling = Field(description="how much is sampled")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="what is measured")
    compute: Compute = Field(default_factory=Compute, description="resources per job")
