"""Log-likelihoods by the probability-flow ODE, with what they may be off by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from scorebench.objectives._terms import draw_probe
from scorebench.ode import integrate
from scorebench.streams import normal

if TYPE_CHECKING:
    from scorebench.parts import Score
    from scorebench.streams import Generators

EXACT_DIMENSION = 128
"""Values in an event up to which the trace is exact: it takes one backward pass for each of them."""
PROBES = 16
"""Probes for the trace in higher dimensions."""
NODES, DRAWS = 8, 512
"""Of the estimate of the prior's error: nodes of the line integrals, and pairs of draws from the prior."""


@dataclass(frozen=True)
class LogLikelihood:
    """Log-likelihoods in nats and their error budget, each of the batch shape."""

    log_prob: Tensor
    """log p(x) under the flow that the score defines."""
    solver: Tensor
    """Error of the solver: how much ten times the tolerance changes log p, at least the mean change over the points."""
    trace: Tensor
    """Standard error of the trace over its probes; 0 where the trace is exact."""
    prior: Tensor
    """Error of the prior, estimated from the score; 0 where the caller gives the prior."""
    probes: int
    """Number of probes; 0 where the trace is exact."""
    evaluations: int
    """Points at which the score and its trace were evaluated, both tolerances together."""


def log_likelihood(
    score: Score,
    x: Tensor,
    sigma_min: float,
    sigma_max: float,
    rtol: float = 1e-5,
    trace: Literal["exact"] | int = "exact",
    prior: Callable[[Tensor], Tensor] | Literal["gaussian", "score"] | None = None,
    *,
    event: int = 1,
    data_std: float = 1.0,
    generator: Generators = None,
) -> LogLikelihood:
    """log p_sigma_min(x) by the probability-flow ODE from sigma_min up to sigma_max.

        dx/dsigma = -sigma s(x, sigma),   d log p/dsigma = sigma div s(x, sigma)
        log p_sigma_min(x) = log prior(x_T) - integral of sigma div s over sigma

    Song et al. (2021), app. D.2, for the VE process; dopri5 (torchdiffeq) with rtol for x and log p alike, and as much
    absolute tolerance, in every value of every point. Points share their step sizes, so a point's value depends on the
    others of the call, by less than `solver`. Give x in float64: in float32 rounding alone costs about 1e-5 nats.

    Args:
        score: score(x (..., *event), sigma (...)) -> (..., *event).
        x: points (..., *event), in the units of the score; `event` says how many axes are the event.
        sigma_min: noise level of the density asked for, in the units of x. May be 0 where the score is defined there.
        sigma_max: noise level at which `prior` takes over, far above the scale of the data.
        rtol: relative tolerance of the solver.
        trace: "exact", up to 128 values in an event, and 16 probes above; or the number of probes, at least 2.
            Hutchinson (1990): div s = E v^T (ds/dx) v, Rademacher v, the same along the whole path of a point.
        prior: prior(x_T (..., *event)) -> (...), the log-density at sigma_max in nats; or "gaussian", the default,
            N(0, (sigma_max^2 + data_std^2) I); or "score", the density at sigma_max whose score is s.
        data_std: standard deviation of the data, for these two priors; prepared data have 1.
        generator: for the probes; a list has one for each index of the leading axis.

    The density at sigma_max follows from the score: e = log p_T - log Gaussian has the gradient s - grad log Gaussian,
    which line integrals from 0 turn into e(x) - e(0), and E exp(e) = 1 over draws from the Gaussian gives e(0). The
    error of the Gaussian prior is |e| and the standard error of e(0); that of "score" is the latter alone. It holds
    for a score that is a gradient at sigma_max, as an exact one is and a trained one nearly.

    Raises:
        ValueError: noise levels out of order, a tolerance or a number of probes out of range, or x without an event.
        Unsolved: a tolerance that can't be met. A point at which the score is not finite gets nan.
    """
    if not 0 <= sigma_min < sigma_max < math.inf:
        raise ValueError(f"needs 0 <= sigma_min < sigma_max; given: {sigma_min} and {sigma_max}")
    if not 0 < rtol <= 0.1:
        raise ValueError(f"rtol must be above 0 and at most 0.1; given: {rtol}")
    if x.ndim < event or event < 1:
        raise ValueError(f"x of shape {tuple(x.shape)} has no event of {event} axes")
    if not (callable(prior) or prior in ("gaussian", "score", None)):
        raise ValueError(f'prior must be a function of x, "gaussian" or "score"; given: {prior!r}')
    if trace != "exact" and (isinstance(trace, str) or trace < 2):
        raise ValueError(f'trace must be "exact" or a number of probes, at least 2; given: {trace!r}')
    probes = trace if trace != "exact" else 0 if math.prod(x.shape[x.ndim - event :]) <= EXACT_DIMENSION else PROBES
    flow = _Flow(score, x, event, probes, generator)
    terminal = _Terminal(score, sigma_max, math.hypot(sigma_max, data_std), event)
    log_prior = prior if callable(prior) else terminal.log_prob if prior == "score" else terminal.gaussian
    (end, log_det), (coarse_end, coarse_log_det) = (flow.solve(x, sigma_min, sigma_max, r) for r in (rtol, 10 * rtol))
    log_prob = log_prior(end) - log_det.mean(-1)
    change = (log_prob - (log_prior(coarse_end) - coarse_log_det.mean(-1))).abs()
    exact = torch.zeros_like(log_prob)
    return LogLikelihood(
        log_prob,
        solver=change.maximum(change.nanmean(-1, keepdim=True)) if change.ndim else change,
        trace=log_det.std(-1) / probes**0.5 if probes else exact,
        prior=exact if callable(prior) else terminal.error(end, corrected=prior == "score"),
        probes=probes,
        evaluations=flow.evaluations,
    )


