"""A study as jobs: which cells there are, what each job depends on, its key and where its results lie.

key(job) = hash(source of the stage and of what it uses, versions of the numeric packages, the job's own slice of
the study, keys of its inputs). The key stands in the path of the result, so "up to date" means "the file exists";
study/results.py asks that.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from scorebench import parts
from scorebench.parts import wording
from scorebench.specs import Spec
from scorebench.study import budgets, keys, naming, specs
from scorebench.study.cells import Cell, grid
from scorebench.study.params import fault_at, load
from scorebench.study.schema import Resources
from scorebench.study.stages import CARD, STAGE, Stage

KEY_LENGTH = 12


@dataclass(frozen=True, order=True)
class Job:
    """One job: a stage and what it works on: `ring8`, `ring8/dsm/single`, or nothing where that is the whole study."""

    stage: str
    at: str = ""

    @property
    def names(self) -> list[str]:
        """Data set, method and schedule, as far as they apply."""
        return self.at.split("/") if self.at else []

    def __str__(self) -> str:
        return f"{self.stage} {self.at}".strip()


class UnknownJob(ValueError):
    """A job that the study does not hold."""


class Study:
    """A study file and everything that follows from it.

    Raises:
        InvalidStudy: the file can't be used.
    """

    def __init__(self, file: Path | str = "params.yaml") -> None:
        self.file = Path(file)
        self.params = load(self.file)
        self.name = naming.name_of(self.file)
        p = self.params
        self.sources = {n: parts.build("source", e.source, e.options) for n, e in p.datasets.items()}
        self.networks = {n: parts.build("network", e.network, e.options) for n, e in p.networks.items()}
        self.objectives = {n: parts.build("objective", e.objective, e.options) for n, e in p.methods.items()}
        self.schedules = {n: parts.build("schedule", e.schedule, e.options) for n, e in p.schedules.items()}
        self.samplers = {n: parts.build("sampler", e.sampler, e.options) for n, e in p.samplers.items()}
        self.cells = sorted({self._judge(*names) for names in grid(p)})
        for cell in self.applicable:
            try:
                specs.training(self, [cell.dataset, cell.method, cell.schedule])
            except budgets.NoCosts as error:
                raise fault_at(self.file, ("budgets", "time"), str(error)) from None
        for i, name in enumerate(p.microscope.datasets if p.microscope else []):
            if not self.sources[name].known_score:
                place, text = ("microscope", "datasets", i), f"the exact score of '{name}' is not known"
                raise fault_at(self.file, place, text)

    @functools.cache
    def dimension(self, dataset: str) -> int:
        """How many numbers a point of a data set has."""
        return self.sources[dataset].dimension()

    def setting(self, dataset: str, method: str, schedule: str) -> parts.Setting:
        """What decides whether a part makes sense in a cell."""
        network = self.networks[self.params.methods[method].network]
        return parts.Setting(
            dimension=self.dimension(dataset),
            known_score=self.sources[dataset].known_score,
            levels=self.schedules[schedule].levels_trained,
            noise_free=self.schedules[schedule].noise_free,
            second_derivatives=network.second_derivatives,
            energy=network.energy,
        )

    def _judge(self, dataset: str, method: str, schedule: str) -> Cell:
        reason = self.objectives[method].not_applicable(self.setting(dataset, method, schedule))
        return Cell(dataset, method, schedule, reason)

    @property
    def applicable(self) -> list[Cell]:
        """Cells that are run."""
        return [cell for cell in self.cells if cell.reason is None]

    @property
    def not_applicable(self) -> list[Cell]:
        """Cells that make no sense, with the reason."""
        return [cell for cell in self.cells if cell.reason is not None]

    def samplers_of(self, job: Job) -> list[str]:
        """Samplers that make sense in a cell."""
        dataset, method, schedule = job.names
        setting = self.setting(dataset, method, schedule)
        return [name for name, sampler in self.samplers.items() if sampler.not_applicable(setting) is None]

    def jobs(self, stage: str) -> list[Job]:
        """All jobs of a stage."""
        return [Job(stage, at) for at in self._places(STAGE[stage])]

    def _places(self, stage: Stage) -> list[str]:
        if stage.of == "study":
            return [""]
        if stage.of == "cell":
            return [str(cell) for cell in self.applicable]
        if stage.section:
            section = getattr(self.params, stage.section)
            return [*section.datasets] if section else []
        return sorted({cell.dataset for cell in self.applicable})

    @functools.cache
    def _job_set(self, stage: str) -> frozenset[Job]:
        return frozenset(self.jobs(stage))

    def job(self, stage: str, at: str = "") -> Job:
        """The job of a stage at a place.

        Raises:
            UnknownJob: the study has no such job; says why, or which name is near.
        """
        if (job := Job(stage, at)) in self._job_set(stage):
            return job
        for cell in self.not_applicable:
            if str(cell) == at:
                raise UnknownJob(f"{at} is not applicable: {cell.reason}")
        known = [j.at for j in self.jobs(stage)]
        raise UnknownJob(f"{self.file} has no {stage} job '{at}'{wording.nearest(at, known)}")

    def inputs(self, job: Job) -> dict[str, Job]:
        """Jobs whose results a job reads, by what it calls them; where it works on the whole study, by stage/place."""
        stage = STAGE[job.stage]
        if stage.of == "study":
            return {f"{read.stage}/{read.at}": read for name in stage.reads for read in self.jobs(name)}
        places = {"study": "", "dataset": job.names[0], "cell": job.at}
        return {STAGE[name].result or name: Job(name, places[STAGE[name].of]) for name in stage.reads}

    def compute(self, stage: str) -> Resources:
        """What a job of a stage may use."""
        asked: Resources = getattr(self.params.compute, STAGE[stage].section_of_compute)
        return asked

    def spec(self, job: Job) -> Spec:
        """A job's own slice of the study: all that it is told."""
        stage = STAGE[job.stage]
        told: Spec = getattr(specs, stage.spec or stage.name)(self, job)
        return told

    def modules(self, job: Job) -> tuple[str, ...]:
        """Modules that a job uses; what they import belongs to them."""
        return self._modules(job.stage, self.spec(job))

    @staticmethod
    def _modules(stage: str, spec: Spec) -> tuple[str, ...]:
        return (f"scorebench.stages.{stage}", *(part.module for part in spec.parts()))

    def ingredients(self, job: Job) -> keys.Ingredients:
        """All that a key is the hash of."""
        spec = self.spec(job)
        modules = self._modules(job.stage, spec)
        return {
            "stage": job.stage,
            "code": keys.code(modules),
            "versions": keys.versions(modules),
            "spec": spec.model_dump(mode="json"),
            "inputs": {role: self.key(upstream) for role, upstream in self.inputs(job).items()},
        }

    @functools.cache
    def key(self, job: Job) -> str:
        """The hash of all that a job's results depend on, as it stands in their path."""
        return keys.digest(self.ingredients(job))[:KEY_LENGTH]

    def root(self, stage: str) -> Path:
        """The folder that holds all results of a stage."""
        return STAGE[stage].root(self.name)

    @functools.cache
    def directory(self, job: Job) -> Path:
        """Where a job's results lie."""
        return Path(self.root(job.stage), *job.names, self.key(job))

    @functools.cache
    def files(self, job: Job) -> dict[str, Path]:
        """A job's results, by file name."""
        directory = self.directory(job)
        return {name: directory / name for name in STAGE[job.stage].files}

    def card(self, job: Job) -> Path:
        """A job's provenance card: written last, so where it stands the rest does."""
        return self.directory(job) / CARD

    def plan(self, stage: str) -> dict[str, str]:
        """Place -> key for all jobs of a stage; a job of the whole study stands under the stage's name."""
        return {job.at or job.stage: self.key(job) for job in self.jobs(stage)}
