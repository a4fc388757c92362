"""train: a method on a noise schedule -> averaged weights and training curves of all replicates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from scorebench import storage
from scorebench.stages import Inputs, Spec, built, set_up
from scorebench.stages._dataset import exact_target, read_points
from scorebench.streams import Streams
from scorebench.training import Optimisation, fit
from scorebench.tuning import choose_rate


def train(spec: Spec, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Write model.safetensors (parameters with a leading axis of replicates) and training.parquet."""
    device = set_up(spec)
    data = inputs["data"]
    parts = (
        built(spec["objective"]),
        built(spec["schedule"]),
        built(spec["network"]),
        torch.from_numpy(read_points(data, "train")).to(device),
        torch.from_numpy(read_points(data, "validation")).to(device),
    )
    target, streams = exact_target(data), Streams(spec["seed"], spec["replicates"], device)
    training, choice = dict(spec["training"]), None
    if rates := training.pop("learning_rates", None):
        trials = training.pop("trials")
        steps = max(1, round(training["steps"] * trials["share"]))
        short = Optimisation(**{**training, "learning_rate": rates[0], "steps": steps})
        choice = choose_rate(rates, *parts, short, replace(streams, replicates=trials["replicates"]), target)
        training["learning_rate"] = choice.rate
    fitted = fit(*parts, Optimisation(**training), streams, target)
    replicates, steps, metrics, values = zip(*fitted.curve, strict=True) if fitted.curve else ((), (), (), ())
    curves = pa.table(
        {
            "replicate": pa.array(replicates, pa.int32()),
            "step": pa.array(steps, pa.int64()),
            "metric": pa.array(metrics, pa.string()),
            "value": pa.array(values, pa.float64()),
        }
    )
    storage.write_table(out / "training.parquet", curves)
    storage.write_parameters(out / "model.safetensors", fitted.parameters)
    return {
        "device": device,
        "status": fitted.status,
        "diverged_at": fitted.diverged_at,
        "evaluations": fitted.evaluations,
        "training_seconds": fitted.seconds,
        "learning_rate": training["learning_rate"],
        "choice": None if choice is None else choice.facts(),
        "parameters": sum(value[0].numel() for value in fitted.parameters.values()),
    }
