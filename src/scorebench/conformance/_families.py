"""Targets and score models in closed form: the truth that a loss is held against.

A family is a Gaussian mixture p_0 and, at every sigma, a score model around its exact score,

    s_theta(y, sigma) = s*(y, sigma) + sum_k theta_k f_k(y, sigma),

with four fields, each a gradient (so that an energy exists) and each of unit size, E_{p_sigma} ||f_k||^2 = 1:

    f_0 = u                         a shift           phi_0 = u'z                    z = y - E[x]
    f_1 = A z                       a linear map      phi_1 = 1/2 z'A z
    f_2, f_3 = w cos(w'z + b)       waves             phi   = sin(w'z + b)

So the exact objective is a quadratic, J(theta; sigma) = 1/2 theta'G theta, its minimum is at theta = 0, and
G_kl = E_{p_sigma} f_k'f_l is known in closed form, from E exp(i w'z) of a Gaussian and its derivative in w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from scorebench.objectives import Batch
from scorebench.streams import normal
from scorebench.targets import GaussianMixture

FIELDS = 4
WAVES = 2
WAVE_NUMBER = 1.6
"""Of a wave along its direction, in units of the inverse spread of p_sigma there: several derivatives all count."""


@dataclass(frozen=True, eq=False)
class Fields:
    """The fields of a family at one sigma: numbers only, any of them (..., d)."""

    shift: Tensor
    linear: Tensor
    waves: Tensor
    phases: Tensor
    size: Tensor
    gram: Tensor
    spread: float
    """Root mean variance of a coordinate of y ~ p_sigma."""


class EventTarget:
    """A mixture over flattened events, seen as a distribution of events of any shape."""

    def __init__(self, mixture: GaussianMixture, event: tuple[int, ...]) -> None:
        self.mixture, self.event = mixture, event

    def score(self, x: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        """grad log p_sigma(x), (..., *event)."""
        flat = self._flat(x)
        if len(self.mixture.weights) > 1:
            return self.mixture.score(flat, sigma).reshape(x.shape)
        z, variance = flat - self.mixture.means[0], self.mixture.variances[0]
        variance = variance + torch.as_tensor(sigma, dtype=x.dtype).square()[..., None]
        if self.mixture.axes is None:
            return (-z / variance).reshape(x.shape)
        axes = self.mixture.axes[0]
        s: Tensor = -((z @ axes) / variance) @ axes.mT
        return s.reshape(x.shape)

    def log_prob(self, x: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        """ln p_sigma(x), (...)."""
        return self.mixture.log_prob(self._flat(x), sigma)

    def _flat(self, x: Tensor) -> Tensor:
        if tuple(x.shape[x.ndim - len(self.event) :]) != self.event:
            raise ValueError(f"the score model takes events of shape {self.event}, the loss gave it {tuple(x.shape)}")
        return x.flatten(x.ndim - len(self.event))


class Family:
    """A Gaussian mixture over events of some shape, with fields to move its score along.

    Args:
        name: of the family.
        weights, means, covariances: of the mixture, (K,), (K, d), (K, d, d).
        event: the shape of an event of d numbers; (d,) if not given.
        smallest: the least sigma at which it is judged: below, its score is so steep that samples say little.
        samples: how many times as many samples as usual its blocks have.
    """

    def __init__(
        self,
        name: str,
        weights: Tensor,
        means: Tensor,
        covariances: Tensor,
        event: tuple[int, ...] | None = None,
        smallest: float = 0.0,
        samples: int = 1,
    ) -> None:
        self.name, self.smallest, self.samples = name, smallest, samples
        self.weights, self.means, self.covariances = weights, means, covariances
        self.dimension = means.shape[1]
        self.event = event or (self.dimension,)
        isotropic = covariances.diagonal(dim1=1, dim2=2)[:, :1, None] * torch.eye(self.dimension).to(means)
        if torch.equal(isotropic, covariances):
            self.mixture = GaussianMixture(weights, means, stds=covariances[:, 0, 0].sqrt())
        else:
            self.mixture = GaussianMixture(weights, means, covariances=covariances)
        self.target = EventTarget(self.mixture, self.event)
        self.centre = weights @ means
        self.fields = lru_cache(maxsize=None)(self._fields)

    def batch(self, sigma: Tensor, generator: torch.Generator) -> Batch:
        """Clean points, noise and these noise levels, one each; the clean points are their own reference set."""
        clean = self._sample(sigma.numel(), generator)
        noise = normal(clean.shape, generator, clean)
        shape, reference = (*sigma.shape, *self.event), clean.reshape(-1, *self.event)
        return Batch(clean.reshape(shape), noise.reshape(shape), sigma, self.target, reference)

    def _sample(self, n: int, generator: torch.Generator) -> Tensor:
        if len(self.weights) > 1:
            return self.mixture.sample(n, generator)
        z = normal((n, self.dimension), generator, self.means) * self.mixture.variances[0].sqrt()
        return self.means[0] + (z if self.mixture.axes is None else z @ self.mixture.axes[0].mT)

    def _fields(self, sigma: float) -> Fields:
        generator = torch.Generator().manual_seed(self.dimension)
        d = self.dimension
        eye = torch.eye(d).to(self.means)
        noisy = self.covariances + sigma**2 * eye
        offsets = self.means - self.centre
        total = torch.einsum("k,kij->ij", self.weights, noisy + offsets[:, :, None] * offsets[:, None, :])
        shift, *ways = (v / v.norm() for v in normal((1 + WAVES, d), generator, self.means))
        square = normal((d, d), generator, self.means)
        linear = eye + (square + square.mT) / (2 * d) ** 0.5
        waves = torch.stack([w * WAVE_NUMBER / (w @ total @ w).sqrt() for w in ways])
        phases = torch.tensor([1.0, -2.0]).to(self.means)
        gram = self._gram(shift, linear, waves, phases, noisy, offsets)
        size = gram.diagonal().rsqrt()
        spread = math.sqrt(float(total.trace()) / d)
        return Fields(shift, linear, waves, phases, size, size[:, None] * gram * size, spread)

    def _gram(self, u: Tensor, A: Tensor, waves: Tensor, phases: Tensor, noisy: Tensor, offsets: Tensor) -> Tensor:
        """E f_k'f_l over the mixture, for fields that are not yet of unit size."""

        def damped(w: Tensor) -> Tensor:
            return self.weights * torch.exp(-0.5 * torch.einsum("i,kij,j->k", w, noisy, w))

        def cosine(w: Tensor, b: Tensor) -> Tensor:
            """E cos(w'z + b)."""
            return (damped(w) * torch.cos(offsets @ w + b)).sum()

        def first_moment(w: Tensor, b: Tensor) -> Tensor:
            """E z cos(w'z + b)."""
            angle = offsets @ w + b
            pull = torch.einsum("kij,j->ki", noisy, w)
            return damped(w) @ (offsets * torch.cos(angle)[:, None] - pull * torch.sin(angle)[:, None])

        G = torch.zeros(FIELDS, FIELDS).to(u)
        second = torch.einsum("k,kij->ij", self.weights, noisy + offsets[:, :, None] * offsets[:, None, :])
        G[0, 0] = u @ u
        G[0, 1] = u @ A @ (self.weights @ offsets)
        G[1, 1] = (A @ second @ A).trace()
        for i, (w, b) in enumerate(zip(waves, phases, strict=True)):
            G[0, 2 + i] = u @ w * cosine(w, b)
            G[1, 2 + i] = w @ A @ first_moment(w, b)
            for j in range(i, WAVES):
                sum_, difference = cosine(w + waves[j], b + phases[j]), cosine(w - waves[j], b - phases[j])
                G[2 + i, 2 + j] = w @ waves[j] * 0.5 * (sum_ + difference)
        return G + G.mT - G.diagonal().diag()


