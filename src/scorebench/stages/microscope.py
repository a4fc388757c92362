"""microscope: how noisy the gradients of methods are, scale by scale, on networks of three ages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from scorebench import storage
from scorebench.metrics.gradients import GradientMoments, gradient_moments
from scorebench.objectives import Batch
from scorebench.objectives.dsm import DenoisingScoreMatching
from scorebench.objectives.esm import ExplicitScoreMatching
from scorebench.specs.microscope import MicroscopeFacts, MicroscopeSpec
from scorebench.stages import UNATTENDED, Inputs, Running, set_up
from scorebench.stages._dataset import exact_target, read_points
from scorebench.stages._reference import reference_networks
from scorebench.streams import Streams, integers, normal
from scorebench.training.loop import Optimisation, Problem

CHUNK = 128
"""Samples that have a network of their own at once."""
SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("method", pa.string()),
        ("metric", pa.string()),
        ("sigma", pa.float64()),
        ("value", pa.float64()),
        ("error", pa.float64()),
    ]
)


def microscope(spec: MicroscopeSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> MicroscopeFacts:
    """Write gradients.parquet: columns replicate, method, metric, sigma, value, error (jackknife standard error).

    Per phase (start, early, end) of a reference network, noise level and method:
    gradient_variance@PHASE: V = tr Cov of the per-sample gradient in all parameters;
    gradient_covariance@PHASE: C with DSM, gradient_correlation@PHASE: C / sqrt(V V_DSM), gradient_ratio@PHASE:
    V / V_DSM;
    best_weight@PHASE: the weight on the method with which its mix with DSM varies least, weight_gap@PHASE: that less
    V_DSM / (V + V_DSM), mix_gain@PHASE: the smaller of V and V_DSM over the variance of that mix.
    gradient_evaluations: network evaluations of a sample. ESM is always among the methods: its V is the share that the
    misfit of the network has in all of them. Methods that learn while training have their initial rule.
    """
    set_up(spec.threads)
    data = inputs["data"]
    target = exact_target(data)
    if target is None:
        raise ValueError("the gradients' microscope needs data whose exact score is known")
    network = spec.network.build()
    train, validation = (torch.from_numpy(read_points(data, split)) for split in ("train", "validation"))
    streams = Streams(spec.seed, spec.replicates)
    schedule, exact = spec.schedule.build(), ExplicitScoreMatching()
    problem = Problem(exact, schedule, network, train, validation, target, streams)
    networks = reference_networks(problem, Optimisation(**spec.reference.model_dump()))
    losses = {name: part.build() for name, part in spec.methods.items()}
    if not any(type(loss) is ExplicitScoreMatching for loss in losses.values()):
        losses["esm"] = exact
    baseline = next((name for name, loss in losses.items() if type(loss) is DenoisingScoreMatching), None)
    n, grid = spec.samples, spec.sigmas
    index = integers(len(train), (spec.replicates, n), streams.at("microscope index"))
    noise = normal((spec.replicates, n, train.shape[1]), streams.at("microscope noise"))
    rows: list[tuple[int, str, str, float | None, float, float | None]] = []
    for name, loss in losses.items():
        count = float(loss.evaluations(target.dimension))
        rows += [(r, name, "gradient_evaluations", None, count, None) for r in range(spec.replicates)]
    sigmas = np.geomspace(grid.min, grid.max, grid.count).tolist()
    for phase, parameters in networks.items():
        for r in range(spec.replicates):
            one = {name: weight[r] for name, weight in parameters.items()}
            for k, sigma in enumerate(sigmas):
                batch = Batch(train[index[r]], noise[r], torch.full((n,), sigma), target, reference=train)
                generator = streams.at("microscope probes", k)[r]
                moments = gradient_moments(losses, network.score, one, batch, generator, CHUNK)
                rows += [
                    (r, name, f"{metric}@{phase}", sigma, value, error)
                    for name, metric, value, error in _rows(moments, baseline)
                ]
    columns = zip(*rows, strict=True)
    table = pa.table([pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)
    storage.write_table(out / "gradients.parquet", table)
    return MicroscopeFacts(rows=len(rows), parameters=sum(weight[0].numel() for weight in parameters.values()))


def _rows(moments: GradientMoments, baseline: str | None) -> list[tuple[str, str, float, float | None]]:
    """Method, metric, value, error."""
    rows: list[tuple[str, str, float, float | None]] = []
    for name in moments.names:
        V = moments.variance(name)
        rows.append((name, "gradient_variance", V.value, V.error))
        if baseline is None or name == baseline:
            continue
        at = [moments.names.index(each) for each in (baseline, name)]
        rows.append((name, "gradient_covariance", float(moments.covariance[at[0], at[1]]), None))
        for metric, estimate in (
            ("gradient_correlation", moments.correlation(baseline, name)),
            ("gradient_ratio", moments.variance_ratio(name, baseline)),
            ("best_weight", moments.best_weight(baseline, name)),
            ("weight_gap", moments.weight_gap(baseline, name)),
            ("mix_gain", moments.mix_gain(baseline, name)),
        ):
            rows.append((name, metric, estimate.value, estimate.error))
    return rows
