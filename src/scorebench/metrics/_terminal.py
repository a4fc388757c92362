"""The density at the highest noise level from its score: normalised by importance sampling, with its error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from scorebench.streams import normal

if TYPE_CHECKING:
    from scorebench.parts import Score

STARTS, FAR, SHIFTS, NEWTON = 6, 10.0, 30, 2
"""Of the search for modes: starts at 0 and at points, how many noise levels off four more lie, mean shifts, and Newton
steps after them."""
MANY = 128
"""Values in an event up to which it has all of these starts; beyond, 0 and one point."""
WIDTHS, PAIRS = (1.0, 1.5), 32
"""Of the draws: widths of the Gaussians at a mode, in its own, and pairs of draws from each Gaussian."""
NODES = 16
"""Of the line integrals; half as many give their error."""
ERRORS = 3.0
"""Standard errors of the normalisation that count as what it may be off by."""
WORTH = 0.25
"""Share of the draws that must remain as their effective sample size."""
FLATTEST = 100.0
"""Standard deviation of a mode, in noise levels, above which its curvature counts as none."""
ROWS = 1024
"""Values in an event up to which a mode has a covariance matrix, and beyond which one variance for all axes."""


@dataclass(frozen=True)
class _Gaussians:
    """K Gaussians of d values: means (..., K, d), axes (..., K, d, d) or those of space, deviations along them."""

    means: Tensor
    axes: Tensor | None
    std: Tensor

    def along(self, x: Tensor) -> Tensor:
        """Coordinates of x (..., K, n, d) along the axes."""
        return x if self.axes is None else x @ self.axes

    def back(self, x: Tensor) -> Tensor:
        """x (..., K, n, d) of its coordinates along the axes."""
        return x if self.axes is None else x @ self.axes.mT

    def log_prob(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Of each Gaussian, so much wider, at x (..., n, d) -> (..., K, n)."""
        z = self.along(x[..., None, :, :] - self.means[..., None, :]) / (width * self.std[..., None, :])
        log_volume = (width * self.std).log().sum(-1) + 0.5 * x.shape[-1] * math.log(2 * math.pi)
        return -0.5 * z.square().sum(-1) - log_volume[..., None]

    def first(self) -> _Gaussians:
        """The first of them alone."""
        return _Gaussians(
            self.means[..., :1, :], None if self.axes is None else self.axes[..., :1, :, :], self.std[..., :1, :]
        )


