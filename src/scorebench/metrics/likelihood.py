"""Log-likelihoods by the probability-flow ODE, with what they may be off by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import Tensor

from scorebench.metrics._terminal import Terminal
from scorebench.objectives._terms import draw_probe
from scorebench.ode import integrate
from scorebench.scores import checked, event_shape, numbers, steady_modules
from scorebench.streams import seeded

if TYPE_CHECKING:
    import numpy as np

    from scorebench.parts import Score
    from scorebench.streams import Generators

    Points: TypeAlias = Tensor | np.ndarray | Sequence[float] | Sequence["Points"]

EXACT_DIMENSION = 128
"""Values in an event up to which the trace is exact where nothing is said: it takes one backward pass for each."""
LEAST = 10
"""Tolerances that the solver's error is said to be at least: that of a step adds up, and two solutions may agree by
accident."""
PROBES = 16
"""Probes for the trace in higher dimensions."""


@dataclass(frozen=True)
class LogLikelihood:
    """Log-likelihoods in nats and their error budget, each of the batch shape, without a graph."""

    log_prob: Tensor
    """log p(x) under the flow that the score defines."""
    solver: Tensor
    """Error of the solver: how much ten times the tolerance changes log p, at least the mean change over the points and
    ten tolerances."""
    trace: Tensor
    """Standard error of the trace over its probes; 0 where the trace is exact."""
    prior: Tensor
    """Error of the prior, estimated from the score; 0 where the caller gives it, infinite where it can't be told."""
    probes: int
    """Number of probes; 0 where the trace is exact."""
    evaluations: int
    """Points at which the score and its trace were evaluated, both tolerances together."""


def log_likelihood(
    score: Score,
    x: Points,
    sigma_min: float,
    sigma_max: float,
    rtol: float = 1e-5,
    trace: Literal["exact"] | int | None = None,
    prior: Callable[[Tensor], Tensor] | Literal["gaussian", "score"] | None = None,
    *,
    event: int = 1,
    data_std: float = 1.0,
    generator: Generators | int = None,
) -> LogLikelihood:
    """log p_sigma_min(x) by the probability-flow ODE from sigma_min up to sigma_max.

        dx/dsigma = -sigma s(x, sigma),   d log p/dsigma = sigma div s(x, sigma)
        log p_sigma_min(x) = log prior(x_T) - integral of sigma div s over sigma

    Song et al. (2021), app. D.2, for the VE process; dopri5 (torchdiffeq) with rtol for x and log p alike, and as much
    absolute tolerance, in every value of every point. Points share their step sizes, so a point's value depends on the
    others of the call, by less than `solver`. The score is asked between the two noise levels only. Give x in float64,
    beside a network in float32 too, which is then asked in float32: x in float32 costs about 1e-5 nats by rounding.

    What comes back has no graph. The gradient of log p in x is the score, s(x, sigma_min), which needs no equation; in
    the parameters of a network there is none.

    Args:
        score: score(x (..., *event), sigma (...)) -> (..., *event), each point's on its own.
        x: points (..., *event), in the units of the score; `event` says how many axes are the event. A tensor, an
            array or lists; whole numbers are taken as float64.
        sigma_min: noise level of the density asked for, in the units of x. May be 0 where the score is defined there.
        sigma_max: noise level at which `prior` takes over, far above the scale of the data.
        rtol: relative tolerance of the solver.
        trace: "exact", one backward pass for each value of an event; or the number of probes, at least 2. Without it
            exact up to 128 values in an event, and by 16 probes above; `probes` of what comes back says which.
            Hutchinson (1990): div s = E v^T (ds/dx) v, Rademacher v, the same along the whole path of a point.
        prior: prior(x_T (..., *event)) -> (...), the log-density at sigma_max in nats; or "gaussian", the default,
            N(0, (sigma_max^2 + data_std^2) I); or "score", the density at sigma_max whose score is s.
        data_std: standard deviation of the data, for the Gaussian prior; prepared data have 1.
        generator: for the probes, a generator or a seed; a list has one for each index of the leading axis.

    The density at sigma_max follows from the score, by line integrals and importance sampling (`metrics._terminal`).
    The error of the Gaussian prior is its distance from that and what that may be off by; of "score", the latter alone.
    It holds for a score that is a gradient at sigma_max, as an exact one is and a trained one nearly.

    Raises:
        TypeError, ValueError: what is given is not what is said here, the score returns another shape, or the density
            at sigma_max can't be normalised (prior "score").
        Unsuitable: the score is a network in training mode, random or normalised over the batch.
        Unsolved: a tolerance that can't be met. A point at which the score is not finite gets nan.
    """
    x = _points(x)
    shape = event_shape(x.shape, event, "x")
    sigma_min, sigma_max, data_std = (float(value) for value in (sigma_min, sigma_max, data_std))
    if not 0 <= sigma_min < sigma_max < math.inf:
        raise ValueError(f"needs 0 <= sigma_min < sigma_max; given: {sigma_min} and {sigma_max}")
    if not 0 < rtol <= 0.1:
        raise ValueError(f"rtol must be above 0 and at most 0.1; given: {rtol}")
    if not 0 <= data_std < math.inf:
        raise ValueError(f"data_std must be 0 or more; given: {data_std}")
    if not (callable(prior) or prior in ("gaussian", "score", None)):
        raise ValueError(f'prior must be a function of x, "gaussian" or "score"; given: {prior!r}')
    probes = _probes(trace, math.prod(shape[len(shape) - event :]))
    asked = checked(score)
    flow = _Flow(asked, x, event, probes, seeded(generator, x))
    with steady_modules("log p of a point must not depend on those beside it"):
        (end, log_det), (coarse, coarse_log_det) = (flow.solve(x, sigma_min, sigma_max, r) for r in (rtol, 10 * rtol))
        if callable(prior):
            log_prior = _values(prior, end, event), _values(prior, coarse, event)
            prior_error = torch.zeros_like(log_prior[0])
        else:
            std = math.hypot(sigma_max, data_std) if prior != "score" else None
            *both, prior_error = _priors(asked, sigma_max, end, coarse, event, std)
            log_prior = both[0], both[1]
    log_prob = log_prior[0] - log_det.mean(-1)
    change = (log_prob - (log_prior[1] - coarse_log_det.mean(-1))).abs().clamp(min=LEAST * rtol)
    return LogLikelihood(
        log_prob,
        solver=change.maximum(change.nanmean(-1, keepdim=True)) if change.ndim else change,
        trace=log_det.std(-1) / probes**0.5 if probes else torch.zeros_like(log_prob),
        prior=prior_error,
        probes=probes,
        evaluations=flow.evaluations,
    )


