"""What MLflow is told of one cell: its results as params, metrics, tags and artifacts, without MLflow itself."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from scorebench import provenance, storage
from scorebench.report.pictures import View, panel, scale_curve_picture, view_of
from scorebench.stages._dataset import describe, read_points
from scorebench.study import Cell, Job, Study

LONGEST = 500
"""Characters of a param; MLflow's own limit depends on the kind of store, and this fits in all."""


class Point(NamedTuple):
    """One value of a metric: `at` is in milliseconds since 1970."""

    name: str
    value: float
    step: int
    at: int


def jobs_of(cell: Cell) -> dict[str, Job]:
    """The jobs whose results a run shows, by stage."""
    at = {"prepare": cell.dataset, "floor": cell.dataset}
    return {s: Job(s, at.get(s, str(cell))) for s in ("prepare", "train", "sample", "evaluate", "floor")}


def is_there(study: Study, job: Job) -> bool:
    """Whether all files of a job exist."""
    return all(path.is_file() for path in study.files(job).values())


class Record:
    """All results of one cell, read once for all its replicates; the files must be there (floors need not)."""

    def __init__(self, study: Study, cell: Cell) -> None:
        self.study, self.cell, self.jobs = study, cell, jobs_of(cell)
        self.folders = {stage: study.directory(job) for stage, job in self.jobs.items()}
        self.cards = {s: storage.read_json(f / "run.json") for s, f in self.folders.items() if s != "floor"}
        self.curves = storage.read_table(self.folders["train"] / "training.parquet")
        self.scores = storage.read_table(self.folders["evaluate"] / "scores.parquet")

    @property
    def name(self) -> str:
        """How a run is named, but for its replicate."""
        return f"{self.cell.dataset} {self.cell.method} {self.cell.schedule}"

    @property
    def started(self) -> int:
        """When training began, ms."""
        return round(1000 * self.cards["train"]["started"])

    @property
    def ended(self) -> int:
        """When training ended, ms."""
        return self.started + round(1000 * self.cards["train"]["seconds"])

    def params(self, replicate: int) -> dict[str, str]:
        """All settings that led to a run, with flat names such as `training.steps`."""
        prepare, train, sample = (self.cards[s]["spec"] for s in ("prepare", "train", "sample"))
        facts = self.cards["prepare"]["facts"]
        tree = {
            "dataset": self.cell.dataset,
            "method": self.cell.method,
            "schedule": self.cell.schedule,
            "replicate": replicate,
            "seed": train["seed"],
            "objective": train["objective"]["name"],
            "network": train["network"]["name"],
            "dataset.source": prepare["source"]["name"],
            "schedule.kind": train["schedule"]["name"],
            "dataset.dimension": facts["dimension"],
            "dataset.points": facts["rows"],
            "network.parameters": self.cards["train"]["facts"]["parameters"],
            "training": train["training"],
            "sampling.points": self.cards["sample"]["facts"]["points"],
            "evaluation": self.cards["evaluate"]["spec"]["evaluation"],
        }
        options = {
            "dataset": prepare["source"]["options"],
            **{part: train[part]["options"] for part in ("objective", "schedule", "network")},
            **{f"sampler.{label}": {"kind": p["name"], **p["options"]} for label, p in sample["samplers"].items()},
        }
        return dict(flat("", options)) | dict(flat("", tree))

    def tags(self, replicate: int) -> dict[str, str]:
        """What runs are found, filtered and grouped by."""
        card = self.cards["train"]
        facts, command = card["facts"], card["command"]
        status, step = facts["status"][replicate], facts["ended_at"][replicate]
        note = [
            f"Replicate {replicate} of `{self.cell}`; there are {card['spec']['replicates']}, which differ in their"
            f" random numbers only.",
            f"Made by `{command}`; the results lie in `{self.folders['evaluate']}`.",
        ]
        tags = {
            **{field: getattr(self.cell, field) for field in ("dataset", "method", "schedule")},
            "replicate": str(replicate),
            "study": self.study.name,
            "status": status,
            "key": self.cards["evaluate"]["key"],
            "train_key": card["key"],
            "current": "yes",
            "mlflow.source.name": self.study.file.name,
            "mlflow.source.type": "LOCAL",
        }
        if step is not None:
            tags["ended_at"] = str(step)
            why = facts["reasons"][replicate]
            note.insert(0, f"**{status.capitalize()} at step {step}**: {why}; the weights stayed as they were.")
        if card["commit"]:
            changed = {True: "yes", False: "no"}[bool(card["dirty"])]
            tags |= {"commit": card["commit"], "dirty": changed, "mlflow.source.git.commit": card["commit"]}
        return tags | {"mlflow.note.content": "\n\n".join(note)}

    def points(self, replicate: int) -> Iterator[Point]:
        """Final values, errors per noise level (step: place of sigma, ascending), curves over training steps.

        In this order, because MLflow shows them in the order of their arrival.
        """
        card = self.cards["train"]
        facts, steps = card["facts"], card["spec"]["training"]["steps"]
        scores = [row for row in rows(self.scores, replicate) if row["value"] is not None]  # null: not finite
        final = {
            f"{row['metric']}/{row['sampler']}" if row["sampler"] else row["metric"]: row["value"]
            for row in sorted(scores, key=lambda row: row["metric"].endswith("_untrained"))
            if row["sigma"] is None
        }
        final |= {"training_seconds": facts["training_seconds"], "evaluations": facts["evaluations"]}
        sampling = self.cards["sample"]["facts"]["sampling_seconds"]
        final |= {f"sampling_seconds/{label}": seconds for label, seconds in sampling.items()}
        for name, value in final.items():
            yield Point(name, float(value), 0, self.ended)
        scales = [row for row in scores if row["sigma"] is not None]
        levels = sorted({row["sigma"] for row in rows(self.scores, replicate) if row["sigma"] is not None})
        for row in scales:
            yield Point(f"{row['metric']}_by_sigma", row["value"], levels.index(row["sigma"]), self.ended)
        for row in (row for row in rows(self.curves, replicate) if row["sigma"] is None):  # the rest is over sigma
            at = self.started + round(1000 * facts["training_seconds"] * row["step"] / steps)
            yield Point(f"train/{row['metric']}", row["value"], row["step"], at)

    def artifacts(self, replicate: int) -> Iterator[tuple[str, bytes]]:
        """Tables, and pictures of samples and of D(sigma): (file name, content)."""
        here = self.scores.filter(pa.compute.equal(self.scores["replicate"], replicate)).drop_columns("replicate")
        yield "scores.csv", as_csv(here)
        if (by_sigma := _by_sigma(here.to_pylist())) is not None:
            yield "error_by_sigma.csv", as_csv(by_sigma)
        if (curve := self._curve_picture) is not None:
            yield "D_by_sigma.png", curve
        labels, replicates, x = self._samples
        for label in sorted(set(labels)):
            points = x[(labels == label) & (replicates == replicate)]
            yield f"samples/{label}.png", sample_picture(points, self.folders["prepare"])

    @functools.cached_property
    def _samples(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        table = storage.read_table(self.folders["sample"] / "samples.parquet")
        return table["sampler"].to_numpy(), table["replicate"].to_numpy(), storage.points_of(table["x"])

    @functools.cached_property
    def _curve_picture(self) -> bytes | None:
        """D(sigma) of all replicates, which shows how much of a difference is chance; None with fewer than 2 levels."""
        D = [row for row in self.scores.to_pylist() if row["metric"] == "D" and row["sigma"] is not None]
        sigmas, replicates = sorted({row["sigma"] for row in D}), sorted({row["replicate"] for row in D})
        if len(sigmas) < 2:
            return None
        values = np.full((len(replicates), len(sigmas)), np.nan)
        for row in D:
            value = math.nan if row["value"] is None else row["value"]
            values[replicates.index(row["replicate"]), sigmas.index(row["sigma"])] = value
        return scale_curve_picture(np.array(sigmas), values, f"{self.name}: {len(replicates)} replicates")


def floors(study: Study, job: Job, replicate: int, at: int) -> list[Point]:
    """What the truth itself scores against the test points: `<metric>/floor`."""
    table = storage.read_table(study.directory(job) / "floors.parquet")
    return [Point(f"{row['metric']}/floor", row["value"], 0, at) for row in rows(table, replicate)]


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
        text = value if isinstance(value, str) else provenance.canonical(value)
        yield prefix, text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _by_sigma(scores: list[dict[str, Any]]) -> pa.Table | None:
    """One row per noise level, one column per metric."""
    levels: dict[float, dict[str, Any]] = {}
    for row in scores:
        if row["sigma"] is not None:
            levels.setdefault(row["sigma"], {"sigma": row["sigma"]})[row["metric"]] = row["value"]
    if not levels:
        return None
    names = dict.fromkeys(name for level in levels.values() for name in level)
    columns = {name: [level.get(name) for _, level in sorted(levels.items())] for name in names}
    return pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})


def as_csv(table: pa.Table) -> bytes:
    """A table as CSV, which MLflow's pages show as a table."""
    buffer = io.BytesIO()
    pa.csv.write_csv(table, buffer)
    return buffer.getvalue()


@functools.cache
def _truth(folder: Path) -> tuple[dict[str, Any], View, np.ndarray]:
    """dataset.json, the view, and the panel of the test points, the same in all pictures of a data set."""
    described, x = describe(folder), read_points(folder, "test")
    view = view_of(x, described)
    return described, view, panel(x, described, view)


def sample_picture(points: np.ndarray, folder: Path) -> bytes:
    """Samples (n, d) on the left, true points on the right, as a PNG.

    As `report.pictures.sample_picture`, but the truth of a data set is drawn once for hundreds of pictures.
    """
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
