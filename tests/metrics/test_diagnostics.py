"""Diagnostics without truth, against closed forms for linear scores of Gaussian data."""

from __future__ import annotations

import math

import pytest
import torch

from scorebench.data.ring import Ring
from scorebench.metrics.diagnostics import diagnostics
from scorebench.metrics.fisher import scale_errors
from scorebench.networks import network

N, TAU = 20_000, 0.8
SIGMAS = torch.tensor([0.01, 0.3, 1.0, 5.0], dtype=torch.float64)


def normal(n: int, d: int, seed: int) -> torch.Tensor:
    return TAU * torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scaled(factor: torch.Tensor):
    """s = -a y / v with a factor a for every replicate: the exact score times a."""

    def score(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return -factor[:, None, None].to(x) * x / (TAU**2 + sigma**2)[..., None]

    return score


@pytest.mark.parametrize("d", [2, 6])
def test_a_scaled_exact_score(d):
    """s = a s*: alpha = 1 / a, balance = (a^2 - a) sigma^2 d / v, excess = D = (a - 1)^2 sigma^2 d / v.

    The divergence of a linear score is exact with any orthogonal probes, so the errors come from E||y||^2 (relative
    sqrt(2 / (d n))), and for the excess from ||epsilon||^2 and the optimal loss: 2 % of the optimum.
    """
    a = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(5)
    found = diagnostics(scaled(a), normal(N, d, 1), normal(N, d, 2), SIGMAS, generator, replicates=3)
    v = TAU**2 + SIGMAS**2
    rtol = 5 * math.sqrt(2 / (d * N))
    torch.testing.assert_close(found.stein_alpha, (1 / a[:, None]).expand(3, 4), rtol=rtol, atol=0)
    scale = SIGMAS**2 * d / v
    expected = (a**2 - a)[:, None] * scale
    torch.testing.assert_close(found.divergence_balance, expected, rtol=0, atol=float((4 * rtol * scale).max()))
    assert ((found.divergence_balance - expected).abs() <= 4 * rtol * scale).all()
    optimum = 2 * SIGMAS**2 * 0.5 * d * TAU**2 / (SIGMAS**2 * v)
    error = (found.excess_loss - (a - 1)[:, None] ** 2 * scale).abs()
    assert (error <= 0.04 * optimum + 4 * rtol * a[:, None] ** 2 * scale).all()


def test_pairs_keep_the_variance_bounded_at_small_noise():
    """At sigma = 0.001 one-sided noise would give alpha the standard error 1 / (sigma sqrt(n E||s||^2)) = 18."""
    points, reference, sigmas = normal(1000, 2, 1), normal(1000, 2, 2), torch.tensor([1e-3])
    found = diagnostics(scaled(torch.ones(1)), points, reference, sigmas, torch.Generator(), replicates=1)
    assert float(found.stein_alpha) == pytest.approx(1, abs=0.25)


def test_alpha_and_balance_are_two_estimates_of_one_number():
    """E div s = E s^T epsilon / sigma, so the balance is sigma^2 E||s||^2 (1 - alpha), for any network."""
    target = Ring().target()
    net = network("mlp", width=16, depth=2)
    score = net.score(net.initialise((2,), [torch.Generator().manual_seed(3)]))
    points, reference = (target.sample(20_000, torch.Generator().manual_seed(i)).float() for i in (1, 2))
    sigmas = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    found = diagnostics(score, points, reference, sigmas, torch.Generator().manual_seed(4), replicates=1)
    y = points + 0.5 * torch.randn(points.shape, generator=torch.Generator().manual_seed(6))
    square = float(score(y[None], torch.full((1, 20_000), 0.5)).square().sum(-1).mean())
    balance, alpha = float(found.divergence_balance[0, 1]), float(found.stein_alpha[0, 1])
    assert balance == pytest.approx(0.25 * square * (1 - alpha), abs=0.02)


def test_excess_loss_is_the_error_where_the_posterior_is_resolved():
    """On the ring, against the exact D, at noise levels where 2,048 points show the posterior."""
    target = Ring().target()
    points, reference = (target.sample(10_000, torch.Generator().manual_seed(i)) for i in (1, 2))
    sigmas = torch.tensor([0.1, 0.3, 1.0, 3.0], dtype=torch.float64)

    def wrong(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return 0.6 * target.score(x.double(), sigma.double())

    found = diagnostics(wrong, points, reference, sigmas, torch.Generator().manual_seed(4))
    D = scale_errors(wrong, target, sigmas, 10_000, torch.Generator().manual_seed(5))
    torch.testing.assert_close(found.excess_loss, D, rtol=0.12, atol=0.01)
