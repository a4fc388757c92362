"""How noisy the gradients of objectives are: variances, covariances between objectives, and their intervals.

For objectives a, b and a network with P parameters, per sample i of one batch: gradients g_a,i in R^P, and

    C_ab = sum_k Cov(g_a,k, g_b,k),   the trace of the covariance between the two estimators; V_a = C_aa.

A training step averages B samples, so V_a / B is the squared length of its noise. Two objectives with the same
expected gradient and the same cost are ranked by V; the best mix (1 - lambda) g_a + lambda g_b has
lambda* = (V_a - C_ab) / (V_a + V_b - 2 C_ab).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from scorebench.metrics._points import as_count
from scorebench.streams import seeded

if TYPE_CHECKING:
    from scorebench.networks import Parameters
    from scorebench.objectives import Batch
    from scorebench.parts import Score

    Loss = Callable[[Score, Batch, torch.Generator | None], Tensor]
    Model = Callable[[Parameters], Score]


def per_sample_gradients(
    loss: Loss, model: Model, parameters: Parameters, batch: Batch, generator: torch.Generator | None = None
) -> Tensor:
    """The gradient of every sample's loss in all parameters, flattened in their order: (n, P).

    Every sample gets a copy of the parameters of its own, as a replicate does, so one backward pass gives all of
    them, for any objective, those that differentiate the score included. Memory: n P numbers, a few times.

    Args:
        loss: an objective, or any loss(score, batch, generator) -> per-sample losses.
        model: parameters -> score; with a leading axis (n, ...) on parameters it takes x (n, 1, *event), as
            `network.score` does.
        parameters: of one network, without replicates.
        batch: clean, noise (n, *event); sigma (n,).

    Raises:
        ValueError: batch.sigma is not (n,).
    """
    if batch.sigma.ndim != 1:
        raise ValueError(f"per-sample gradients need one batch axis, sigma (n,); given: {tuple(batch.sigma.shape)}")
    n = len(batch.sigma)
    copies = {name: p.detach().expand(n, *p.shape).clone().requires_grad_() for name, p in parameters.items()}
    one_each = replace(batch, clean=batch.clean[:, None], noise=batch.noise[:, None], sigma=batch.sigma[:, None])
    with torch.enable_grad():
        total = loss(model(copies), one_each, generator).sum()
        gradients = torch.autograd.grad(total, list(copies.values()), allow_unused=True, materialize_grads=True)
    return torch.cat([g.detach().reshape(n, -1) for g in gradients], 1)


@dataclass(frozen=True)
class Estimate:
    """A number, its standard error and its 95 % interval."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - 1.96 * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + 1.96 * self.error


