"""Training a score network on one objective and one noise schedule, all replicates as one batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim.adam import adam

from scorebench.objectives import Batch, Objective, Target
from scorebench.streams import Streams, integers, normal
from scorebench.trials import Learning, Trial

if TYPE_CHECKING:
    from scorebench.learning import State
    from scorebench.networks import Network, Parameters
    from scorebench.noise import Schedule
    from scorebench.parts import Score

BLOCK = 16
"""Steps whose random numbers are drawn at once.

Parts learn between blocks only, so the density that drew a sigma is the one that weighs it."""


@dataclass(frozen=True)
class Optimisation:
    """How to train: Adam with a cosine learning rate and an exponential moving average of the weights."""

    steps: int
    batch: int
    learning_rate: float
    ema: float
    log_every: int


@dataclass
class Fitted:
    """A trained network: averaged parameters (R, ...), training curves and how it went.

    curve: rows (replicate, step, metric, value). status: `trained` or `diverged`, one per replicate; diverged_at
    is the step whose loss was not finite, after which the replicate was left as it was. learned: what the objective
    and the schedule have learned, if they learn. evaluations: points per replicate at which the network was
    evaluated, in trials too.
    """

    parameters: Parameters
    curve: list[tuple[int, int, str, float]] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    diverged_at: list[int | None] = field(default_factory=list)
    learned: dict[str, State] = field(default_factory=dict)
    evaluations: int = 0
    seconds: float = 0.0


class _Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) as torch's function: its class imports torch's compiler, which takes longer
    than many a training.
    """

    def __init__(self, weights: list[Tensor]) -> None:
        self.weights = weights
        self.first = [torch.zeros_like(weight) for weight in weights]
        self.second = [torch.zeros_like(weight) for weight in weights]
        self.steps = [torch.zeros((), device=weight.device) for weight in weights]

    def step(self, rate: float) -> None:
        """One step along the gradients; a weight without one stays as it is."""
        used = [
            (weight, weight.grad, *moments)
            for weight, *moments in zip(self.weights, self.first, self.second, self.steps, strict=True)
            if weight.grad is not None
        ]
        weights, gradients, first, second, steps = (list(each) for each in zip(*used, strict=True))
        with torch.no_grad():
            adam(
                weights, gradients, first, second, [], steps, fused=True, lr=rate, beta1=0.9, beta2=0.999, eps=1e-8,
                weight_decay=0.0, amsgrad=False, maximize=False,
            )  # fmt: skip