class Terminal:
    """p_T from s = grad log p_T, T the highest noise level, for each index of the leading axes on its own.

    Line integrals of s from a mode m give log p_T(x) - log p_T(m). Modes are found from 0, some of the points and
    places far off, by mean shifts m <- m + sigma^2 s(m), which is E[x_0 | m], and Newton steps. At each stands a
    Gaussian with the mode's covariance C = -(ds/dx)^-1, and one of 1.5 times its width; p_T / q averages to 1 over
    draws from the mixture q of them all, which normalises p_T. So does g / q, g the mixture of those of width 1: it
    serves as control variate (Owen & Zhou 2000), and so all is exact where p_T is Gaussian, wherever its mean lies and
    however unlike its axes are. C has no eigenvalue below sigma^2, as p_T is a convolution with N(0, sigma^2 I).
    """

    def __init__(self, score: Score, sigma: float, points: Tensor, event: int) -> None:
        """`points` (..., n, *event) lie where p_T does; at least one batch axis."""
        self.score, self.sigma, self.event = score, sigma, event
        self.shape = points.shape[points.ndim - event :]
        flat = self._flat(points)
        self.modes = self._modes(flat.where(flat.isfinite(), 0.0))
        draws = self._draws()
        log_q, log_g = self._log_q(draws), self._log_q(draws, WIDTHS[:1])
        log_weight = self._rise(draws)[0] - log_q
        self.largest = log_weight.amax(-1, keepdim=True)
        weight = (log_weight - self.largest).exp()
        # independent of each other: one draw of each Gaussian and sign
        w, c = (values.unflatten(-1, (-1, PAIRS)).mean(-2) for values in (weight, (log_g - log_q).exp()))
        off = c - c.mean(-1, keepdim=True)
        slope = (off * w).sum(-1, keepdim=True) / off.square().sum(-1, keepdim=True).clamp(min=1e-300)
        w = w - slope * (c - 1)
        mean = w.mean(-1, keepdim=True)
        self.log_mean = mean.log() + self.largest
        self.sampling = ERRORS * w.std(-1, keepdim=True) / mean / PAIRS**0.5
        self.worth = (weight.sum(-1, keepdim=True).square() / weight.square().sum(-1, keepdim=True)).nan_to_num(0.0)
        """Effective sample size of the draws, (..., 1)."""
        self.draws = weight.shape[-1]

    @property
    def known(self) -> Tensor:
        """Whether the draws are worth enough, (..., 1)."""
        enough: Tensor = self.worth >= WORTH * self.draws
        return enough.logical_and(self.log_mean.isfinite())

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p_T (..., n) at x (..., n, *event) in nats, and what it may be off by; infinite where that isn't known.

        That is three standard errors of the normalisation, the error of the line integrals, and how much more p_T / q
        is at any of these points than at any draw: where it is, the draws have not seen all of p_T. What neither points
        nor modes lead to stays unseen: keep sigma_max above the scale of the data.
        """
        flat = self._flat(x)
        rise, quadrature = self._rise(flat)
        unseen = (rise - self._log_q(flat) - self.largest).nan_to_num(0.0).clamp(min=0)
        unseen = unseen.amax(-1, keepdim=True) if unseen.shape[-1] else unseen
        return rise - self.log_mean, (self.sampling + unseen).where(self.known, torch.inf) + quadrature

    def _flat(self, x: Tensor) -> Tensor:
        return x.detach().double().flatten(x.ndim - self.event)

    def _ask(self, x: Tensor) -> Tensor:
        sigma = torch.full(x.shape[:-1], self.sigma, dtype=x.dtype, device=x.device)
        return self.score(x.unflatten(-1, self.shape), sigma).flatten(sigma.ndim)

    def _modes(self, points: Tensor) -> _Gaussians:
        n, d = points.shape[-2:]
        chosen = torch.linspace(0, n - 1, STARTS - 1 if d <= MANY else 1).round().long()[:n]
        way = normal((2, d), torch.Generator(points.device).manual_seed(2), points)
        way = FAR * self.sigma * way / way.norm(dim=-1, keepdim=True)
        far = torch.cat([way, -way]) if d <= MANY else way[:0]
        far = far.expand(*points.shape[:-2], *far.shape)
        m = torch.cat([points.new_zeros(*points.shape[:-2], 1, d), points[..., chosen, :], far], -2)
        for _ in range(SHIFTS):
            moved = m + self.sigma**2 * self._ask(m).detach()
            m = moved.where(moved.isfinite(), m)
        modes = self._curved(m)
        for _ in range(NEWTON):
            slope = self._ask(modes.means).detach()
            newton = modes.back(modes.std.square()[..., None, :] * modes.along(slope[..., None, :]))[..., 0, :]
            moved = modes.means + newton
            flatter = self._ask(moved).detach().square().sum(-1, keepdim=True) < slope.square().sum(-1, keepdim=True)
            modes = self._curved(moved.where(flatter, modes.means))
        return modes

    def _curved(self, m: Tensor) -> _Gaussians:
        """Gaussians at m (..., K, d) with the covariance -(ds/dx)^-1."""
        d = m.shape[-1]
        low, high = (FLATTEST * self.sigma) ** -2, self.sigma**-2
        if d > ROWS:
            v = normal((PAIRS, d), torch.Generator(m.device).manual_seed(1), m).sign()
            rate = -(v * self._products(m, v)).sum(-1).mean(-1, keepdim=True) / d
            return _Gaussians(m, None, rate.nan_to_num(low).clamp(low, high).rsqrt().expand_as(m))
        jacobian = self._products(m, torch.eye(d, dtype=m.dtype, device=m.device)).nan_to_num(0.0, 0.0, 0.0)
        rates, axes = torch.linalg.eigh(-0.5 * (jacobian + jacobian.mT))
        return _Gaussians(m, axes, rates.clamp(low, high).rsqrt())

    def _products(self, m: Tensor, v: Tensor) -> Tensor:
        """v^T ds/dx at m: (..., K, d) and (V, d) -> (..., K, V, d)."""
        K = m.shape[-2]
        found = []
        for rows in v.split(max(1, ROWS // K)):
            with torch.enable_grad():
                x = m[..., None, :].expand(*m.shape[:-1], *rows.shape).flatten(-3, -2).detach().requires_grad_()
                (product,) = torch.autograd.grad(self._ask(x), x, rows.repeat(K, 1).expand_as(x))
            found.append(product.unflatten(-2, (K, -1)))
        return torch.cat(found, -2)

    def _draws(self) -> Tensor:
        """(..., K widths 2 PAIRS, d): from each Gaussian, and mirrored at its mode."""
        means, std = self.modes.means, self.modes.std
        K, d = means.shape[-2:]
        z = normal((K, len(WIDTHS), PAIRS, d), torch.Generator(means.device).manual_seed(0), means)
        z = z * torch.tensor(WIDTHS, dtype=z.dtype, device=z.device)[:, None, None]
        away = self.modes.back(std[..., None, :] * torch.cat([z, -z], 1).flatten(1, 2))
        return (means[..., None, :] + away).flatten(-3, -2)

    def _log_q(self, x: Tensor, widths: Sequence[float] = WIDTHS) -> Tensor:
        every = torch.cat([self.modes.log_prob(x, width) for width in widths], -2)
        return every.logsumexp(-2) - math.log(every.shape[-2])

    def _rise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p_T at x (..., n, d) but for a constant, and the error of the integral on the line from the first mode.

        It is taken of what s has beside the slope of the mode's Gaussian, so of 0 for a Gaussian.
        """
        mode = self.modes.first()
        away = x - mode.means
        pull = mode.back(mode.along(away[..., None, :, :]) / mode.std.square()[..., None, :])[..., 0, :, :]
        coarse, fine = away.new_zeros(away.shape[:-1]), away.new_zeros(away.shape[:-1])
        for total, count in ((coarse, NODES // 2), (fine, NODES)):
            nodes, weights = np.polynomial.legendre.leggauss(count)
            for t, w in zip((0.5 * (nodes + 1)).tolist(), (0.5 * weights).tolist(), strict=True):
                total += w * (away * (self._ask(mode.means + t * away).detach() + t * pull)).sum(-1)
        return fine + mode.log_prob(x)[..., 0, :], (fine - coarse).abs()
