"""What MLflow is told of one cell: its results as params, metrics, tags and artifacts, without MLflow itself."""

from __future__ import annotations

import functools
import io
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from scorebench import storage
from scorebench.report.pictures import View, panel, view_of
from scorebench.specs.card import EvaluateCard, PrepareCard, SampleCard, TrainCard
from scorebench.specs.prepare import DataDescription
from scorebench.stages._dataset import describe, read_points
from scorebench.study import keys, results
from scorebench.study.cells import Cell
from scorebench.study.plan import Job, Study
from scorebench.study.stages import EVALUATE, FLOOR, PREPARE, SAMPLE, TRAIN, Stage

LONGEST = 500
"""Characters of a param; MLflow's own limit depends on the kind of store, and this fits in all."""
HEADLINES = ("D_integral", "D_max", "clean_error", "nll", "excess_loss_integral")
"""Metrics that get their standard error beside them; distances of samples have their floor."""
CELL = "all"
"""Stands as the replicate of the run that holds a whole cell."""


class Point(NamedTuple):
    """One value of a metric: `at` is in milliseconds since 1970."""

    name: str
    value: float
    step: int
    at: int


def jobs_behind(cell: Cell) -> dict[Stage, Job]:
    """The jobs whose results a run shows, by stage."""
    at = {"dataset": cell.dataset, "cell": str(cell)}
    return {stage: Job(stage.name, at[stage.of]) for stage in (PREPARE, TRAIN, SAMPLE, EVALUATE, FLOOR)}


def is_finished(study: Study, cell: Cell) -> bool:
    """Whether a cell has all that a run needs; floors may come later."""
    return results.are_there(study, (job for stage, job in jobs_behind(cell).items() if stage is not FLOOR))