class _Counted:
    """A score that counts the points at which it is evaluated."""

    def __init__(self, score: Score) -> None:
        self.score, self.points = score, 0
        self._own = getattr(score, "with_divergence", None)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.points += sigma.numel()
        return self.score(x, sigma)

    @property
    def with_divergence(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
        """The score and its divergence in one call, where the score has a way of its own."""
        own = self._own
        if own is None:
            return None

        def counted(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
            self.points += sigma.numel()
            found: tuple[Tensor, Tensor] = own(x, sigma)
            return found

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
) -> Fitted:
    """Train one network per replicate of `streams` on `train` (n, *event).

    Every `log_every` steps the curve gets, per replicate, `loss` (mean weighted training loss since the last
    entry), and on fixed validation points `score_error` (E w(sigma) ||s - s*||^2, where the score is known)
    and `validation_dsm` (E w(sigma) ||s + epsilon / sigma||^2 / 2, where there is noise).
    """
    R, B, event = streams.replicates, optimisation.batch, tuple(train.shape[1:])
    parameters = network.initialise(event, streams.at("initialise"))
    names, weights = list(parameters), list(parameters.values())
    for weight in weights:
        weight.requires_grad_()
    average = [weight.detach().clone() for weight in weights]
    optimiser = _Adam(weights)
    score = _Counted(network.score(parameters))
    alive = torch.ones(R, dtype=torch.bool, device=train.device)
    fitted = Fitted({}, diverged_at=[None] * R)
    held_out = _validation_batch(schedule, validation, streams, target)
    losses = torch.zeros(R, device=train.device)
    learning = Learning(objective, schedule, R, like=train)
    start = time.perf_counter()
    for step in range(optimisation.steps):
        if step % BLOCK == 0:
            if learning.active:
                trial = Trial(step, learning.objective, network, parameters, train, max(1, B // 2), streams, target)
                learning.learn(trial)
                score.points += trial.points
            block = step // BLOCK
            shape = (R, BLOCK, B)
            index = integers(len(train), shape, streams.at("index", block))
            noise = normal((*shape, *event), streams.at("noise", block))
            sigma = learning.schedule.sample(shape, streams.at("sigma", block), like=train)
        i = step % BLOCK
        batch = Batch(train[index[:, i]], noise[:, i], sigma[:, i], target, reference=train)
        losses_now = learning.objective(score, batch, streams.at("probe", step))
        loss = (learning.schedule.weight(batch.sigma) * losses_now).mean(-1)
        for weight in weights:
            weight.grad = None
        loss.sum().backward()
        finite = loss.detach().isfinite()
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if not bool(torch.stack(torch._foreach_norm(gradients)).isfinite().all()):
            for gradient in gradients:
                finite &= gradient.isfinite().flatten(1).all(1)
        if not bool((finite | ~alive).all()):
            for r in torch.nonzero(alive & ~finite).flatten().tolist():
                fitted.diverged_at[r] = step
            alive &= finite
            if not bool(alive.any()):
                break
        before = None if bool(alive.all()) else [weight.detach().clone() for weight in weights]
        optimiser.step(_learning_rate(optimisation, step))
        with torch.no_grad():
            if before is not None:
                for weight, old in zip(weights, before, strict=True):
                    weight.copy_(torch.where(_per_replicate(alive, weight), weight, old))
            keep = min(optimisation.ema, (1 + step) / (10 + step))
            torch._foreach_lerp_(average, weights, 1 - keep)
        losses += torch.where(alive, loss.detach(), torch.nan)
        done = step + 1
        if done % optimisation.log_every == 0 or done == optimisation.steps:
            since = optimisation.log_every if done % optimisation.log_every == 0 else done % optimisation.log_every
            _log(fitted, done, "loss", losses / since)
            losses = torch.zeros(R, device=train.device)
            now = network.score(dict(zip(names, average, strict=True)))
            for metric, values in _held_out_errors(now, schedule, held_out).items():
                _log(fitted, done, metric, values)
    fitted.seconds = time.perf_counter() - start
    fitted.evaluations = score.points // R
    fitted.learned = learning.states
    fitted.parameters = dict(zip(names, average, strict=True))
    fitted.status = ["trained" if at is None else "diverged" for at in fitted.diverged_at]
    return fitted


def _learning_rate(optimisation: Optimisation, step: int) -> float:
    """Cosine decay to zero after a linear warm-up over the first 2 % of the steps."""
    warm = min(1.0, (step + 1) / max(1, 0.02 * optimisation.steps))
    return optimisation.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / optimisation.steps))


def _per_replicate(flags: Tensor, like: Tensor) -> Tensor:
    return flags.reshape(-1, *[1] * (like.ndim - 1))


def _log(fitted: Fitted, step: int, metric: str, values: Tensor) -> None:
    for r, value in enumerate(values.tolist()):
        if math.isfinite(value):
            fitted.curve.append((r, step, metric, value))


def _validation_batch(schedule: Schedule, points: Tensor, streams: Streams, target: Target | None) -> Batch:
    """The validation points, with noise that is the same for every method."""
    count = min(len(points), 512)
    stream = Streams(streams.seed, 1, streams.device).at
    shape = (count,)
    sigma = schedule.sample((1, *shape), stream("validation sigma"), like=points)[0]
    noise = normal((1, count, *points.shape[1:]), stream("validation noise"), points)[0]
    R = streams.replicates
    return Batch(
        points[:count].expand(R, *[-1] * points.ndim),
        noise.expand(R, *[-1] * noise.ndim),
        sigma.expand(R, -1),
        target,
    )


@torch.no_grad()
def _held_out_errors(score: Score, schedule: Schedule, batch: Batch) -> dict[str, Tensor]:
    s = score(batch.noisy, batch.sigma)
    weight = schedule.weight(batch.sigma)
    errors = {}
    if batch.target is not None:
        exact = batch.target.score(batch.noisy, batch.sigma)
        errors["score_error"] = (weight * (s - exact).square().flatten(2).sum(-1)).mean(-1)
    if bool((batch.sigma > 0).all()):
        residual = s + batch.noise / batch.scale
        errors["validation_dsm"] = (weight * 0.5 * residual.square().flatten(2).sum(-1)).mean(-1)
    return errors
