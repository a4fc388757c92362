"""sample: a trained network -> samples by every sampler that suits its schedule."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from scorebench import storage
from scorebench.specs.columns import restored
from scorebench.specs.sample import SampleFacts, SampleSpec
from scorebench.stages import UNATTENDED, Inputs, Running, set_up
from scorebench.stages._dataset import describe, sample_size
from scorebench.stages._trained import parameters_of, trained
from scorebench.streams import Streams

CHUNK = 2_000
"""Points of a replicate that are sampled at once, so that intermediate values stay in the processor's cache."""


def sample(spec: SampleSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> SampleFacts:
    """Write samples.parquet: columns sampler, replicate and x, in the units of the prepared data.

    Where the points are from a file, its columns stand beside them, in its units: what was done to them undone, with
    an underscore after a name that stands there already.

    As many points as the spec says, but for a finite data set not more than half its training points: the size of
    the true sample that the floor is taken with. Replicates that diverged or failed have no samples.
    """
    device = set_up(spec.threads, spec.gpu)
    described = describe(inputs["data"])
    n, d = sample_size(spec.points, described), described.dimension
    kept = trained(inputs["checkpoint"])
    parameters = parameters_of(inputs["checkpoint"], kept)
    score = spec.network.build().score({name: value.to(device) for name, value in parameters.items()})
    ladder = spec.schedule.build().ladder().to(device)
    streams, R = Streams(spec.seed, spec.replicates, device), len(kept)
    labels: list[str] = []
    replicates: list[int] = []
    drawn: list[np.ndarray] = []
    seconds = {}
    for label, part in spec.samplers.items() if kept else ():
        draw = part.build()
        start = time.perf_counter()
        chunks = []
        sizes = [CHUNK] * (n // CHUNK) + [n % CHUNK] * (n % CHUNK > 0)
        with running.shown(label, len(sizes)), torch.no_grad():
            for chunk, size in enumerate(sizes):
                every = streams.at(f"sample {label}", chunk)
                generators = [every[replicate] for replicate in kept]
                chunks.append(draw(score, ladder, (R, size, d), generators).cpu().numpy())
        seconds[label] = time.perf_counter() - start
        x = np.concatenate(chunks, 1)
        labels += [label] * (R * n)
        replicates += np.repeat(np.array(kept, dtype=np.int32), n).tolist()
        drawn.append(x.reshape(R * n, d))
    points = np.concatenate(drawn) if drawn else np.empty((0, d), np.float32)
    table = {
        "sampler": pa.array(labels, pa.string()).dictionary_encode(),
        "replicate": pa.array(replicates, pa.int32()),
        "x": storage.points_column(points),
    }
    for name, values in restored(described.columns or (), points, described.shift, described.scale).items():
        while name in table:
            name += "_"
        table[name] = pa.array(values)
    storage.write_table(out / "samples.parquet", pa.table(table))
    return SampleFacts(device=device, points=n, sampling_seconds=seconds)
