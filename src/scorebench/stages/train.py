"""train: a method on a noise schedule -> averaged weights and training curves of all replicates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import torch

from scorebench import storage
from scorebench.parts import Unsuitable
from scorebench.specs.train import ChoiceFacts, ChosenRate, TrainFacts, Training, TrainSpec
from scorebench.stages import UNATTENDED, Inputs, Running, set_up
from scorebench.stages._dataset import exact_target, read_points
from scorebench.streams import Streams
from scorebench.training.checkpoint import MAIN, Course
from scorebench.training.loop import Fitted, Optimisation, Problem, fit
from scorebench.training.tuning import choose_rate

SCHEMA = pa.schema(
    [
        ("replicate", pa.int32()),
        ("step", pa.int64()),
        ("metric", pa.string()),
        ("sigma", pa.float64()),
        ("value", pa.float64()),
    ]
)


def train(spec: TrainSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> TrainFacts:
    """Write model.safetensors (parameters with a leading axis of replicates) and training.parquet.

    The model's metadata say how every replicate went. It goes on from the checkpoint that `running` has of
    it, if it was stopped before. What `running` raises to end it comes through.
    """
    device = set_up(spec.threads, spec.gpu)
    with running.checkpoints(device) as course:
        fitted, rate, choice = _fitted(spec, inputs["data"], device, course)
    went = {"status": fitted.status, "ended_at": fitted.ended_at, "reasons": fitted.reasons}
    storage.write_table(out / "training.parquet", curves(fitted, spec.training.steps))
    storage.write_parameters(out / "model.safetensors", fitted.parameters, went)
    return TrainFacts(
        device=device,
        **went,
        evaluations=fitted.evaluations,
        training_seconds=fitted.seconds,
        resumed_at=fitted.resumed_at,
        learning_rate=rate,
        choice=choice,
        parameters=sum(value[0].numel() for value in fitted.parameters.values()),
    )


def _fitted(
    spec: TrainSpec, data: Path, device: str, course: Course | None
) -> tuple[Fitted, float | None, ChoiceFacts | None]:
    """The training, and at which learning rate and how that was chosen."""
    problem = Problem(
        spec.objective.build(),
        spec.schedule.build(),
        spec.network.build(),
        torch.from_numpy(read_points(data, "train")).to(device),
        torch.from_numpy(read_points(data, "validation")).to(device),
        exact_target(data),
        Streams(spec.seed, spec.replicates, device),
    )
    training, choice = spec.training, None
    if isinstance(training, ChosenRate):
        trials, rates = training.trials, training.learning_rates
        short = _optimisation(training, rates[0], max(1, round(training.steps * trials.share)))
        few = replace(problem, streams=replace(problem.streams, replicates=trials.replicates))
        try:
            choice = choose_rate(rates, few, short, course)
        except Unsuitable as error:
            return Fitted.failed(spec.replicates, str(error)), None, None
        rate = choice.rate
    else:
        rate = training.learning_rate
    progress = None if course is None else course.training(MAIN)
    fitted = fit(problem, _optimisation(training, rate, training.steps), progress)
    if choice is None:
        return fitted, rate, None
    losses = {str(tried): loss for tried, loss in choice.losses.items()}
    chosen = ChoiceFacts(rate=rate, losses=losses, evaluations=choice.evaluations, seconds=choice.seconds)
    return fitted, rate, chosen


def _optimisation(training: Training, rate: float, steps: int) -> Optimisation:
    return Optimisation(steps, training.batch, rate, training.ema, training.log_every)


def curves(fitted: Fitted, steps: int) -> pa.Table:
    """The training curves, and after them what was learned by the last step: `learned.<name>` at noise levels."""
    rows: list[tuple[int, int, str, float | None, float]] = []
    rows += [(r, step, metric, None, value) for r, step, metric, value in fitted.curve]
    rows += [(r, steps, f"learned.{name}", sigma, value) for r, name, sigma, value in fitted.learned_curves]
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)
