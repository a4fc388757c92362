"""Choosing a learning rate in short trials on random streams that no reported replicate has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scorebench.parts import Unsuitable
from scorebench.streams import Streams, normal, seed_of, uniform
from scorebench.training.loop import Optimisation, fit

if TYPE_CHECKING:
    from scorebench.noise import Schedule
    from scorebench.parts import Score
    from scorebench.training.checkpoint import Course, Note
    from scorebench.training.problem import Problem

DRAWS = 16_000
"""Mirrored pairs of noised validation points on which a trial is judged."""


@dataclass(frozen=True)
class Choice:
    """The rate chosen; per rate tried the mean held-out loss over trials (None: one was lost); what the trials took."""

    rate: float
    losses: dict[float, float | None]
    evaluations: int
    seconds: float


def choose_rate(
    rates: Sequence[float], problem: Problem, optimisation: Optimisation, course: Course | None = None
) -> Choice:
    """The rate with the least mean held-out DSM loss after `optimisation`, trained once for each of the streams.

    Rates are tried from the middle one downhill (`downhill`), so a wide range costs little more than a narrow one.
    The loss on the validation points (`held_out_loss`) is the same for every objective and takes no exact score; its
    noise is common to all trials. Their streams are made from other seeds than those of the problem, so that no
    replicate chooses its own rate. `evaluations` are summed over trials. With `course`, trials that were done are not
    done again and one that was stopped goes on.

    Raises:
        Unsuitable: the schedule trains at sigma = 0, where DSM is not defined, or no rate came to its end.
    """
    if problem.schedule.noise_free:
        raise Unsuitable("a rate is chosen by the loss of DSM on noised data, and this schedule trains at sigma = 0")
    streams = problem.streams
    apart = Streams(seed_of(streams.seed, "trials of learning rates"), streams.replicates, streams.device)
    problem = replace(problem, streams=apart)
    notes: dict[str, Note] = {} if course is None else course.notes

    def loss_after(rate: float) -> float:
        name = f"learning rate {rate}"
        if name not in notes:
            trial = replace(optimisation, learning_rate=rate)
            progress = None if course is None else course.training(name)
            fitted = fit(problem, trial, progress)
            loss = None
            if fitted.whole:
                score = problem.network.score(fitted.parameters)
                mean = float(held_out_loss(score, problem.schedule, problem.validation, apart).mean())
                loss = mean if math.isfinite(mean) else None
            why = next((reason for reason in fitted.reasons if reason), "its loss on held-out points is not finite")
            evaluations = fitted.evaluations * streams.replicates
            notes[name] = {"loss": loss, "why": why, "evaluations": evaluations, "seconds": fitted.seconds}
        reached = notes[name]["loss"]
        return math.inf if reached is None else reached

    best, tried = downhill(rates, loss_after)
    of = {rate: notes[f"learning rate {rate}"] for rate in tried}
    if not math.isfinite(tried[best]):
        ends = "; ".join(f"{rate}: {note['why']}" for rate, note in of.items())
        raise Unsuitable(f"no trial of any learning rate came to its end: {ends}")
    evaluations = sum(note["evaluations"] for note in of.values())
    seconds = sum(note["seconds"] for note in of.values())
    return Choice(best, {rate: note["loss"] for rate, note in of.items()}, evaluations, seconds)


def downhill(rates: Sequence[float], loss: Callable[[float], float]) -> tuple[float, dict[float, float]]:
    """The rate at the bottom of a valley, and the losses of all that were tried, in rising order of the rates.

    From the middle rate upwards while that is better, else downwards: the result is better than its two neighbours,
    so the best of all where the loss has one valley. Infinite losses are walked through.
    """
    ordered = sorted(set(rates))
    at = len(ordered) // 2
    tried = {ordered[at]: loss(ordered[at])}
    for way in (1, -1):
        while 0 <= at + way < len(ordered):
            here, there = ordered[at], ordered[at + way]
            if there not in tried:
                tried[there] = loss(there)
            if tried[there] >= tried[here] and math.isfinite(tried[here]):
                break
            at += way
    return ordered[at], dict(sorted(tried.items()))


@torch.no_grad()
def held_out_loss(score: Score, schedule: Schedule, points: Tensor, streams: Streams) -> Tensor:
    """E sigma^2 1/2 ||s + epsilon / sigma||^2 on points (n, *event) for every replicate of a score, (R,).

    ln sigma is uniform between the ends of the schedule's ladder, so that, up to a constant, this is half the mean of
    D(sigma) over ln sigma, which bounds the KL divergence: the measure of accuracy on every scale, whatever a schedule
    trains most and however it weighs. On DRAWS mirrored pairs of noise, the same for every replicate and every score.
    """
    R, count = streams.replicates, len(points)
    ladder = schedule.ladder()
    low, high = ladder[ladder > 0][-1].log().item(), ladder[0].log().item()
    times = max(1, DRAWS // count)
    common = Streams(streams.seed, 1, streams.device).at
    total = torch.zeros(R, device=points.device)
    for i in range(times):
        sigma = (low + (high - low) * uniform((1, count), common("judge sigma", i), points)).exp()
        noise = normal((1, *points.shape), common("judge noise", i), points)
        scale = sigma.reshape(1, count, *[1] * (points.ndim - 1))
        for signed in (noise, -noise):
            y = (points + scale * signed).expand(R, *[-1] * points.ndim)
            residual = scale * score(y, sigma.expand(R, -1)) + signed
            total += 0.5 * residual.square().flatten(2).sum(-1).mean(-1)
    return total / (2 * times)