@dataclass(frozen=True)
class GradientMoments:
    """Moments of the gradients of E objectives on the same n samples.

    names: of the objectives. mean: (E, P), the gradients averaged. products: (n, E, E), per sample
    (g_a - mean_a)^T (g_b - mean_b).
    """

    names: tuple[str, ...]
    mean: Tensor
    products: Tensor

    @property
    def covariance(self) -> Tensor:
        """C (E, E), C_ab = sum_k Cov(g_a,k, g_b,k), unbiased; its diagonal holds the variances V."""
        return self.products.sum(0) / (len(self.products) - 1)

    def jackknife(self, statistic: Callable[[Tensor], Tensor], *names: str) -> Estimate:
        """A statistic of C, (..., E, E) -> (...), with the bias removed and the error found by leaving out samples.

        C is that of the named objectives in this order, of all without names. Leaving out sample i takes
        n / (n - 1) products_i from the sum of squares, exactly, so nothing is computed anew (Efron & Stein 1981 on
        the jackknife).

        Raises:
            ValueError: a name that no objective has.
        """
        if unknown := [name for name in names if name not in self.names]:
            raise ValueError(f"no objective is called '{unknown[0]}'; there are: {', '.join(self.names)}")
        at = [self.names.index(name) for name in names or self.names]
        products = self.products[:, at][:, :, at]
        n, total = len(products), products.sum(0)
        left_out = statistic((total - products * (n / (n - 1))) / (n - 2))
        whole, centre = float(statistic(total / (n - 1))), float(left_out.mean())
        error = ((n - 1) / n * (left_out - centre).square().sum()).sqrt()
        return Estimate(n * whole - (n - 1) * centre, float(error))

    def variance(self, name: str) -> Estimate:
        """V of this objective."""
        return self.jackknife(lambda C: C[..., 0, 0], name)

    def variance_ratio(self, name: str, to: str) -> Estimate:
        """V of this objective over that of another."""
        return self.jackknife(lambda C: C[..., 0, 0] / C[..., 1, 1], name, to)

    def correlation(self, name: str, other: str) -> Estimate:
        """C_ab / sqrt(V_a V_b)."""
        return self.jackknife(lambda C: C[..., 0, 1] / (C[..., 0, 0] * C[..., 1, 1]).sqrt(), name, other)

    def best_weight(self, name: str, other: str) -> Estimate:
        """lambda*: the weight on `other` with which the mix of the two has the smallest variance."""

        def weight(C: Tensor) -> Tensor:
            return (C[..., 0, 0] - C[..., 0, 1]) / (C[..., 0, 0] + C[..., 1, 1] - 2 * C[..., 0, 1])

        return self.jackknife(weight, name, other)

    def mix_gain(self, name: str, other: str) -> Estimate:
        """The smaller of the two variances over that of the best mix: 1 where mixing gains nothing."""

        def gain(C: Tensor) -> Tensor:
            a, b, c = C[..., 0, 0], C[..., 1, 1], C[..., 0, 1]
            return torch.minimum(a, b) * (a + b - 2 * c) / (a * b - c**2)

        return self.jackknife(gain, name, other)

    def weight_gap(self, name: str, other: str) -> Estimate:
        """lambda* less V_a / (V_a + V_b), what it is for gradients without correlation."""

        def gap(C: Tensor) -> Tensor:
            a, b, c = C[..., 0, 0], C[..., 1, 1], C[..., 0, 1]
            return (a - c) / (a + b - 2 * c) - a / (a + b)

        return self.jackknife(gap, name, other)


def gradient_moments(
    losses: Mapping[str, Loss],
    model: Model,
    parameters: Parameters,
    batch: Batch,
    generator: torch.Generator | int | None = None,
    chunk: int = 256,
) -> GradientMoments:
    """Moments of per-sample gradients of several objectives on one batch, `chunk` samples in memory at a time.

    All see the same points and the same noise; probes are drawn for each. Two passes over the batch: one for the
    means, one, with the same random numbers, for the products. Arguments as in `per_sample_gradients`; the
    products are in float64 whatever the parameters are.

    Raises:
        ValueError: fewer than 3 samples, no objective, a chunk below 1, or batch.sigma is not (n,).
    """
    n = len(batch.sigma) if batch.sigma.ndim else 0
    if n < 3:
        raise ValueError(f"moments need at least 3 samples, given: {n}")
    chunk, losses = as_count(chunk, "chunk"), dict(losses)
    if not losses:
        raise ValueError("gradient_moments needs one objective or more, by name; given: none")
    seed = int(torch.randint(2**62, ())) if generator is None else generator
    draws = cast("torch.Generator", seeded(seed, batch.clean))
    start = draws.get_state()

    def chunks() -> list[Batch]:
        return [
            replace(batch, clean=batch.clean[at], noise=batch.noise[at], sigma=batch.sigma[at])
            for at in (slice(i, i + chunk) for i in range(0, n, chunk))
        ]

    def stacked(part: Batch) -> Tensor:
        return torch.stack([per_sample_gradients(f, model, parameters, part, draws) for f in losses.values()])

    mean = torch.stack([stacked(part).sum(1, dtype=torch.float64) for part in chunks()]).sum(0) / n
    draws.set_state(start)
    products = []
    for part in chunks():
        off = stacked(part).double() - mean[:, None]
        products.append(torch.einsum("anp,bnp->nab", off, off))
    return GradientMoments(tuple(losses), mean, torch.cat(products))
