"""Gaussian mixtures, the exact targets of the workbench."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias, TypedDict

import torch
from torch import Tensor

from scorebench.streams import Generators, normal, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Numbers: TypeAlias = "Tensor | np.ndarray | Sequence[float] | Sequence[Numbers]"
"""A tensor, an array, or lists of numbers."""


class MixtureNumbers(TypedDict, total=False):
    """A mixture as JSON holds it: the arguments of `GaussianMixture` as lists; stds or covariances, one of the two."""

    weights: list[float]
    means: list[list[float]]
    stds: list[float]
    covariances: list[list[list[float]]]


class GaussianMixture:
    """p_0 = sum_k w_k N(mu_k, Sigma_k); noised, p_sigma = sum_k w_k N(mu_k, Sigma_k + sigma^2 I).

    Args:
        weights: (K,), positive; normalised here.
        means: (K, d).
        stds: (K,) standard deviations of isotropic components, or
        covariances: (K, d, d), symmetric positive definite.

    Raises:
        ValueError: shapes that do not agree, both or neither of stds and covariances, or a value out of range.
    """

    def __init__(
        self, weights: Numbers, means: Numbers, stds: Numbers | None = None, covariances: Numbers | None = None
    ) -> None:
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        self.means = torch.as_tensor(means, dtype=torch.float64)
        if self.means.ndim != 2 or self.weights.shape != self.means.shape[:1]:
            raise ValueError(f"weights {tuple(self.weights.shape)} and means {tuple(self.means.shape)}: (K,), (K, d)")
        if not bool((self.weights > 0).all() & self.weights.isfinite().all()):
            raise ValueError("weights must be positive")
        if not bool(self.means.isfinite().all()):
            raise ValueError("means must be finite")
        self._numbers = MixtureNumbers(weights=self.weights.tolist(), means=self.means.tolist())
        self.weights = self.weights / self.weights.sum()
        K, d = self.means.shape
        if (stds is None) == (covariances is None):
            raise ValueError("give stds or covariances, one of the two")
        if stds is not None:
            std = torch.as_tensor(stds, dtype=torch.float64)
            if std.shape != (K,) or not bool((std > 0).all()):
                raise ValueError(f"stds must be {K} positive numbers")
            self._numbers["stds"] = std.tolist()
            self.variances = std.square()[:, None].expand(K, d)
            self.axes = None
        else:
            covariance = torch.as_tensor(covariances, dtype=torch.float64)
            if covariance.shape != (K, d, d) or not torch.allclose(covariance, covariance.mT):
                raise ValueError(f"covariances must be symmetric, ({K}, {d}, {d})")
            self._numbers["covariances"] = covariance.tolist()
            self.variances, self.axes = torch.linalg.eigh(covariance)
            if not bool((self.variances > 0).all()):
                raise ValueError("covariances must be positive definite")

    @property
    def dimension(self) -> int:
        """d."""
        return self.means.shape[1]

    def to_json(self) -> MixtureNumbers:
        """The mixture as plain numbers; `GaussianMixture.from_json` reads them back exactly."""
        return self._numbers.copy()

    @classmethod
    def from_json(cls, numbers: MixtureNumbers) -> GaussianMixture:
        """The mixture that `to_json` wrote."""
        return cls(**numbers)

    def sample(self, n: int, generator: Generators = None, sigma: float = 0.0) -> Tensor:
        """n points of p_sigma, (n, d), float64."""
        if n < 0:
            raise ValueError(f"n must not be negative, given: {n}")
        like = self.means
        edges = self.weights.cumsum(0)
        k = torch.searchsorted(edges, uniform((n,), generator, like)).clamp(max=len(edges) - 1)
        z = normal((n, self.dimension), generator, like) * (self.variances[k] + sigma**2).sqrt()
        if self.axes is not None:
            z = (self.axes[k] @ z[..., None])[..., 0]
        return self.means[k] + z

    def _standardised(self, x: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        """x - mu_k in the axes of component k and the variances along them: both (..., K, d)."""
        sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        means = self.means.to(x)
        if self.axes is None:
            offset = x[..., None, :] - means
        else:
            axes = self.axes.to(x)
            offset = torch.einsum("...i,kij->...kj", x, axes) - torch.einsum("ki,kij->kj", means, axes)
        return offset, self.variances.to(x) + sigma.square()[..., None, None]

    def component_log_prob(self, x: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        """ln w_k + ln N(x; mu_k, Sigma_k + sigma^2 I), (..., K)."""
        return self._log_joint(*self._standardised(x, sigma))

    def _log_joint(self, offset: Tensor, variance: Tensor) -> Tensor:
        log_normal = -0.5 * (offset.square() / variance + variance.log() + math.log(2 * math.pi)).sum(-1)
        return self.weights.to(offset).log() + log_normal

    def log_prob(self, x: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        """ln p_sigma(x) in nats: x (..., d), sigma a number or (...) -> (...)."""
        return torch.logsumexp(self.component_log_prob(x, sigma), -1)

    def score(self, x: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        """grad log p_sigma(x): x (..., d), sigma a number or (...) -> (..., d)."""
        offset, variance = self._standardised(x, sigma)
        responsibility = self._log_joint(offset, variance).softmax(-1)[..., None]
        pull = -responsibility * offset / variance
        if self.axes is None:
            return pull.sum(-2)
        return torch.einsum("...kj,kij->...i", pull, self.axes.to(x))

    def mahalanobis(self, x: Tensor) -> Tensor:
        """Squared Mahalanobis distance of x to every component at sigma = 0, (..., K)."""
        offset, variance = self._standardised(x, 0.0)
        return (offset.square() / variance).sum(-1)
