"""Training a score network on one objective and one noise schedule, all replicates as one batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scorebench.objectives import Batch, Objective, Target
from scorebench.parts import Unsuitable
from scorebench.streams import Streams, integers, normal
from scorebench.training.checkpoint import Checkpoint
from scorebench.training.optimisation import Adam
from scorebench.training.optimisation import Optimisation as Optimisation
from scorebench.training.trials import Learning, Trial
from scorebench.training.validation import HeldOut

if TYPE_CHECKING:
    from scorebench.learning import State
    from scorebench.networks import Network, Parameters
    from scorebench.noise import Schedule
    from scorebench.parts import Score
    from scorebench.training.checkpoint import Progress

BLOCK = 16
"""Steps whose random numbers are drawn at once.

Parts learn between blocks only, so the density that drew a sigma is the one that weighs it."""

RESULTS = (Unsuitable, ArithmeticError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]  # documented, yet not in its __all__
"""Errors that say that a method can't be trained here, which is a result: a part that refuses, arithmetic that breaks
down. All others are faults of a program or a machine and are left to whoever can mend them."""


@dataclass
class Fitted:
    """A trained network: averaged parameters (R, ...), training curves and how it went.

    curve: rows (replicate, step, metric, value). One per replicate: status, which is `trained`, `diverged` or
    `failed`; ended_at, the step at which a replicate diverged or failed, after which it was left as it was, and
    reasons, why. learned: what the objective and the schedule have learned, if they learn, and learned_curves the
    functions of sigma that it comes to, rows (replicate, name, sigma, value). evaluations: points per replicate at
    which the network was evaluated, in trials too. seconds: of all attempts together; resumed_at: the steps that
    attempts after the first went on from. parameters is empty where the network could not even be made.
    """

    parameters: Parameters
    curve: list[tuple[int, int, str, float]] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    ended_at: list[int | None] = field(default_factory=list)
    reasons: list[str | None] = field(default_factory=list)
    learned: dict[str, State] = field(default_factory=dict)
    learned_curves: list[tuple[int, str, float, float]] = field(default_factory=list)
    evaluations: int = 0
    seconds: float = 0.0
    resumed_at: list[int] = field(default_factory=list)

    @classmethod
    def begun(cls, replicates: int) -> Fitted:
        """Of so many replicates, none of which has done anything."""
        return cls({}, status=["trained"] * replicates, ended_at=[None] * replicates, reasons=[None] * replicates)

    @classmethod
    def failed(cls, replicates: int, reason: str) -> Fitted:
        """Nothing, because training could not even begin."""
        fitted = cls.begun(replicates)
        for replicate in range(replicates):
            fitted.lose(replicate, "failed", 0, reason)
        return fitted

    def lose(self, replicate: int, status: str, step: int, reason: str) -> None:
        """Write down that a replicate has come to its end; the first reason stands."""
        if self.status[replicate] == "trained":
            self.status[replicate], self.ended_at[replicate], self.reasons[replicate] = status, step, reason


class _Counted:
    """A score that counts the points at which it is evaluated."""

    def __init__(self, score: Score) -> None:
        self.score, self.points = score, 0
        for name in ("with_divergence", "with_slices"):  # the score's own ways, where it has them
            own = getattr(score, name, None)
            if own is not None:
                setattr(self, name, self._counting(own))

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.points += sigma.numel()
        return self.score(x, sigma)

    def _counting(self, way: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., tuple[Tensor, Tensor]]:
        def counted(x: Tensor, sigma: Tensor, *more: Tensor) -> tuple[Tensor, Tensor]:
            self.points += sigma.numel()
            return way(x, sigma, *more)

        return counted


def fit(
    objective: Objective,
    schedule: Schedule,
    network: Network,
    train: Tensor,
    validation: Tensor,
    optimisation: Optimisation,
    streams: Streams,
    target: Target | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train one network per replicate of `streams` on `train` (n, *event).

    Every `log_every` steps the curve gets, per replicate, `loss` (mean weighted training loss since the last
    entry), and on fixed validation points `score_error` (E w(sigma) ||s - s*||^2, where the score is known)
    and `validation_dsm` (E w(sigma) ||s + epsilon / sigma||^2 / 2, where there is noise).

    With `progress`, it goes on from the checkpoint that is kept there and saves others when they are due; what comes
    out is the same bit for bit, but for the seconds.
    """
    R = streams.replicates
    fitted = Fitted.begun(R)
    run = None
    try:
        run = _Run(fitted, objective, schedule, network, train, validation, optimisation, streams, target)
        if progress is not None and (saved := progress.load()) is not None:
            run.resume(saved)
        while run.step < optimisation.steps and run.advance():
            if progress is not None:
                progress.show(run.step, fitted.curve)
                if progress.due():
                    progress.save(run.checkpoint())
    except RESULTS as error:
        reason = str(error) if isinstance(error, Unsuitable) else f"{type(error).__name__.lstrip('_')}: {error}"
        for r in range(R):
            fitted.lose(r, "failed", 0 if run is None else run.step, reason)
    if run is not None:
        run.finish()
    return fitted