def _points(x: Points) -> Tensor:
    points = numbers(x, "x", "points (..., *event) are")
    return points if points.dtype in (torch.float32, torch.float64) and isinstance(x, Tensor) else points.double()


def _probes(trace: Literal["exact"] | int | None, d: int) -> int:
    """How many; 0 for an exact trace."""
    if trace is None:
        return 0 if d <= EXACT_DIMENSION else PROBES
    if trace == "exact":
        return 0
    if isinstance(trace, bool) or not isinstance(trace, Integral) or trace < 2:
        raise ValueError(f'trace must be "exact" or a number of probes, at least 2; given: {trace!r}')
    return int(trace)


def _values(prior: Callable[[Tensor], Tensor], x: Tensor, event: int) -> Tensor:
    """The caller's prior at x."""
    values, wanted = prior(x), x.shape[: x.ndim - event]
    if not isinstance(values, Tensor) or values.shape != wanted:
        given = tuple(values.shape) if isinstance(values, Tensor) else f"a {type(values).__name__}"
        raise ValueError(
            f"prior must return a tensor of shape {tuple(wanted)} for x {tuple(x.shape)}; it returned {given}"
        )
    return values.detach()


def _priors(
    score: Score, sigma: float, end: Tensor, coarse_end: Tensor, event: int, std: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-densities at the ends of both solutions, by N(0, std^2 I) or by the score, and the error of the former."""
    one = end.ndim == event
    ends = [x[None] if one else x for x in (end, coarse_end)]
    try:
        terminal = Terminal(score, sigma, ends[0], event)
    except (RuntimeError, IndexError) as fault:
        raise ValueError(
            "the density at sigma_max asks the score for batches of other sizes than that of x, and it fails there: a "
            "score that knows the points by their place, as one with labels does, needs a function as prior"
        ) from fault
    if std is None and not bool(terminal.known.all()):
        raise ValueError(
            f'prior "score" can\'t normalise the density at sigma_max = {sigma:.4g}: {terminal.draws} draws are worth '
            f"{float(terminal.worth.min()):.0f}; a larger sigma_max, or a prior of your own, is what helps"
        )
    (exact, error), (coarse, _) = (terminal.at(x) for x in ends)
    if std is not None:
        gaussian, coarse = (_gaussian(x.flatten(x.ndim - event), std) for x in ends)
        exact, error = gaussian, (exact - gaussian).abs() + error
    found = (value[0] if one else value for value in (exact, coarse, error))
    first, second, third = (value.to(end.dtype) for value in found)
    return first, second, third


def _gaussian(x: Tensor, std: float) -> Tensor:
    """log N(x; 0, std^2 I), (..., d) -> (...)."""
    return -0.5 * ((x / std).square().sum(-1) + x.shape[-1] * math.log(2 * math.pi * std**2))


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