class Record:
    """All results of one cell, read once for all its replicates; the files must be there (floors need not)."""

    def __init__(self, study: Study, cell: Cell) -> None:
        self.study, self.cell, self.jobs = study, cell, jobs_behind(cell)
        self.folders = {stage: study.directory(job) for stage, job in self.jobs.items()}
        self.prepare = results.card(study, self.jobs[PREPARE], PrepareCard)
        self.train = results.card(study, self.jobs[TRAIN], TrainCard)
        self.sample = results.card(study, self.jobs[SAMPLE], SampleCard)
        self.evaluate = results.card(study, self.jobs[EVALUATE], EvaluateCard)
        self.curves = storage.read_table(self.folders[TRAIN] / "training.parquet")
        self.scores = storage.read_table(self.folders[EVALUATE] / "scores.parquet")

    @property
    def started(self) -> int:
        """When training began, ms."""
        return round(1000 * self.train.started)

    @property
    def ended(self) -> int:
        """When training ended, ms."""
        return self.started + round(1000 * self.train.seconds)

    @property
    def replicates(self) -> range:
        """All replicates."""
        return range(self.train.spec.replicates)

    @functools.cached_property
    def kept(self) -> list[int]:
        """Replicates that trained to the end: the cell's means are over these."""
        return self.train.facts.trained

    @functools.cached_property
    def params(self) -> dict[str, str]:
        """All settings that led to a cell, with flat names such as `training.steps`."""
        source, train, facts = self.prepare.spec.source, self.train.spec, self.prepare.facts
        tree = {
            "dataset": self.cell.dataset,
            "method": self.cell.method,
            "schedule": self.cell.schedule,
            "replicates": train.replicates,
            "seed": train.seed,
            "objective": train.objective.name,
            "network": train.network.name,
            "dataset.source": source.name,
            "schedule.kind": train.schedule.name,
            "dataset.dimension": facts.dimension,
            "dataset.points": facts.rows,
            "network.parameters": self.train.facts.parameters,
            "training": train.training.model_dump(mode="json"),
            "sampling.points": self.sample.facts.points,
            "evaluation": self.evaluate.spec.evaluation.model_dump(mode="json"),
        }
        options = {
            "dataset": source.options,
            **{part: getattr(train, part).options for part in ("objective", "schedule", "network")},
            **{f"sampler.{at}": {"kind": p.name, **p.options} for at, p in self.sample.spec.samplers.items()},
        }
        return dict(flat("", options)) | dict(flat("", tree))

    def tags(self, replicate: int | None) -> dict[str, str]:
        """What runs are found, filtered and grouped by; without a replicate, those of the cell."""
        card = self.train
        facts, lost = card.facts, len(self.replicates) - len(self.kept)
        oracle = self.study.objectives[self.cell.method].requires_target
        shown = self.replicates if replicate is None else [replicate]
        ends = [(facts.status[r], facts.ended_at[r], facts.reasons[r]) for r in shown if r not in self.kept]
        if replicate is None:
            status = "trained" if not lost else "partly" if self.kept else ends[0][0]
            note = [
                f"**{self.cell}**: means over {len(self.kept)} replicates, which differ in their random numbers only;"
                " each is a run of its own below this one. Pictures and tables are under Artifacts.",
                "The method is told the exact score: it shows what can be reached." * oracle,
                f"Made by `{card.command}`; the results lie in `{self.folders[EVALUATE]}`.",
            ]
        else:
            status, note = facts.status[replicate], [f"Replicate {replicate} of `{self.cell}`."]
        note += [f"**{end.capitalize()} at step {step}**: {why}." for end, step, why in ends]
        tags = {
            **{field: getattr(self.cell, field) for field in ("dataset", "method", "schedule")},
            "kind": "cell" if replicate is None else "replicate",
            "replicate": CELL if replicate is None else str(replicate),
            "oracle": "yes" if oracle else "no",
            "study": self.study.name,
            "status": status,
            "key": self.evaluate.key,
            "train_key": card.key,
            "current": "yes",
            "mlflow.source.name": self.study.file.name,
            "mlflow.source.type": "LOCAL",
        }
        if ends:
            tags["ended_at"] = ", ".join(str(step) for _, step, _ in ends)
        if card.commit:
            changed = {True: "yes", False: "no"}[bool(card.dirty)]
            tags |= {"commit": card.commit, "dirty": changed, "mlflow.source.git.commit": card.commit}
        return tags | {"mlflow.note.content": "\n\n".join(line for line in note if line)}

    def points(self, replicate: int) -> Iterator[Point]:
        """Final values, errors per noise level (step: `place_of` sigma), curves over training steps.

        In this order, because MLflow shows them in the order of their arrival.
        """
        facts, steps = self.train.facts, self.train.spec.training.steps
        scores = [row for row in rows(self.scores, replicate) if row["value"] is not None]  # null: not finite
        final = {
            f"{row['metric']}/{row['sampler']}" if row["sampler"] else row["metric"]: row["value"]
            for row in sorted(scores, key=lambda row: row["metric"].endswith("_untrained"))
            if row["sigma"] is None
        }
        final |= {"training_seconds": facts.training_seconds, "evaluations": facts.evaluations}
        sampling = self.sample.facts.sampling_seconds
        final |= {f"sampling_seconds/{label}": seconds for label, seconds in sampling.items()}
        for name, value in final.items():
            yield Point(name, float(value), 0, self.ended)
        for row in scores:
            if row["sigma"]:
                yield Point(f"{row['metric']}_by_sigma", row["value"], place_of(row["sigma"]), self.ended)
        for row in (row for row in rows(self.curves, replicate) if row["sigma"] is None):  # the rest is over sigma
            at = self.started + round(1000 * facts.training_seconds * row["step"] / steps)
            yield Point(f"train/{row['metric']}", row["value"], row["step"], at)

    def means(self) -> Iterator[Point]:
        """Means of what `points` gives over the replicates that trained to the end; `..._se`: their standard errors.

        Only of what all of these have: a mean over fewer would look better than it is.
        """
        if not self.kept:
            return
        found: dict[tuple[str, int], list[Point]] = defaultdict(list)
        for replicate in self.kept:
            for point in self.points(replicate):
                found[point.name, point.step].append(point)
        for (name, step), points in found.items():
            if len(points) < len(self.kept):
                continue
            values = np.array([point.value for point in points])
            yield Point(name, float(values.mean()), step, points[0].at)
            if name in HEADLINES and len(points) > 1:
                yield Point(f"{name}_se", float(values.std(ddof=1) / math.sqrt(len(points))), step, points[0].at)

    def floors(self, replicate: int | None) -> list[Point]:
        """What `floors` gives, where they are there."""
        if self._floors is None:
            return []
        return floors(self._floors, list(self.replicates) if replicate is None else [replicate], self.ended)

    @functools.cached_property
    def _floors(self) -> pa.Table | None:
        there = results.is_there(self.study, self.jobs[FLOOR])
        return storage.read_table(self.folders[FLOOR] / "floors.parquet") if there else None

    def artifacts(self) -> Iterator[tuple[str, bytes]]:
        """Tables of the cell, pictures of the samples of its first trained replicate: (file name, content)."""
        yield "scores.csv", as_csv(self.scores)
        if (by_sigma := _by_sigma(self.scores.to_pylist(), self.kept)) is not None:
            yield "error_by_sigma.csv", as_csv(by_sigma)
        if not self.kept:
            return
        table = storage.read_table(self.folders[SAMPLE] / "samples.parquet")
        table = table.filter(pa.compute.equal(table["replicate"], self.kept[0]))
        labels, x = table["sampler"].to_numpy(), storage.points_of(table["x"])
        for label in sorted(set(labels)):
            yield f"samples/{label}.png", sample_picture(x[labels == label], self.folders[PREPARE])