class _Run:
    """A training under way: all that it was given, and all that changes from step to step."""

    def __init__(
        self,
        fitted: Fitted,
        objective: Objective,
        schedule: Schedule,
        network: Network,
        train: Tensor,
        validation: Tensor,
        optimisation: Optimisation,
        streams: Streams,
        target: Target | None,
    ) -> None:
        self.start = time.perf_counter()
        self.fitted, self.network, self.train = fitted, network, train
        self.optimisation, self.streams, self.target = optimisation, streams, target
        R = streams.replicates
        self.parameters = network.initialise(tuple(train.shape[1:]), streams.at("initialise"))
        self.weights = list(self.parameters.values())
        for weight in self.weights:
            weight.requires_grad_()
        self.average = [weight.detach().clone() for weight in self.weights]
        self.fitted.parameters = dict(zip(self.parameters, self.average, strict=True))
        self.optimiser = Adam(self.weights)
        self.score = _Counted(network.score(self.parameters))
        self.alive = torch.ones(R, dtype=torch.bool, device=train.device)
        self.losses = torch.zeros(R, device=train.device)
        self.learning = Learning(objective, schedule, R, like=train)
        self.held_out = HeldOut(schedule, validation, streams, target)
        self.step = 0
        self.drawn: tuple[int, Tensor, Tensor, Tensor] | None = None
        """A block and its random numbers: places in the training data, noise, noise levels."""

    def advance(self) -> bool:
        """One step; False if there is no replicate left to take it."""
        step, learning = self.step, self.learning
        if step % BLOCK == 0:
            self._learn()
        batch = self._batch()
        losses = learning.objective(self.score, batch, self.streams.at("probe", step))
        loss = (learning.schedule.weight(batch.sigma) * losses).mean(-1)
        for weight in self.weights:
            weight.grad = None
        loss.sum().backward()
        if not self._survive(loss.detach()):
            return False
        before = None if bool(self.alive.all()) else [weight.detach().clone() for weight in self.weights]
        self.optimiser.step(self.optimisation.rate(step))
        with torch.no_grad():
            if before is not None:
                for weight, old in zip(self.weights, before, strict=True):
                    weight.copy_(torch.where(_per_replicate(self.alive, weight), weight, old))
            torch._foreach_lerp_(self.average, self.weights, 1 - self.optimisation.keep(step))
        self.losses += torch.where(self.alive, loss.detach(), torch.nan)
        self.step = done = step + 1
        every = self.optimisation.log_every
        if done % every == 0 or done == self.optimisation.steps:
            self._log("loss", self.losses / (done % every or every))
            self.losses = torch.zeros_like(self.losses)
            for metric, values in self.held_out.errors(self.network.score(self.fitted.parameters)).items():
                self._log(metric, values)
        return True

    def _learn(self) -> None:
        learning = self.learning
        if learning.active:
            samples = max(1, self.optimisation.batch // 2)
            given = (learning.objective, self.network, self.parameters, self.train, samples, self.streams, self.target)
            trial = Trial(self.step, *given)
            learning.learn(trial)
            self.score.points += trial.points

    def _batch(self) -> Batch:
        """The samples of this step, from the random numbers of its block."""
        block, i = divmod(self.step, BLOCK)
        if self.drawn is None or self.drawn[0] != block:
            shape = (self.streams.replicates, BLOCK, self.optimisation.batch)
            at = self.streams.at
            self.drawn = (
                block,
                integers(len(self.train), shape, at("index", block)),
                normal((*shape, *self.train.shape[1:]), at("noise", block)),
                self.learning.schedule.sample(shape, at("sigma", block), like=self.train),
            )
        _, index, noise, sigma = self.drawn
        return Batch(self.train[index[:, i]], noise[:, i], sigma[:, i], self.target, reference=self.train)

    def _survive(self, loss: Tensor) -> bool:
        """Give up replicates whose loss or gradient is not finite; False if none is left."""
        finite = loss.isfinite()
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        smooth = finite.clone()
        if not bool(torch.stack(torch._foreach_norm(gradients)).isfinite().all()):
            for gradient in gradients:
                smooth &= gradient.isfinite().flatten(1).all(1)
        if bool((smooth | ~self.alive).all()):
            return True
        for r in torch.nonzero(self.alive & ~smooth).flatten().tolist():
            what = "gradient" if bool(finite[r]) else "loss"
            self.fitted.lose(r, "diverged", self.step, f"the {what} was not finite")
        self.alive &= smooth
        return bool(self.alive.any())

    def _log(self, metric: str, values: Tensor) -> None:
        for r, value in enumerate(values.tolist()):
            if math.isfinite(value):
                self.fitted.curve.append((r, self.step, metric, value))

    def _state(self) -> dict[str, Tensor]:
        """All tensors that change in place, by name."""
        lists = {"weights": self.weights, "average": self.average, "first": self.optimiser.first,
                 "second": self.optimiser.second, "steps": self.optimiser.steps}  # fmt: skip
        state = {
            f"{kind}/{name}": tensor
            for kind, tensors in lists.items()
            for name, tensor in zip(self.parameters, tensors, strict=True)
        }
        return state | {"alive": self.alive, "losses": self.losses}

    def checkpoint(self) -> Checkpoint:
        """Everything as it is between two steps."""
        fitted = self.fitted
        metrics = list(dict.fromkeys(metric for _, _, metric, _ in fitted.curve))
        places = {metric: place for place, metric in enumerate(metrics)}
        rows = [(r, step, places[metric], value) for r, step, metric, value in fitted.curve]
        learned = {
            f"learned/{part}/{name}": tensor
            for part, state in self.learning.states.items()
            for name, tensor in state.items()
        }
        facts = {
            "step": self.step,
            "points": self.score.points,
            "metrics": metrics,
            "status": fitted.status,
            "ended_at": fitted.ended_at,
            "reasons": fitted.reasons,
            "resumed_at": fitted.resumed_at,
            "seconds": fitted.seconds + time.perf_counter() - self.start,
        }
        curve = torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)
        return Checkpoint(self._state() | learned | {"curve": curve}, facts)

    def resume(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint of this training."""
        tensors, facts, fitted = saved.tensors, saved.facts, self.fitted
        with torch.no_grad():
            for name, tensor in self._state().items():
                tensor.copy_(tensors[name])  # into memory as a beginning has it: products can depend on its alignment
        for part, state in self.learning.states.items():
            self.learning.inform(part, {name: tensors[f"learned/{part}/{name}"].to(old) for name, old in state.items()})
        self.step, self.score.points = facts["step"], facts["points"]
        fitted.status, fitted.ended_at, fitted.reasons = facts["status"], facts["ended_at"], facts["reasons"]
        fitted.seconds, fitted.resumed_at = facts["seconds"], [*facts["resumed_at"], self.step]
        metrics = facts["metrics"]
        fitted.curve = [(int(r), int(step), metrics[int(m)], value) for r, step, m, value in tensors["curve"].tolist()]

    def finish(self) -> None:
        """Say the rest."""
        fitted, learning = self.fitted, self.learning
        fitted.evaluations = self.score.points // self.streams.replicates
        fitted.learned, fitted.learned_curves = learning.states, learning.curves()
        fitted.seconds += time.perf_counter() - self.start


def _per_replicate(flags: Tensor, like: Tensor) -> Tensor:
    return flags.reshape(-1, *[1] * (like.ndim - 1))
