"""The sections of params.yaml as typed models: what a study may say."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from scorebench.study.hypotheses import Hypothesis
from scorebench.study.section import NAME as NAME
from scorebench.study.section import Fraction, Name, Options, Section


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


Rates = Annotated[list[PositiveFloat], Field(min_length=2)]


class TrainingChange(Section):
    """What a method changes of `training`."""

    steps: PositiveInt | None = Field(None, description="optimiser steps of this method")
    batch: PositiveInt | None = Field(None, description="data points per step and replicate of this method")
    learning_rate: PositiveFloat | None = Field(None, description="highest learning rate of this method")
    learning_rates: Rates | None = Field(None, description="highest learning rates to choose from, for this method")
    ema: Fraction | None = Field(None, description="decay of this method's averaged weights")
    log_every: PositiveInt | None = Field(None, description="steps between points of this method's curves")


Budget = Literal["steps", "evaluations", "time"]


class Method(Section):
    """One method: an objective, its options and, if it differs, its network, training and random streams."""

    objective: str = Field(description="a file of src/scorebench/objectives")
    options: Options = Field(default_factory=dict, description="the objective's options")
    network: Name = Field("default", description="a name under `networks`")
    training: TrainingChange = Field(default_factory=TrainingChange, description="changes to `training`")
    budget: Budget = Field(
        "steps",
        description="what is as much as for the method `budgets.reference`: steps of the same batch; network"
        " evaluations, by a smaller batch; or measured time, by fewer or more steps",
    )
    seed: NonNegativeInt | None = Field(None, description="of its initial weights and noise, instead of the study's")


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


class Trials(Section):
    """The short trainings that choose a learning rate, on random streams that no replicate has."""

    replicates: Annotated[int, Field(ge=1, le=100)] = Field(2, description="trainings per rate")
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="their steps, as a share of the training's; short trials favour rates that are too high in the end",
    )


class Training(Section):
    """How every network is trained: Adam, cosine learning rate, averaged weights."""

    steps: PositiveInt = Field(description="optimiser steps")
    batch: PositiveInt = Field(description="data points per step and replicate")
    learning_rate: PositiveFloat | None = Field(None, description="highest learning rate of Adam")
    learning_rates: Rates | None = Field(
        None,
        description="instead of one: rates of which every cell takes the one with the least held-out loss in trials",
    )
    trials: Trials = Field(default_factory=Trials, description="how a rate is chosen")
    ema: Fraction = Field(0.998, description="decay of the averaged weights")
    log_every: PositiveInt = Field(100, description="steps between points of the training curves")

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if (self.learning_rate is None) == (self.learning_rates is None):
            raise ValueError("give one `learning_rate`, or several `learning_rates` to choose from")
        return self


class Budgets(Section):
    """Fair shares: what methods are given as much of as one of them takes."""

    reference: Name = Field(description="the method whose evaluations and time are the measure, with a budget of steps")
    costs: str | None = Field(None, description="a file of measured times, made by benchmarks/step_costs.py")
    evaluations: list[Name] = Field(
        default_factory=list, description="methods that are run with equal evaluations too, as METHOD-evaluations"
    )
    time: list[Name] = Field(
        default_factory=list, description="methods that are run with equal time too, as METHOD-time"
    )


class Variant(Section):
    """What a referee would change: cells that are run once more with other settings, as METHOD-VARIANT."""

    methods: Annotated[list[Name], Field(min_length=1, description="names under `methods`")]
    datasets: Annotated[list[Name], Field(min_length=1, description="names under `datasets`")]
    schedules: Annotated[list[Name], Field(min_length=1, description="names under `schedules`")]
    seed: NonNegativeInt | None = Field(None, description="other initial weights and other noise")
    network: Name | None = Field(None, description="another network, a name under `networks`")
    times_steps: PositiveFloat | None = Field(None, description="factor on the steps")


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


class Likelihood(Section):
    """Log-likelihoods by the probability flow."""

    points: PositiveInt = Field(256, description="test points, the same for every replicate")
    rtol: Annotated[float, Field(gt=0, le=0.1)] = Field(1e-3, description="relative tolerance of the solver")


class Evaluation(Section):
    """What is measured and on how many points."""

    sigmas: SigmaGrid = Field(default_factory=SigmaGrid, description="noise levels of the score errors")
    points: Annotated[int, Field(ge=100)] = Field(5000, description="points per noise level")
    projections: PositiveInt = Field(200, description="directions of the sliced Wasserstein distance")
    energy_points: Annotated[int, Field(ge=100)] = Field(2000, description="points of the energy distance")
    c2st_points: Annotated[int, Field(ge=100)] = Field(1000, description="points of the classifier two-sample test")
    c2st_folds: Annotated[int, Field(ge=2)] = Field(5, description="its cross-validation folds")
    diagnostic_points: NonNegativeInt = Field(1000, description="test points of the diagnostics without truth; 0: none")
    likelihood: Likelihood | None = Field(None, description="without it, no likelihoods: they take the longest")


class Reference(Section):
    """How the networks of the microscope are trained, by explicit score matching."""

    steps: Annotated[int, Field(ge=160)] = Field(3000, description="optimiser steps")
    batch: PositiveInt = Field(256, description="data points per step and network")
    learning_rate: PositiveFloat = Field(0.003, description="highest learning rate of Adam")
    ema: Fraction = Field(0.998, description="decay of the averaged weights")


class Microscope(Section):
    """How noisy the gradients of methods are: per sample, scale by scale, on networks trained with the exact score."""

    datasets: Annotated[list[Name], Field(min_length=1, description="data sets with a known score")]
    methods: Annotated[list[Name], Field(min_length=1, description="whose gradients; covariances are those with dsm")]
    schedule: Name = Field(description="noise schedule on which the networks are trained")
    network: Name = Field("default", description="a name under `networks`")
    reference: Reference = Field(default_factory=Reference, description="how the networks are trained")
    replicates: Annotated[int, Field(ge=1, le=100)] = Field(3, description="networks, each with samples of its own")
    samples: Annotated[int, Field(ge=3)] = Field(1024, description="samples per network and noise level")
    sigmas: SigmaGrid = Field(default_factory=SigmaGrid, description="noise levels")


class Resources(Section):
    """What one job of a stage may use."""

    threads: PositiveInt = Field(1, description="CPU threads; pinned, for they can change the last digits")
    mem_mb: PositiveInt = Field(2000, description="memory, MB")
    runtime: PositiveInt = Field(30, description="time limit, minutes")


class GpuResources(Resources):
    """A job that may ask for GPUs."""

    gpu: NonNegativeInt = Field(0, description="GPUs to ask for")


class TrainResources(GpuResources):
    """A training: a job that keeps checkpoints of itself."""

    checkpoint_seconds: PositiveFloat = Field(
        60.0, description="seconds between checkpoints that a stopped training goes on from; no result depends on it"
    )


class Compute(Section):
    """Resources per stage."""

    prepare: Resources = Field(default_factory=Resources, description="preparing one data set")
    train: TrainResources = Field(
        default_factory=TrainResources, description="training one cell, all replicates at once"
    )
    sample: GpuResources = Field(default_factory=GpuResources, description="sampling from one cell")
    evaluate: Resources = Field(
        default_factory=Resources, description="measuring one cell, or the floors of one data set"
    )
    microscope: Resources = Field(default_factory=Resources, description="looking at gradients on one data set")
    report: Resources = Field(default_factory=Resources, description="drawing the report")


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
    size: Literal["quick", "standard", "full"] = Field(
        "standard", description="quick: a look in minutes, whose conclusions are marked as such; full: for a cluster"
    )
    budgets: Budgets | None = Field(None, description="comparisons at equal evaluations and at equal time")
    robustness: dict[Name, Variant] = Field(default_factory=dict, description="variants of some cells, by name")
    training: Training = Field(description="how every network is trained")
    sampling: Sampling = Field(description="how much is sampled")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="what is measured")
    microscope: Microscope | None = Field(None, description="a look at the gradients of methods; without it, none")
    hypotheses: dict[Name, Hypothesis] = Field(
        default_factory=dict, description="what is claimed before the runs, by name; the report tries them"
    )
    compute: Compute = Field(default_factory=Compute, description="resources per job")
