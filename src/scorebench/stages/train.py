"""train: a method on a noise schedule -> averaged weights and training curves of all replicates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from scorebench import storage
from scorebench.stages import Inputs, Spec, built, set_up
from scorebench.stages._dataset import exact_target, read_points
from scorebench.streams import Streams
from scorebench.training import Optimisation, fit


def train(spec: Spec, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Write model.safetensors (parameters with a leading axis of replicates) and training.parquet."""
    device = set_up(spec)
    data = inputs["data"]
    objective = built(spec["objective"])
    fitted = fit(
        objective,
        built(spec["schedule"]),
        built(spec["network"]),
        torch.from_numpy(read_points(data, "train")).to(device),
        torch.from_numpy(read_points(data, "validation")).to(device),
        Optimisation(**spec["training"]),
        Streams(spec["seed"], spec["replicates"], device),
        exact_target(data),
    )
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
        "parameters": sum(value[0].numel() for value in fitted.parameters.values()),
    }