class _Flow:
    """The probability-flow ODE of x and log det, the latter once, or once for each probe."""

    def __init__(self, score: Score, x: Tensor, event: int, probes: int, generator: Generators) -> None:
        self.score, self.evaluations = score, 0
        self.batch, self.event = x.shape[: x.ndim - event], x.shape[x.ndim - event :]
        self.probes = probes
        if probes:  # replicates lead, so that each draws from its own generator
            like = x.new_empty(*self.batch, probes, *self.event)
            drawn = draw_probe("rademacher", like, like.new_empty(like.shape[: like.ndim - event]), generator)
            self.vectors = drawn.movedim(len(self.batch), 0)
        else:
            d = self.event.numel()
            basis = torch.eye(d, dtype=x.dtype, device=x.device).reshape(d, *[1] * len(self.batch), *self.event)
            self.vectors = basis.expand(d, *x.shape)

    def solve(self, x: Tensor, start: float, end: float, rtol: float) -> tuple[Tensor, Tensor]:
        """x at `end`, and the integral of sigma div s over sigma by each probe, (..., max(1, probes))."""
        d = self.event.numel()

        def velocity(sigma: Tensor, y: Tensor) -> Tensor:
            s, divergence = self.score_and_divergence(y[..., :d].unflatten(-1, self.event), sigma.expand(self.batch))
            return sigma * torch.cat([-s.flatten(len(self.batch)), divergence], -1)

        y = torch.cat([x.flatten(len(self.batch)), x.new_zeros(*self.batch, max(1, self.probes))], -1)
        y = integrate(velocity, y, start, end, rtol, rtol)
        return y[..., :d].unflatten(-1, self.event), y[..., d:]

    def score_and_divergence(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """s (..., *event) and div s (..., max(1, probes))."""
        self.evaluations += sigma.numel()
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            s = self.score(x, sigma)
            if not s.requires_grad:
                raise ValueError("the score can't be differentiated in x: what it returns has no graph")
            products = []
            for v in self.vectors:  # one after another: faster than batched, where a batch fills the processor
                (row,) = torch.autograd.grad(s, x, v, retain_graph=True)
                products.append((row * v).flatten(sigma.ndim).sum(-1))
        terms = torch.stack(products, -1)
        return s.detach(), terms if self.probes else terms.sum(-1, keepdim=True)


@dataclass(frozen=True)
class _Terminal:
    """p_T, the density at sigma, from its score s; and the Gaussian N(0, std^2 I) near it."""

    score: Score
    sigma: float
    std: float
    event: int

    def gaussian(self, x: Tensor) -> Tensor:
        """(..., *event) -> (...), in nats."""
        z = x.flatten(x.ndim - self.event) / self.std
        return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi * self.std**2))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p_T, (..., *event) -> (...), in nats."""
        return self.gaussian(x) + self._excess(x)[0]

    def error(self, x: Tensor, corrected: bool) -> Tensor:
        """Error of the Gaussian, |excess| and its standard error; where it is corrected, the latter only, (...)."""
        excess, standard_error = self._excess(x)
        return standard_error.expand_as(excess) if corrected else excess.abs() + standard_error

    def _excess(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p_T - log Gaussian and its standard error, which comes from the normalisation."""
        generator = torch.Generator(x.device).manual_seed(0)
        z = self.std * normal((DRAWS, *x.shape[x.ndim - self.event :]), generator, x)
        batch = x.shape[: x.ndim - self.event]
        draws = torch.cat([z, -z]).expand(*batch[:-1], 2 * DRAWS, *z.shape[1:])
        rise = self._rise(draws).unflatten(-1, (2, DRAWS))
        largest = rise.amax((-2, -1), keepdim=True)
        density = (rise - largest).exp().mean(-2)
        mean, std = density.mean(-1), density.std(-1)
        log_mean, error = mean.log() + largest[..., 0, 0], std / mean / DRAWS**0.5
        if batch:
            log_mean, error = log_mean[..., None], error[..., None]
        return self._rise(x) - log_mean, error

    def _rise(self, x: Tensor) -> Tensor:
        """The excess at x above that at 0: integral over t of x . (s(tx) - grad log Gaussian(tx)), Gauss-Legendre."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        level = torch.full(x.shape[: x.ndim - self.event], self.sigma, dtype=x.dtype, device=x.device)
        total = torch.zeros_like(level)
        with torch.no_grad():
            for t, w in zip((0.5 * (nodes + 1)).tolist(), (0.5 * weights).tolist(), strict=True):
                slope = self.score(t * x, level) + t * x / self.std**2
                total += w * (x * slope).flatten(level.ndim).sum(-1)
        return total
