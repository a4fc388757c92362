"""Training a score network on one objective and one noise schedule, all replicates as one batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from scorebench.learning import BLOCK, SHARE
from scorebench.objectives import Batch
from scorebench.parts import Status, Unsuitable
from scorebench.streams import integers, normal
from scorebench.training import lessons
from scorebench.training.checkpoint import History, TrainState
from scorebench.training.counting import counted
from scorebench.training.optimisation import Optimisation as Optimisation
from scorebench.training.optimisation import adam_step
from scorebench.training.problem import Problem as Problem
from scorebench.training.validation import HeldOut

if TYPE_CHECKING:
    from scorebench.learning import Learned
    from scorebench.networks import Parameters
    from scorebench.training.checkpoint import Progress

RESULTS = (Unsuitable, ArithmeticError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]  # not in its __all__
"""Errors that say that a method can't be trained here, which is a result: a part that refuses, arithmetic that breaks
down. All others are faults of a program or a machine and are left to whoever can mend them."""
Watch: TypeAlias = "Callable[[int, Parameters], None]"
"""watch(step, weights (R, ...)) sees the weights that a step is about to be taken with; they change in place."""


@dataclass
class Fitted(History):
    """Trained networks: averaged parameters (R, ...), and how it went.

    parameters is empty where the network could not even be made. learned: what the objective and the schedule have
    learned, if they learn, and learned_curves the functions of sigma that it comes to, rows (replicate, name, sigma,
    value).
    """

    parameters: Parameters = field(default_factory=dict)
    learned: dict[str, Learned] = field(default_factory=dict)
    learned_curves: list[tuple[int, str, float, float]] = field(default_factory=list)

    @classmethod
    def failed(cls, replicates: int, reason: str) -> Fitted:
        """Nothing, because training could not even begin."""
        fitted = cls.begun(replicates)
        for replicate in range(replicates):
            fitted.lose(replicate, Status.FAILED, reason)
        return fitted

    @property
    def whole(self) -> bool:
        """Whether every replicate was trained to the end."""
        return set(self.status) == {Status.TRAINED}

    @property
    def evaluations(self) -> int:
        """Points per replicate at which the network was evaluated, in lessons too."""
        return self.points // len(self.status)


def fit(
    problem: Problem, optimisation: Optimisation, progress: Progress | None = None, watch: Watch | None = None
) -> Fitted:
    """Train one network for each of the problem's streams.

    Every `log_every` steps the curve gets, per replicate, `loss` (mean weighted training loss since the last
    entry), and on fixed validation points `score_error` (E w(sigma) ||s - s*||^2, where the score is known)
    and `validation_dsm` (E w(sigma) ||s + epsilon / sigma||^2 / 2, where there is noise).

    With `progress`, it goes on from the checkpoint that is kept there and saves others when they are due; what comes
    out is the same bit for bit, but for the seconds. Watching changes nothing either.
    """
    training = Training(problem, optimisation)
    state = training.state
    try:
        training.begin()
        if progress is not None and (kept := progress.load()) is not None:
            training.resume(kept)
        while state.history.step < optimisation.steps:
            if watch is not None:
                watch(state.history.step, state.weights)
            if not training.advance():
                break
            if progress is not None:
                progress.show(state.history.step, state.history.curve)
                if progress.due():
                    progress.save(state)
    except RESULTS as error:
        reason = str(error) if isinstance(error, Unsuitable) else f"{type(error).__name__.lstrip('_')}: {error}"
        for replicate in range(problem.streams.replicates):
            state.history.lose(replicate, Status.FAILED, reason)
    return training.fitted()


@dataclass(frozen=True)
class Block:
    """The random numbers of BLOCK steps: places in the training data, noise, noise levels, (R, BLOCK, batch, ...)."""

    number: int
    index: Tensor
    noise: Tensor
    sigma: Tensor


class Training:
    """A training under way: its state, which advances, and what follows from that."""

    def __init__(self, problem: Problem, optimisation: Optimisation) -> None:
        self.clock = time.perf_counter()
        self.problem, self.optimisation = problem, optimisation
        self.state = TrainState.empty(problem.streams.replicates, problem.train.device)
        self.block: Block | None = None

    def begin(self) -> None:
        """Make the networks, and what parts begin to learn with."""
        problem, state = self.problem, self.state
        state.begin(problem.network.initialise(problem.event, problem.streams.at("initialise")))
        self.score = counted(problem.network.score(state.weights), self._count)
        learned = lessons.begin(problem)
        self.held_out = HeldOut(problem)
        state.learned = learned
        self.problem = problem.informed(learned)

    def resume(self, kept: TrainState) -> None:
        """Go on from a state of this training."""
        self.state.take(kept)
        self.state.history.resumed_at.append(self.state.history.step)
        self.problem = self.problem.informed(self.state.learned)

    def advance(self) -> bool:
        """One step; False if there is no replicate left to take it."""
        state, step = self.state, self.state.history.step
        if step % BLOCK == 0 and state.learned:
            self._learn()
        problem, batch = self.problem, self._batch()
        losses = problem.objective(self.score, batch, problem.streams.at("probe", step))
        loss = (problem.schedule.weight(batch.sigma) * losses).mean(-1)
        weights = list(state.weights.values())
        for weight in weights:
            weight.grad = None
        loss.sum().backward()
        if not self._survive(loss.detach()):
            return False
        before = None if bool(state.alive.all()) else [weight.detach().clone() for weight in weights]
        adam_step(
            zip(weights, state.first.values(), state.second.values(), state.counts.values(), strict=True),
            self.optimisation.rate(step),
        )
        with torch.no_grad():
            if before is not None:
                for weight, old in zip(weights, before, strict=True):
                    weight.copy_(torch.where(_per_replicate(state.alive, weight), weight, old))
            torch._foreach_lerp_(list(state.average.values()), weights, 1 - self.optimisation.keep(step))
        state.losses += torch.where(state.alive, loss.detach(), torch.nan)
        state.history.step = done = step + 1
        every = self.optimisation.log_every
        if done % every == 0 or done == self.optimisation.steps:
            self._log("loss", state.losses / (done % every or every))
            state.losses = torch.zeros_like(state.losses)
            for metric, values in self.held_out.errors(problem.network.score(state.average)).items():
                self._log(metric, values)
        self._tick()
        return True

    def fitted(self) -> Fitted:
        """What it has come to."""
        self._tick()
        state = self.state
        curves = lessons.curves(self.problem, state.learned)
        return Fitted(**vars(state.history), parameters=state.average, learned=state.learned, learned_curves=curves)

    def _count(self, points: int) -> None:
        self.state.history.points += points

    def _tick(self) -> None:
        now = time.perf_counter()
        self.state.history.seconds += now - self.clock
        self.clock = now

    def _learn(self) -> None:
        state = self.state
        samples = max(1, int(SHARE * self.optimisation.batch))
        lesson = lessons.Lesson(self.problem, state.history.step, state.weights, samples)
        lessons.learn(lesson, state.learned)
        self.problem = self.problem.informed(state.learned)
        self._count(lesson.points)

    def _batch(self) -> Batch:
        """The samples of this step, from the random numbers of its block."""
        number, i = divmod(self.state.history.step, BLOCK)
        problem, block = self.problem, self.block
        if block is None or block.number != number:
            shape = (problem.streams.replicates, BLOCK, self.optimisation.batch)
            at = problem.streams.at
            block = self.block = Block(
                number,
                integers(len(problem.train), shape, at("index", number)),
                normal((*shape, *problem.event), at("noise", number)),
                problem.schedule.sample(shape, at("sigma", number), like=problem.train),
            )
        clean, noise = problem.train[block.index[:, i]], block.noise[:, i]
        return Batch(clean, noise, block.sigma[:, i], problem.target, reference=problem.train)

    def _survive(self, loss: Tensor) -> bool:
        """Give up replicates whose loss or gradient is not finite; False if none is left."""
        state, finite = self.state, loss.isfinite()
        gradients = [weight.grad for weight in state.weights.values() if weight.grad is not None]
        smooth = finite.clone()
        if not bool(torch.stack(torch._foreach_norm(gradients)).isfinite().all()):
            for gradient in gradients:
                smooth &= gradient.isfinite().flatten(1).all(1)
        if bool((smooth | ~state.alive).all()):
            return True
        for r in torch.nonzero(state.alive & ~smooth).flatten().tolist():
            what = "gradient" if bool(finite[r]) else "loss"
            state.history.lose(r, Status.DIVERGED, f"the {what} was not finite")
        state.alive &= smooth
        return bool(state.alive.any())

    def _log(self, metric: str, values: Tensor) -> None:
        history = self.state.history
        for r, value in enumerate(values.tolist()):
            if math.isfinite(value):
                history.curve.append((r, history.step, metric, value))


def _per_replicate(flags: Tensor, like: Tensor) -> Tensor:
    return flags.reshape(-1, *[1] * (like.ndim - 1))
