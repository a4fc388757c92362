"""Lessons between two training steps, from which objectives and schedules learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from scorebench.learning import Learner
from scorebench.objectives import Batch
from scorebench.objectives._optimal_loss import optimal_denoising_loss
from scorebench.objectives._terms import half_square
from scorebench.parts import PointwiseScore
from scorebench.streams import Generators, integers, normal

if TYPE_CHECKING:
    from scorebench.learning import Learned
    from scorebench.networks import Parameters
    from scorebench.parts import Score
    from scorebench.training.problem import Problem

Loss: TypeAlias = "Callable[[Score, Batch, Generators], Tensor]"


@dataclass
class Lesson:
    """Fresh samples at noise levels of a part's choice, on the network as it is.

    They come from counted streams of their own: training draws the same with and without lessons. All calls of one
    lesson get the same samples, so what is compared is compared on common random numbers.
    """

    problem: Problem
    """With what its objective and its schedule have learned."""
    step: int
    parameters: Parameters
    samples: int
    """How many samples one call takes for all of its noise levels together (at least two for each)."""
    points: int = 0
    """Points at which the score was evaluated so far."""

    def batch(self, sigma: Tensor) -> Batch:
        """Samples at noise levels (R, K): shape (R, K, 2, n), two halves that are independent of each other."""
        R, K = sigma.shape
        train, at = self.problem.train, self.problem.streams.at
        shape = (R, K, 2, max(1, self.samples // (2 * K)))
        index = integers(len(train), shape, at("learn index", self.step), train)
        noise = normal((*shape, *self.problem.event), at("learn noise", self.step), train)
        levels = sigma.reshape(R, K, 1, 1).expand(shape)
        return Batch(train[index], noise, levels, self.problem.target, reference=train)

    def denoising_loss(self, sigma: Tensor) -> Tensor:
        """E 1/2 ||s + epsilon / sigma||^2 at noise levels (R, K).

        With the control variate (||epsilon||^2 - d) / (2 sigma^2), times the factor tau^4 / (tau^2 + sigma^2)^2 that
        takes all of ||epsilon||^2 away for the score of N(0, tau^2 I), tau = 1: the scale of prepared data.
        """
        batch = self.batch(sigma)
        with torch.no_grad():
            s = self._score(self.parameters, len(sigma))(batch.noisy, batch.sigma)
        loss = half_square(s + batch.noise / batch.scale, batch.sigma)
        surplus = half_square(batch.noise, batch.sigma) - 0.5 * self.problem.train[0].numel()
        return (loss - surplus / (batch.sigma * (1 + batch.sigma.square())).square()).mean((2, 3))

    def optimal_loss(self, sigma: Tensor) -> Tensor:
        """What `denoising_loss` is for the exact score, estimated from the training points, (R, K)."""
        (generator, *_) = self.problem.streams.at("learn optimal loss", self.step)
        return optimal_denoising_loss(self.problem.train, sigma[0], generator).expand_as(sigma).clone()

    def gradient_moments(self, loss: Loss, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """V = tr Cov(g) and ||E g||^2 of the per-sample gradient g of a loss at noise levels (R, K): both (R, K).

        From the mean gradients g1, g2 of two halves of n samples each, without bias:
        V = E n/2 ||g1 - g2||^2 and ||E g||^2 = E g1^T g2.

        Every half of every level is a replicate of its own for the network, so that one backward pass gives all
        gradients; that takes the memory of 2 K copies of the parameters.
        """
        R, K = sigma.shape
        batch = self.batch(sigma)
        n = batch.sigma.shape[-1]
        copies = {key: w.detach().repeat_interleave(2 * K, 0).requires_grad_() for key, w in self.parameters.items()}
        losses = loss(self._score(copies, 2 * R * K), batch, self.problem.streams.at("learn probe", self.step))
        gradients = torch.autograd.grad(losses.mean(-1).sum(), list(copies.values()), allow_unused=True)
        variance, square = torch.zeros_like(sigma), torch.zeros_like(sigma)
        for gradient in gradients:
            if gradient is not None:
                first, second = gradient.reshape(R, K, 2, -1).unbind(2)
                variance += 0.5 * n * (first - second).square().sum(-1)
                square += (first * second).sum(-1)
        return variance, square

    def _score(self, parameters: Parameters, replicates: int) -> Score:
        """The score of samples (..., R, K, 2, n), as (..., replicates, samples) for the parameters."""
        inner = self.problem.network.score(parameters)

        def score(x: Tensor, sigma: Tensor) -> Tensor:
            self.points += sigma.numel()
            level = sigma.reshape(*sigma.shape[:-4], replicates, -1)
            return inner(x.reshape(*level.shape, *x.shape[sigma.ndim :]), level).reshape(x.shape)

        return PointwiseScore(score)


def begin(problem: Problem) -> dict[str, Learned]:
    """What the objective and the schedule, by the names of these fields, begin to learn with; {} if neither learns."""
    learned = {}
    for name, part in _learners(problem):
        values = part.begin(problem.streams.replicates, problem.schedule.ladder().to(problem.train))
        if values:
            learned[name] = values
    return learned


def learn(lesson: Lesson, learned: dict[str, Learned]) -> None:
    """Let both learn from a lesson, in place. A replicate for which anything is not finite keeps what it had."""
    for name, part in _learners(lesson.problem):
        if name in learned:
            old, new = learned[name], part.learn(learned[name], lesson)
            finite = torch.stack([value.isfinite().flatten(1).all(1) for value in new.values()]).all(0)
            learned[name] = {
                key: torch.where(finite.reshape(-1, *[1] * (value.ndim - 1)), value, old[key])
                for key, value in new.items()
            }


def curves(problem: Problem, learned: dict[str, Learned]) -> list[tuple[int, str, float, float]]:
    """What the parts of an informed problem have learned, as functions of sigma: (replicate, name, sigma, value)."""
    rows = []
    for name, part in _learners(problem):
        for curve, values in (part.learned() if name in learned else {}).items():
            for r, (at, value) in enumerate(zip(learned[name]["sigma"].tolist(), values.tolist(), strict=True)):
                rows += [(r, curve, *pair) for pair in zip(at, value, strict=True)]
    return rows


def _learners(problem: Problem) -> list[tuple[str, Learner]]:
    parts = {"objective": problem.objective, "schedule": problem.schedule}
    return [(name, part) for name, part in parts.items() if isinstance(part, Learner)]
