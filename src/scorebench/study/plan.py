"""A study as jobs: which cells there are, what each job depends on, its key and where its results lie.

key(job) = hash(source of the stage and of what it uses, versions of the numeric packages, the job's own slice of
the study, keys of its inputs). The key stands in the path of the result, so "up to date" means "the file exists".
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorebench import parts, wording
from scorebench.study import budgets, keys
from scorebench.study.params import Fault, InvalidStudy, fault_at, load
from scorebench.study.schema import NAME, Block

KEY_LENGTH = 12

FILES = {
    "prepare": ("train.parquet", "validation.parquet", "test.parquet", "dataset.json", "run.json"),
    "train": ("model.safetensors", "training.parquet", "run.json"),
    "sample": ("samples.parquet", "run.json"),
    "floor": ("floors.parquet", "run.json"),
    "microscope": ("gradients.parquet", "run.json"),
    "evaluate": ("scores.parquet", "run.json"),
    "report": ("report.html", "results.parquet", "results.csv", "scales.csv", "times.csv", "metrics.json", "KEY"),
}
"""What the job of a stage writes; run.json last."""

UPTO = {
    "prepare": ("prepare",),
    "train": ("prepare", "train"),
    "sample": ("prepare", "train", "sample"),
    "evaluate": ("prepare", "train", "sample", "floor", "microscope", "evaluate"),
    "report": ("prepare", "train", "sample", "floor", "microscope", "evaluate", "report"),
}
"""What the named target of a stage builds."""

FOLDERS = {
    "train": "checkpoints", "sample": "samples", "floor": "floors", "microscope": "gradients", "evaluate": "scores",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Cell:
    """A data set, a method and a noise schedule; `reason` says why it is not applicable, if it is not."""

    dataset: str
    method: str
    schedule: str
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.dataset}/{self.method}/{self.schedule}"


@dataclass(frozen=True, order=True)
class Job:
    """One job: a stage and what it works on: `ring8`, `ring8/dsm/single`, or nothing for the report."""

    stage: str
    at: str = ""

    @property
    def names(self) -> list[str]:
        """Data set, method and schedule, as far as they apply."""
        return self.at.split("/") if self.at else []


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
        self.name = "default" if self.file.name == "params.yaml" else self.file.stem
        if not NAME.fullmatch(self.name):
            text = (
                "the name of a study file holds letters, digits, '_' and '-' only, because results are stored under it"
            )
            raise InvalidStudy(self.file, [Fault(1, "", text)])
        p = self.params
        self.sources = {n: parts.build("source", e.source, e.options) for n, e in p.datasets.items()}
        self.networks = {n: parts.build("network", e.network, e.options) for n, e in p.networks.items()}
        self.objectives = {n: parts.build("objective", e.objective, e.options) for n, e in p.methods.items()}
        self.schedules = {n: parts.build("schedule", e.schedule, e.options) for n, e in p.schedules.items()}
        self.samplers = {n: parts.build("sampler", e.sampler, e.options) for n, e in p.samplers.items()}
        self.cells = sorted({self._judge(*names) for names in self._grid()})
        for cell in self.applicable:
            try:
                self._training([cell.dataset, cell.method, cell.schedule])
            except budgets.NoCosts as error:
                raise fault_at(self.file, ("budgets", "time"), str(error)) from None
        for i, name in enumerate(p.microscope.datasets if p.microscope else []):
            if not self.sources[name].known_score:
                place, text = ("microscope", "datasets", i), f"the exact score of '{name}' is not known"
                raise fault_at(self.file, place, text)
        self.key = functools.cache(self._key)
        self.directory = functools.cache(self._directory)
        self.files = functools.cache(self._files)

    def _grid(self) -> Iterator[tuple[str, str, str]]:
        p = self.params
        for block in p.grid or [Block()]:
            for dataset in block.datasets or p.datasets:
                for method in block.methods or p.methods:
                    for schedule in block.schedules or p.schedules:
                        yield dataset, method, schedule

    @functools.cache  # noqa: B019  one study per process
    def _dimension(self, dataset: str) -> int:
        dimension: int = self.sources[dataset].dimension()
        return dimension

    def _setting(self, dataset: str, method: str, schedule: str) -> parts.Setting:
        network = self.networks[self.params.methods[method].network]
        return parts.Setting(
            dimension=self._dimension(dataset),
            known_score=self.sources[dataset].known_score,
            levels=self.schedules[schedule].levels_trained,
            noise_free=self.schedules[schedule].noise_free,
            second_derivatives=network.second_derivatives,
            energy=network.energy,
        )

    def _judge(self, dataset: str, method: str, schedule: str) -> Cell:
        reason = self.objectives[method].not_applicable(self._setting(dataset, method, schedule))
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
        setting = self._setting(*job.names)
        return [name for name, sampler in self.samplers.items() if sampler.not_applicable(setting) is None]

    def jobs(self, stage: str) -> list[Job]:
        """All jobs of a stage."""
        if stage == "report":
            return [Job(stage)]
        if stage in ("prepare", "floor"):
            return [Job(stage, name) for name in sorted({cell.dataset for cell in self.applicable})]
        if stage == "microscope":
            return [Job(stage, name) for name in self.params.microscope.datasets] if self.params.microscope else []
        return [Job(stage, str(cell)) for cell in self.applicable]

    @functools.cache  # noqa: B019  one study per process
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
        """Jobs whose results a job reads, by role (for the report: by place)."""
        dataset = job.names[0] if job.names else ""
        data, at = Job("prepare", dataset), job.at
        match job.stage:
            case "prepare":
                return {}
            case "floor" | "microscope" | "train":
                return {"data": data}
            case "sample":
                return {"data": data, "checkpoint": Job("train", at)}
            case "evaluate":
                return {"data": data, "checkpoint": Job("train", at), "samples": Job("sample", at)}
            case "report":
                used = [j for stage in UPTO["evaluate"] for j in self.jobs(stage)]
                return {f"{j.stage}/{j.at}": j for j in used}
        raise UnknownJob(f"there is no stage '{job.stage}'")

    def _part(self, kind: str, built: Any, name: str) -> dict[str, Any]:
        return {"kind": kind, "name": name, "options": built.model_dump(mode="json")}

    @functools.cache  # noqa: B019  one study per process
    def _network(self, method: str) -> dict[str, Any]:
        name = self.params.methods[method].network
        return self._part("network", self.networks[name], self.params.networks[name].network)

    @functools.cache  # noqa: B019  one study per process
    def _schedule(self, name: str) -> dict[str, Any]:
        return self._part("schedule", self.schedules[name], self.params.schedules[name].schedule)

    def _training(self, names: list[str]) -> dict[str, Any]:
        dataset, method, schedule = names
        at = (dataset, method, schedule)
        found = budgets.training(self.params, self.objectives, at, self._dimension(dataset))
        if "learning_rates" in found and self.schedules[schedule].noise_free:
            text = f"a rate can't be chosen on {'/'.join(names)}: it trains at sigma = 0, and trials are judged by DSM"
            raise fault_at(self.file, ("training", "learning_rates"), text)
        return found

    def spec(self, job: Job) -> dict[str, Any]:
        """A job's own slice of the study: all that it is told."""
        p, names = self.params, job.names
        common: dict[str, Any] = {"seed": p.seed, "replicates": p.replicates}
        match job.stage:
            case "prepare":
                entry, source = p.datasets[names[0]], self.sources[names[0]]
                return {
                    "source": self._part("source", source, entry.source),
                    "sizes": entry.sizes.model_dump(),
                    "seed": p.seed,
                    "files": {str(path): keys.file_digest(path) for path in source.files()},
                }
            case "floor":
                return {**common, "evaluation": p.evaluation.model_dump(), "points": p.sampling.points}
            case "microscope":
                return self._microscope(names[0])
            case "report":
                return {"study": self.name, "params": p.model_dump(mode="json"), "cells": self._cells_said()}
        method = p.methods[names[1]]
        common["seed"] = p.seed if method.seed is None else method.seed
        common |= {"network": self._network(names[1]), "schedule": self._schedule(names[2])}
        match job.stage:
            case "train":
                return {
                    **common,
                    "objective": self._part("objective", self.objectives[names[1]], method.objective),
                    "training": self._training(names),
                    "threads": p.compute.train.threads,
                    "gpu": p.compute.train.gpu > 0,
                }
            case "sample":
                chosen = {
                    n: self._part("sampler", self.samplers[n], p.samplers[n].sampler) for n in self.samplers_of(job)
                }
                compute = {"threads": p.compute.sample.threads, "gpu": p.compute.sample.gpu > 0}
                return {**common, **compute, "samplers": chosen, "points": p.sampling.points}
            case "evaluate":
                return {
                    **common,
                    "evaluation": p.evaluation.model_dump(),
                    "threads": p.compute.evaluate.threads,
                }
        raise UnknownJob(f"there is no stage '{job.stage}'")

    def _microscope(self, dataset: str) -> dict[str, Any]:
        p, m = self.params, self.params.microscope
        assert m is not None
        methods = {
            name: self._part("objective", self.objectives[name], p.methods[name].objective)
            for name in m.methods
            if self.objectives[name].not_applicable(self._setting(dataset, name, m.schedule)) is None
        }
        return {
            "seed": p.seed,
            "replicates": m.replicates,
            "network": self._part("network", self.networks[m.network], p.networks[m.network].network),
            "schedule": self._schedule(m.schedule),
            "reference": m.reference.model_dump() | {"log_every": m.reference.steps},
            "methods": methods,
            "samples": m.samples,
            "sigmas": m.sigmas.model_dump(),
            "threads": p.compute.microscope.threads,
        }

    def _cells_said(self) -> list[dict[str, Any]]:
        return [
            {"dataset": c.dataset, "method": c.method, "schedule": c.schedule, "reason": c.reason} for c in self.cells
        ]

    def modules(self, job: Job) -> tuple[str, ...]:
        """Modules that a job uses; what they import belongs to them."""
        return self._modules(job.stage, self.spec(job))

    @staticmethod
    def _modules(stage: str, spec: dict[str, Any]) -> tuple[str, ...]:
        found = (f"scorebench.stages.{stage}",)
        if stage == "report":
            return found
        used = [*spec.values(), *spec.get("samplers", {}).values(), *spec.get("methods", {}).values()]
        named = (part for part in used if isinstance(part, dict) and "kind" in part)
        return (*found, *(parts.module(part["kind"], part["name"]) for part in named))

    def ingredients(self, job: Job) -> dict[str, Any]:
        """All that a key is the hash of."""
        spec = self.spec(job)
        modules = self._modules(job.stage, spec)
        return {
            "stage": job.stage,
            "code": keys.code(modules),
            "versions": keys.versions(modules),
            "spec": spec,
            "inputs": {role: self.key(upstream) for role, upstream in self.inputs(job).items()},
        }

    def _key(self, job: Job) -> str:
        return keys.digest(self.ingredients(job))[:KEY_LENGTH]

    def _directory(self, job: Job) -> Path:
        """Where a job's results lie."""
        if job.stage == "report":
            return Path("reports", self.name)
        return Path(self.root(job.stage), *job.names, self.key(job))

    def root(self, stage: str) -> Path:
        """The folder that holds all results of a stage."""
        return self.root_of(self.name, stage)

    @staticmethod
    def root_of(study: str, stage: str) -> Path:
        """The folder that holds all results of a stage of the study of this name."""
        return Path("data", "prepared", study) if stage == "prepare" else Path("results", study, FOLDERS[stage])

    def _files(self, job: Job) -> dict[str, Path]:
        """A job's results, by file name."""
        directory = self.directory(job)
        return {name: directory / name for name in FILES[job.stage]}

    def card(self, job: Job) -> Path:
        """A job's provenance card: written last, so where it stands the rest does."""
        return self.directory(job) / "run.json"

    def plan(self, stage: str) -> dict[str, str]:
        """Place -> key for all jobs of a stage."""
        return {job.at or job.stage: self.key(job) for job in self.jobs(stage)}

    def is_there(self, job: Job) -> bool:
        """Whether all files of a job exist."""
        directory = self.directory(job)
        return all(os.path.isfile(f"{directory}/{name}") for name in FILES[job.stage])  # noqa: PTH113  30,000 of them

    def report_is_current(self) -> bool:
        """Whether the report's files are there and of the planned key (it is kept at a fixed place)."""
        report = Job("report")
        return self.is_there(report) and self.files(report)["KEY"].read_text().strip() == self.key(report)

    def missing(self, stages: tuple[str, ...]) -> list[Path]:
        """Planned results of these stages that are not there."""
        absent = [
            path
            for stage in stages
            if stage != "report"
            for job in self.jobs(stage)
            for path in self.files(job).values()
            if not path.is_file()
        ]
        if "report" in stages and not self.report_is_current():
            absent.append(self.files(Job("report"))["KEY"])
        return absent