def _rotated(d: int, generator: torch.Generator) -> Tensor:
    """A covariance with variances from 0.3 to 2 along axes turned at random, (d, d)."""
    axes, _ = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    covariance: Tensor = (axes * torch.linspace(0.3, 2.0, d, dtype=torch.float64)) @ axes.mT
    return 0.5 * (covariance + covariance.mT)


@lru_cache(maxsize=1)
def families() -> dict[str, Family]:
    """Every family that a loss is judged on, by name."""
    generator = torch.Generator().manual_seed(20260101)
    one = torch.ones(1, dtype=torch.float64)
    found = []

    def gaussian(
        name: str, covariance: Tensor, mean: Tensor | None = None, event: tuple[int, ...] | None = None
    ) -> None:
        d = len(covariance)
        centre = torch.zeros(d, dtype=torch.float64) if mean is None else mean
        found.append(Family(name, one, centre[None], covariance[None], event))

    def mixture(name: str, d: int, event: tuple[int, ...] | None = None) -> None:
        means = torch.randn(3, d, generator=generator, dtype=torch.float64)
        means = 1.5 * means / means.norm(dim=1, keepdim=True)
        eye = torch.eye(d, dtype=torch.float64)
        covariances = torch.stack([variance * eye for variance in (0.4, 0.8, 0.6)])
        found.append(Family(name, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), means, covariances, event))

    for d in (1, 2, 10, 50):
        gaussian(f"isotropic, d = {d}", torch.eye(d, dtype=torch.float64))
        if d > 1:
            gaussian(f"anisotropic and rotated, d = {d}", _rotated(d, generator))
        if d in (1, 10):
            mean = 2 * torch.randn(d, generator=generator, dtype=torch.float64)
            gaussian(f"shifted, d = {d}", _rotated(d, generator) if d > 1 else 1.5 * torch.eye(1).double(), mean)
        mixture(f"mixture, d = {d}", d)

    def peaks(name: str, weights: list[float], means: list[list[float]]) -> None:
        """Narrow and apart by a few sigma: which of them a point came from is unsure, and its noise far from normal.

        So the minimiser of a loss that is no square of the error, such as Huber's, is far off here. Not by much: it
        takes more samples to see.
        """
        where, d = torch.tensor(means, dtype=torch.float64), len(means[0])
        narrow = 0.1**2 * torch.eye(d, dtype=torch.float64).expand(len(means), d, d)
        shares = torch.tensor(weights, dtype=torch.float64)
        found.append(Family(name, shares / shares.sum(), where, narrow, smallest=0.5, samples=4))

    peaks("two narrow peaks, d = 1", [2.0, 1.0], [[-1.1], [1.1]])
    peaks("three narrow peaks, d = 2", [3.0, 2.0, 1.0], [[1.2, 0.0], [-0.6, 1.04], [-0.6, -1.04]])
    gaussian("images 2 x 3 x 2, anisotropic", _rotated(12, generator), event=(2, 3, 2))
    mixture("images 1 x 4 x 4, mixture", 16, event=(1, 4, 4))
    return {family.name: family for family in found}


@lru_cache(maxsize=1)
def _cube() -> Family:
    one, eye = torch.ones(1, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    return Family("cube", one, torch.zeros(1, 3, dtype=torch.float64), eye[None])


def family_named(name: str) -> Family:
    """A family by its name; "cube" is N(0, I) in three dimensions, on which the second moment of probes is read off."""
    return _cube() if name == "cube" else families()[name]
