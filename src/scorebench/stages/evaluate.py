"""evaluate: a trained network and its samples -> numbers in long form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from scorebench import storage
from scorebench.metrics.fisher import fisher_errors, integral
from scorebench.stages import Inputs, Spec, built, set_up
from scorebench.stages._dataset import exact_target, read_points
from scorebench.stages._distances import distances
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture

Row = tuple[int, str | None, str, float | None, float | None]
SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("sampler", pa.string()),
        ("metric", pa.string()),
        ("sigma", pa.float64()),
        ("value", pa.float64()),
    ]
)


def evaluate(spec: Spec, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Write scores.parquet: columns replicate, sampler or null, metric, sigma or null, value (null: not finite)."""
    set_up(spec)
    data = inputs["data"]
    target = exact_target(data)
    rows: list[Row] = []
    if target is not None:
        rows += _score_errors(spec, inputs["checkpoint"], target)
    rows += _sample_errors(spec, inputs, target)
    columns = zip(*[(*row[:4], _finite(row[4])) for row in rows], strict=True) if rows else [()] * len(SCHEMA)
    table = pa.table([pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)
    storage.write_table(out / "scores.parquet", table)
    return {"rows": len(rows)}


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _score_errors(spec: Spec, checkpoint: Path, target: GaussianMixture) -> list[Row]:
    """Score errors at the noise levels of the study, of the trained network and of the untrained one.

    A schedule of one level is measured at that level. `clean_error` holds for every schedule: the relative error
    against the score of the clean data, of the network at its lowest level.
    """
    network, schedule = built(spec["network"]), built(spec["schedule"])
    R, points = spec["replicates"], spec["evaluation"]["points"]
    parameters = storage.read_parameters(checkpoint / "model.safetensors")
    untrained = network.initialise((target.dimension,), Streams(spec["seed"], R).at("initialise"))
    grid = spec["evaluation"]["sigmas"]
    lowest = schedule.ladder()[-1:].double()
    if schedule.levels_trained == 1:
        sigmas = lowest
    else:
        low, high = np.log10(grid["min"]), np.log10(grid["max"])
        sigmas = torch.logspace(low, high, grid["count"], dtype=torch.float64)

    def generator() -> torch.Generator:
        return Streams(spec["seed"], 1).at("score errors")[0]

    rows: list[Row] = []

    def add(metric: str, values: torch.Tensor, sigma: float | None = None) -> None:
        rows.extend((r, None, metric, sigma, value) for r, value in enumerate(values.tolist()))

    for suffix, weights in (("", parameters), ("_untrained", untrained)):
        score = network.score(weights)
        errors, norms = fisher_errors(score, target, sigmas, points, generator(), R)
        D = sigmas.square() * errors
        for i, sigma in enumerate(sigmas.tolist()):
            if sigma > 0:
                add(f"D{suffix}", D[:, i], sigma)
            add(f"relative_error{suffix}", errors[:, i] / norms[i], sigma)
        if len(sigmas) > 1:
            add(f"D_integral{suffix}", integral(sigmas, D))
            add(f"D_max{suffix}", D.max(-1).values)

        def at_lowest(x: torch.Tensor, sigma: torch.Tensor, score: Any = score) -> torch.Tensor:
            s: torch.Tensor = score(x, sigma + lowest.to(sigma))
            return s

        errors, norms = fisher_errors(at_lowest, target, torch.zeros(1), points, generator(), R)
        add(f"clean_error{suffix}", errors[:, 0] / norms[0])
    return rows


def _sample_errors(spec: Spec, inputs: Inputs, target: GaussianMixture | None) -> list[Row]:
    table = storage.read_table(inputs["samples"] / "samples.parquet")
    test = read_points(inputs["data"], "test")
    labels, replicates = table["sampler"].to_numpy(), table["replicate"].to_numpy()
    x = storage.points_of(table["x"])
    rows: list[Row] = []
    for label in sorted(set(labels)):
        for replicate in range(spec["replicates"]):
            here = x[(labels == label) & (replicates == replicate)]
            finite = np.isfinite(here).all(1) & (np.abs(here) < 1e6).all(1)
            rows.append((replicate, label, "finite_share", None, float(finite.mean())))
            if finite.all():
                values = distances(here, test, target, spec["evaluation"], spec["seed"])
                rows += [(replicate, label, metric, None, value) for metric, value in values.items()]
    return rows
