"""Makes what a job is told: its slice of the study, one function per stage, which `Stage.spec` or its name calls."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from scorebench.parts import Part
from scorebench.specs import NetworkSpec, ObjectiveSpec, SamplerSpec, ScheduleSpec, SigmaGrid, SourceSpec
from scorebench.specs.advice import AdviceSpec
from scorebench.specs.evaluate import EvaluateSpec, Evaluation, FloorSpec
from scorebench.specs.microscope import MicroscopeSpec
from scorebench.specs.prepare import PrepareSpec
from scorebench.specs.report import CellSaid, ReportSpec
from scorebench.specs.sample import SampleSpec
from scorebench.specs.train import ChosenRate, FixedRate, TrainSpec
from scorebench.study import budgets, keys
from scorebench.study.params import fault_at

if TYPE_CHECKING:
    from scorebench.study.plan import Job, Study


def prepare(study: Study, job: Job) -> PrepareSpec:
    """The source of a data set, its sizes, and the files that it reads."""
    (name,) = job.names
    entry, source = study.params.datasets[name], study.sources[name]
    return PrepareSpec(
        source=SourceSpec(name=entry.source, options=_options(source)),
        sizes=entry.sizes.model_dump(),
        seed=study.params.seed,
        files={str(path): keys.file_digest(path) for path in source.files()},
    )


def train(study: Study, job: Job) -> TrainSpec:
    """The method, its budget, and on what it runs."""
    _, name, _ = job.names
    compute = study.params.compute.train
    return TrainSpec(
        **_cell(study, job),
        objective=_objective(study, name),
        training=training(study, job.names),
        threads=compute.threads,
        gpu=compute.gpu > 0,
    )


def sample(study: Study, job: Job) -> SampleSpec:
    """The samplers that make sense in a cell, how many points they draw, and on what they run."""
    p, compute = study.params, study.params.compute.sample
    chosen = {
        name: SamplerSpec(name=p.samplers[name].sampler, options=_options(study.samplers[name]))
        for name in study.samplers_of(job)
    }
    cell = _cell(study, job)
    return SampleSpec(**cell, samplers=chosen, points=p.sampling.points, threads=compute.threads, gpu=compute.gpu > 0)


def evaluate(study: Study, job: Job) -> EvaluateSpec:
    """What is measured of a cell."""
    threads = study.params.compute.evaluate.threads
    return EvaluateSpec(**_cell(study, job), evaluation=_evaluation(study), threads=threads)


def floor(study: Study, job: Job) -> FloorSpec:
    """What is measured of samples, and how many of them there are."""
    p = study.params
    return FloorSpec(seed=p.seed, replicates=p.replicates, evaluation=_evaluation(study), points=p.sampling.points)


def advice(study: Study, job: Job) -> AdviceSpec:
    """Nothing: all that the advisor needs are the points."""
    return AdviceSpec()


def microscope(study: Study, job: Job) -> MicroscopeSpec:
    """The methods whose gradients are looked at, and the networks on which."""
    p, m = study.params, study.params.microscope
    assert m is not None, "there is no such job in a study without a microscope"
    (dataset,) = job.names
    methods = {
        name: _objective(study, name)
        for name in m.methods
        if study.objectives[name].not_applicable(study.setting(dataset, name, m.schedule)) is None
    }
    return MicroscopeSpec(
        seed=p.seed,
        replicates=m.replicates,
        network=NetworkSpec(name=p.networks[m.network].network, options=_options(study.networks[m.network])),
        schedule=_schedule(study, m.schedule),
        reference=FixedRate(**m.reference.model_dump(), log_every=m.reference.steps),
        methods=methods,
        samples=m.samples,
        sigmas=SigmaGrid(**m.sigmas.model_dump()),
        threads=p.compute.microscope.threads,
    )


def report(study: Study, job: Job) -> ReportSpec:
    """The whole study, and its cells with the reasons of those that are not applicable."""
    cells = tuple(CellSaid(dataset=c.dataset, method=c.method, schedule=c.schedule, reason=c.reason)
                  for c in study.cells)  # fmt: skip
    return ReportSpec(study=study.name, params=study.params.model_dump(mode="json"), cells=cells)


def training(study: Study, names: list[str]) -> FixedRate | ChosenRate:
    """The section `training` of a cell (data set, method, schedule), its budget turned into steps and a batch.

    Raises:
        InvalidStudy: a learning rate is to be chosen where trials can't be judged.
        NoCosts: a budget of time, and no measured times.
    """
    dataset, method, schedule = names
    told = budgets.training(study.params, study.objectives, (dataset, method, schedule), study.dimension(dataset))
    if isinstance(told, ChosenRate) and study.schedules[schedule].noise_free:
        text = f"a rate can't be chosen on {'/'.join(names)}: it trains at sigma = 0, and trials are judged by DSM"
        raise fault_at(study.file, ("training", "learning_rates"), text)
    return told


def _cell(study: Study, job: Job) -> dict[str, Any]:
    """What all stages of a cell are told."""
    p = study.params
    _, method, schedule = job.names
    seed = p.methods[method].seed
    return {
        "seed": p.seed if seed is None else seed,
        "replicates": p.replicates,
        "network": _network(study, method),
        "schedule": _schedule(study, schedule),
    }


def _evaluation(study: Study) -> Evaluation:
    return Evaluation.model_validate(study.params.evaluation.model_dump())


def _options(part: Part) -> dict[str, JsonValue]:
    return part.model_dump(mode="json")


def _objective(study: Study, method: str) -> ObjectiveSpec:
    return ObjectiveSpec(name=study.params.methods[method].objective, options=_options(study.objectives[method]))


@functools.cache
def _network(study: Study, method: str) -> NetworkSpec:
    name = study.params.methods[method].network
    return NetworkSpec(name=study.params.networks[name].network, options=_options(study.networks[name]))


@functools.cache
def _schedule(study: Study, name: str) -> ScheduleSpec:
    return ScheduleSpec(name=study.params.schedules[name].schedule, options=_options(study.schedules[name]))