def place_of(sigma: float) -> int:
    """Where a noise level stands on the axis of steps, which holds whole numbers: 1000 log10(sigma)."""
    return round(1000 * math.log10(sigma))


def floors(table: pa.Table, replicates: list[int], at: int) -> list[Point]:
    """What the truth itself scores against the test points, mean over these replicates: `<metric>/floor`."""
    found: dict[str, list[float]] = defaultdict(list)
    for replicate in replicates:
        for row in rows(table, replicate):
            found[row["metric"]].append(row["value"])
    return [Point(f"{name}/floor", float(np.mean(values)), 0, at) for name, values in found.items()]


def rows(table: pa.Table, replicate: int) -> list[dict[str, Any]]:
    """The rows of one replicate."""
    chosen: list[dict[str, Any]] = table.filter(pa.compute.equal(table["replicate"], replicate)).to_pylist()
    return chosen


def flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted names and texts."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from flat(f"{prefix}.{name}" if prefix else name, item)
    else:
        text = value if isinstance(value, str) else keys.canonical(value)
        yield prefix, text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _by_sigma(scores: list[dict[str, Any]], kept: list[int]) -> pa.Table | None:
    """One row per noise level, one column per metric: means over these replicates; null where one is not finite."""
    levels: dict[float, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in scores:
        if row["sigma"] is not None and row["replicate"] in kept:
            value = math.nan if row["value"] is None else row["value"]
            levels[row["sigma"]][row["metric"]].append(value)
    if not levels:
        return None
    names = dict.fromkeys(name for level in levels.values() for name in level)
    columns: dict[str, list[Any]] = {"sigma": sorted(levels)}
    for name in names:
        means = [float(np.mean(level[name])) if name in level else math.nan for _, level in sorted(levels.items())]
        columns[name] = [mean if math.isfinite(mean) else None for mean in means]
    return pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})


def as_csv(table: pa.Table) -> bytes:
    """A table as CSV, which MLflow's pages show as a table."""
    buffer = io.BytesIO()
    pa.csv.write_csv(table, buffer)
    return buffer.getvalue()


@functools.cache
def _truth(folder: Path) -> tuple[DataDescription, View, np.ndarray]:
    """dataset.json, the view, and the panel of the test points, the same in all pictures of a data set."""
    described, x = describe(folder), read_points(folder, "test")
    view = view_of(x, described)
    return described, view, panel(x, described, view)


def sample_picture(points: np.ndarray, folder: Path) -> bytes:
    """Samples (n, d) on the left, true points on the right, as a PNG; the truth is drawn once for all pictures."""
    from PIL import Image

    described, view, truth = _truth(folder)
    samples = panel(points, described, view)
    strip = np.full((samples.shape[0], 8, 3), 160, np.uint8)
    picture = Image.fromarray(np.concatenate([samples, strip, truth], 1))
    enlarge = math.ceil(300 / samples.shape[0])
    picture = picture.resize((enlarge * picture.width, enlarge * picture.height), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
