"""What evaluate measures of the networks themselves: against the exact score, and without it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from scorebench.metrics.diagnostics import diagnostics
from scorebench.metrics.fisher import cosines, fisher_moments, integral
from scorebench.ode import Unsolved
from scorebench.specs.evaluate import EvaluateSpec
from scorebench.stages import Inputs
from scorebench.stages._dataset import exact_target, read_points
from scorebench.stages._trained import parameters_of, trained
from scorebench.streams import Streams

Row = tuple[int, str | None, str, float | None, float | None]
"""Replicate, sampler, metric, sigma, value."""


SMALL = 0.1
"""Noise levels up to which `D_small` is the mean of D, in the units of the prepared data."""


class Scores:
    """The networks of a cell, of all replicates that have one, and the noise levels of the measurements."""

    def __init__(self, spec: EvaluateSpec, inputs: Inputs) -> None:
        self.spec, self.data = spec, inputs["data"]
        self.evaluation, self.kept = spec.evaluation, trained(inputs["checkpoint"])
        self.replicates = len(self.kept)
        self.network, self.schedule = spec.network.build(), spec.schedule.build()
        self.parameters = parameters_of(inputs["checkpoint"], self.kept)
        self.target = exact_target(self.data)
        self.lowest = self.schedule.ladder()[-1:].double()
        self.one_level = self.schedule.levels_trained == 1
        grid = self.evaluation.sigmas
        low, high = np.log10(grid.min), np.log10(grid.max)
        self.sigmas = self.lowest if self.one_level else torch.logspace(low, high, grid.count, dtype=torch.float64)

    def rows(self) -> Iterator[Row]:
        """Everything that the study asks for."""
        if self.target is not None:
            event = (self.target.dimension,)
            untrained = self.network.initialise(event, self._generators("initialise"))
            yield from self._errors("", self.parameters)
            yield from self._errors("_untrained", untrained)
        yield from self._diagnostics()
        if (likelihood := self.evaluation.likelihood) is not None and not self.one_level:
            yield from self._likelihood(likelihood.points, likelihood.rtol)

    def _generator(self, purpose: str) -> torch.Generator:
        return Streams(self.spec.seed, 1).at(purpose)[0]

    def _generators(self, purpose: str) -> list[torch.Generator]:
        every = Streams(self.spec.seed, self.spec.replicates).at(purpose)
        return [every[replicate] for replicate in self.kept]

    def _each(self, metric: str, values: Tensor, sigma: float | None = None) -> Iterator[Row]:
        for replicate, value in zip(self.kept, values.tolist(), strict=True):
            yield replicate, None, metric, sigma, value

    def _by_sigma(self, metric: str, values: Tensor) -> Iterator[Row]:
        """values (R, K) at the noise levels that are not 0."""
        for k, sigma in enumerate(self.sigmas.tolist()):
            if sigma > 0:
                yield from self._each(metric, values[:, k], sigma)

    def _errors(self, suffix: str, weights: dict[str, Tensor]) -> Iterator[Row]:
        """Score errors at the noise levels of the study.

        A schedule of one level is measured at that level. `clean_error` holds for every schedule: the relative error
        against the score of the clean data, of the network at its lowest level.
        """
        score, n, R = self.network.score(weights), self.evaluation.points, self.replicates
        assert self.target is not None
        errors, norms, squares = fisher_moments(score, self.target, self.sigmas, n, self._generator("score errors"), R)
        D = self.sigmas.square() * errors
        yield from self._by_sigma(f"D{suffix}", D)
        for k, sigma in enumerate(self.sigmas.tolist()):
            yield from self._each(f"relative_error{suffix}", errors[:, k] / norms[k], sigma)
        if not suffix:
            yield from self._by_sigma("cosine", cosines(errors, norms, squares))
        if len(self.sigmas) > 1:
            yield from self._each(f"D_integral{suffix}", integral(self.sigmas, D))
            yield from self._each(f"D_max{suffix}", D.max(-1).values)
            if bool((small := self.sigmas <= SMALL * (1 + 1e-9)).any()):
                yield from self._each(f"D_small{suffix}", D[:, small].mean(-1))

        def at_lowest(x: Tensor, sigma: Tensor) -> Tensor:
            s: Tensor = score(x, sigma + self.lowest.to(sigma))
            return s

        clean = fisher_moments(at_lowest, self.target, torch.zeros(1), n, self._generator("score errors"), R)
        yield from self._each(f"clean_error{suffix}", clean[0][:, 0] / clean[1][0])

    def _points(self, split: str, count: int | None = None) -> Tensor:
        return torch.from_numpy(read_points(self.data, split)[:count])

    def _diagnostics(self) -> Iterator[Row]:
        """Diagnostics that need no exact score, on test points."""
        count = self.evaluation.diagnostic_points
        if not count or float(self.sigmas[0]) == 0:
            return
        test, train = self._points("test", count), self._points("train")
        score = self.network.score(self.parameters)
        found = diagnostics(score, test, train, self.sigmas, self._generator("diagnostics"), self.replicates)
        for metric, values in found._asdict().items():
            yield from self._by_sigma(metric, values)
        if len(self.sigmas) > 1:
            yield from self._each("excess_loss_integral", integral(self.sigmas, found.excess_loss))

    def _likelihood(self, points: int, rtol: float) -> Iterator[Row]:
        """nll: -E log q at the lowest noise level, by the probability flow, on noised test points, in nats; kl: that of
        the truth less, where it is known; likelihood_error: what nll may be off by. None where it can't be solved.
        """
        from scorebench.metrics.likelihood import log_likelihood

        clean = self._points("test", points).double()
        low, high = float(self.sigmas[0]), float(self.sigmas[-1])
        noise = torch.randn(clean.shape, generator=self._generator("likelihood"), dtype=clean.dtype)
        x = clean + low * noise
        score = self.network.score({name: weight.double() for name, weight in self.parameters.items()})
        R = self.replicates
        generators = self._generators("likelihood probes")
        try:
            found = log_likelihood(score, x.expand(R, *x.shape), low, high, rtol, generator=generators)
        except Unsolved:
            nothing = torch.full((R,), torch.nan)
            yield from self._each("nll", nothing)
            return
        nll = -found.log_prob.mean(1)
        yield from self._each("nll", nll)
        yield from self._each("likelihood_error", (found.solver + found.trace).mean(1))
        if self.target is not None:
            yield from self._each("kl", nll + self.target.log_prob(x, low).mean())


def score_rows(spec: EvaluateSpec, inputs: Inputs) -> list[Row]:
    """All measures of the networks of a cell; none if no replicate has one."""
    return list(Scores(spec, inputs).rows()) if trained(inputs["checkpoint"]) else []
