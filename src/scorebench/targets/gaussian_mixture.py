"""Gaussian mixtures, the exact targets of the workbench."""

from __future__ import annotations

import math
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias, TypedDict

import torch
from torch import Tensor

from scorebench.parts import wording
from scorebench.streams import Generators, normal, seeded, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Numbers: TypeAlias = "Tensor | np.ndarray | Sequence[float] | Sequence[Numbers]"
"""A tensor, an array, or lists of numbers. Whatever is no floating-point tensor is taken in float64."""


class MixtureNumbers(TypedDict, total=False):
    """A mixture as JSON holds it: the arguments of `GaussianMixture` as lists; stds or covariances, one of the two."""

    weights: list[float]
    means: list[list[float]]
    stds: list[float]
    covariances: list[list[list[float]]]


def _floating(name: str, values: Numbers | float | None) -> Tensor:
    """Values as a floating-point tensor. Raises TypeError where they are no real numbers."""
    if isinstance(values, int | float):
        return torch.tensor(values, dtype=torch.float64)
    if not isinstance(values, Tensor):
        import numpy as np

        try:
            array = np.asarray(values)
            if array.dtype.kind not in "fiub":
                raise TypeError(f"given: {array.dtype} {array.shape}")
            values = torch.as_tensor(array.astype(np.float64))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a tensor, an array or lists of real numbers: {error}") from None
    if values.is_complex():
        raise TypeError(f"{name} must be real numbers; given: {wording.tensors(**{name: values})}")
    return values if values.is_floating_point() else values.double()


def _levels(sigma: Numbers | float, batch: Sequence[int], like: Tensor) -> Tensor:
    """sigma, () or of the batch's shape, in the dtype and on the device of `like`."""
    if isinstance(sigma, int | float) and not 0 <= sigma < math.inf:
        raise ValueError(f"sigma must be a finite number, not negative; given: {sigma}")
    level = _floating("sigma", sigma).to(like)
    if level.ndim and level.shape != tuple(batch):
        raise ValueError(f"sigma must be one number or have the shape {tuple(batch)}; given: {tuple(level.shape)}")
    return level


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
        self.weights = _floating("weights", weights).double()
        self.means = _floating("means", means).double()
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
            std = _floating("stds", stds).double()
            if std.shape != (K,) or not bool((std > 0).all() & std.isfinite().all()):
                raise ValueError(f"stds must be {K} positive numbers")
            self._numbers["stds"] = std.tolist()
            self.variances = std.square()[:, None].expand(K, d)
            self.axes = None
        else:
            covariance = _floating("covariances", covariances).double()
            symmetric = covariance.shape == (K, d, d) and torch.allclose(covariance, covariance.mT)
            if not symmetric or not bool(covariance.isfinite().all()):
                raise ValueError(f"covariances must be symmetric and finite, ({K}, {d}, {d})")
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

    def sample(self, n: int, generator: Generators | int = None, sigma: Numbers | float = 0.0) -> Tensor:
        """n points of p_sigma, (n, d), float64; sigma a number or (n,), `generator` a seed, too."""
        if not isinstance(n, Integral) or n < 0:
            raise ValueError(f"n must be an integer that is not negative, given: {n}")
        like = self.means
        level = _levels(sigma, (n,), like)[..., None]
        generator = seeded(generator, like)
        edges = self.weights.cumsum(0)
        k = torch.searchsorted(edges, uniform((n,), generator, like)).clamp(max=len(edges) - 1)
        z = normal((n, self.dimension), generator, like) * (self.variances[k] + level.square()).sqrt()
        if self.axes is not None:
            z = (self.axes[k] @ z[..., None])[..., 0]
        return self.means[k] + z

    def _standardised(self, x: Numbers, sigma: Numbers | float) -> tuple[Tensor, Tensor]:
        """x - mu_k in the axes of component k and the variances along them: both (..., K, d).

        Raises:
            TypeError: x or sigma is not made of real numbers.
            ValueError: x is not (..., d), sigma neither a number nor (...), or a negative number.
        """
        x = _floating("x", x)
        if x.ndim == 0 or x.shape[-1] != self.dimension:
            raise ValueError(
                f"x must be (..., {self.dimension}), points in the {self.dimension} dimensions of the mixture;"
                f" given: {wording.shapes(x=x)}"
            )
        sigma = _levels(sigma, x.shape[:-1], x)
        means = self.means.to(x)
        if self.axes is None:
            offset = x[..., None, :] - means
        else:
            axes = self.axes.to(x)
            offset = torch.einsum("...i,kij->...kj", x, axes) - torch.einsum("ki,kij->kj", means, axes)
        return offset, self.variances.to(x) + sigma.square()[..., None, None]

    def component_log_prob(self, x: Numbers, sigma: Numbers | float = 0.0) -> Tensor:
        """ln w_k + ln N(x; mu_k, Sigma_k + sigma^2 I), (..., K)."""
        return self._log_joint(*self._standardised(x, sigma))

    def _log_joint(self, offset: Tensor, variance: Tensor) -> Tensor:
        log_normal = -0.5 * (offset.square() / variance + variance.log() + math.log(2 * math.pi)).sum(-1)
        return self.weights.to(offset).log() + log_normal

    def log_prob(self, x: Numbers, sigma: Numbers | float = 0.0) -> Tensor:
        """ln p_sigma(x) in nats: x (..., d), sigma a number or (...) -> (...)."""
        return torch.logsumexp(self.component_log_prob(x, sigma), -1)

    def score(self, x: Numbers, sigma: Numbers | float = 0.0) -> Tensor:
        """grad log p_sigma(x): x (..., d), sigma a number or (...) -> (..., d)."""
        offset, variance = self._standardised(x, sigma)
        responsibility = self._log_joint(offset, variance).softmax(-1)[..., None]
        pull = -responsibility * offset / variance
        if self.axes is None:
            return pull.sum(-2)
        return torch.einsum("...kj,kij->...i", pull, self.axes.to(pull))

    def mahalanobis(self, x: Numbers) -> Tensor:
        """Squared Mahalanobis distance of x to every component at sigma = 0, (..., K)."""
        offset, variance = self._standardised(x, 0.0)
        return (offset.square() / variance).sum(-1)
