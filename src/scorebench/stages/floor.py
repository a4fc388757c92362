"""floor: the truth measured against the truth, the value below which no method can be seen to differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from scorebench import storage
from scorebench.specs.evaluate import FloorFacts, FloorSpec
from scorebench.stages import UNATTENDED, Inputs, Running
from scorebench.stages._dataset import describe, exact_target, read_points, sample_size
from scorebench.stages._distances import Distances
from scorebench.streams import Streams, seed_of


def floor(spec: FloorSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> FloorFacts:
    """Write floors.parquet: columns replicate, metric and value.

    The truth is as large as the samples: where the distribution is known, a fresh draw for every replicate; for a
    finite data set, a random half of the training points.
    """
    data = inputs["data"]
    described, target, test = describe(data), exact_target(data), read_points(data, "test")
    train, n = read_points(data, "train"), sample_size(spec.points, described)
    distances = Distances(test, target, spec.evaluation, spec.seed, None if target is None else train)
    rows = []
    for replicate in range(spec.replicates):
        if target is not None:
            generator = Streams(spec.seed, replicate + 1).at("floor")[replicate]
            x = target.sample(n, generator).numpy().astype(np.float32)
        else:
            order = np.random.default_rng(seed_of(spec.seed, replicate, "floor")).permutation(len(train))
            x = train[order[:n]]
        rows += [(replicate, metric, value) for metric, value in distances(x).items()]
    replicates, metrics, numbers = zip(*rows, strict=True)
    table = {
        "replicate": pa.array(replicates, pa.int32()),
        "metric": metrics,
        "value": pa.array(numbers, pa.float64()),
    }
    storage.write_table(out / "floors.parquet", pa.table(table))
    return FloorFacts(points=n)
