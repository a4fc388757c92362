"""The variance of every estimator where it has a closed form: s = -a y on x ~ N(0, tau^2 I), at a = 1 / v.

v = tau^2 + sigma^2, rho = sigma^2 / tau^2; per sample, variance of the derivative in a:

    DSM d / rho     ISM = SSM-VR Rademacher 2 d     SSM-VR Gaussian 4 d     SSM Rademacher 2 d^2
    hybrid 2 d / (1 + 2 rho)     C1-DSM 4 d tau^2 / v
    A-DSM 4 d tau^4 / v^2     floor, infinitely many epsilon for each x: 2 d tau^4 / v^2

All in one table, measured with 200,000 samples, within 3 %: at least 3.4 standard errors (those of SSM are 0.87 %),
4.5 for most. 3 x 9 comparisons: a false alarm in 200 runs if the seed weren't fixed.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scorebench.metrics.gradients import GradientMoments, gradient_moments
from scorebench.objectives import Batch, objective

N = 200_000
SETTINGS = [(1.0, 0.4, 4), (1.0, math.sqrt(0.5), 3), (2.0, 5.0, 4)]  # below, at and above the crossover


def drawn(tau: float, sigma: float, d: int, n: int = N) -> Batch:
    clean, noise = torch.randn(2, n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d))
    return Batch(tau * clean, noise, torch.full((n,), sigma, dtype=torch.float64))


def linear(parameters):
    return lambda y, sigma: -parameters["a"][..., None, None] * y


def moments(losses, tau: float, sigma: float, d: int) -> GradientMoments:
    parameters = {"a": torch.tensor(1 / (tau**2 + sigma**2), dtype=torch.float64)}
    return gradient_moments(losses, linear, parameters, drawn(tau, sigma, d), torch.Generator().manual_seed(2), 4000)


@pytest.mark.parametrize(("tau", "sigma", "d"), SETTINGS)
def test_variances(tau, sigma, d):
    v, rho = tau**2 + sigma**2, sigma**2 / tau**2
    table = {
        "dsm": (objective("dsm"), d / rho),
        "ism": (objective("ism"), 2 * d),
        "ssm_vr rademacher": (objective("ssm_vr", probe="rademacher"), 2 * d),
        "ssm_vr gaussian": (objective("ssm_vr", probe="gaussian"), 4 * d),
        "ssm_vr 4 gaussian": (objective("ssm_vr", probe="gaussian", probes=4), 2.5 * d),
        "ssm rademacher": (objective("ssm", probe="rademacher"), 2 * d**2),
        "hybrid": (objective("hybrid", tau=tau), 2 * d / (1 + 2 * rho)),
        "dsm_cv": (objective("dsm_cv"), 4 * d * tau**2 / v),
        "antithetic_dsm": (objective("antithetic_dsm"), 4 * d * tau**4 / v**2),
    }
    measured = moments({name: loss for name, (loss, _) in table.items()}, tau, sigma, d)
    V = {name: measured.variance(name) for name in table}
    for name, (_, expected) in table.items():
        assert V[name].error < 0.009 * expected, name
        assert V[name].value == pytest.approx(expected, rel=0.03), name
    dsm_ism = measured.correlation("dsm", "ism")
    assert abs(dsm_ism.value) < 4.5 * dsm_ism.error < 0.02


@pytest.mark.parametrize(("tau", "sigma", "d"), SETTINGS)
@pytest.mark.parametrize("K", [1, 4, 16])
def test_many_noises_for_each_point_approach_the_floor(tau, sigma, d, K, assert_mean):
    """With K independent epsilon for each x: floor + (d / rho - floor) / K, floor = Var E[g | x] = 2 d tau^4 / v^2."""
    n, v = 40_000, tau**2 + sigma**2
    generator = torch.Generator().manual_seed(K)
    x = tau * torch.randn(1, n, d, dtype=torch.float64, generator=generator)
    noise = torch.randn(K, n, d, dtype=torch.float64, generator=generator)
    y = x + sigma * noise
    g = (y.square().sum(-1) / v - (y * noise).sum(-1) / sigma).mean(0)
    floor = 2 * d * tau**4 / v**2
    expected = floor + (d * tau**2 / sigma**2 - floor) / K
    assert_mean(g.square(), expected, within=0.015 * expected)


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.7])
def test_correlated_pairs(c, assert_mean):
    """epsilon' = c epsilon + sqrt(1 - c^2) xi: half of [d / rho + Cov(c)] with

    Cov(c) = 2 d tau^4 / v^2 + c d tau^2 (sigma^2 - tau^2)^2 / (sigma^2 v^2) + 2 c^2 d tau^4 / v^2.
    """
    tau, sigma, d, n = 1.0, 0.7, 3, 200_000
    v = tau**2 + sigma**2
    generator = torch.Generator().manual_seed(1)
    x, e, xi = torch.randn(3, n, d, dtype=torch.float64, generator=generator)
    pair = [e, c * e + math.sqrt(1 - c**2) * xi]
    g = sum((tau * x + sigma * e).square().sum(-1) / v - ((tau * x + sigma * e) * e).sum(-1) / sigma for e in pair) / 2
    shared = 2 * d * tau**4 / v**2 * (1 + c**2) + c * d * tau**2 * (sigma**2 - tau**2) ** 2 / (sigma**2 * v**2)
    assert_mean(g.square(), (d * tau**2 / sigma**2 + shared) / 2, within=0.03)


positive = st.floats(0.02, 50.0)


def pair_variance(c: float, rho: float) -> float:
    """The variance above for d = tau = 1."""
    return (1 / rho + (2 * (1 + c**2) + c * (rho - 1) ** 2 / rho) / (1 + rho) ** 2) / 2


@given(rho=positive, other=st.floats(-1, 1))
def test_the_best_correlation_of_a_pair(rho, other):
    """c* = -min(1, (sigma^2 - tau^2)^2 / (4 sigma^2 tau^2)): fully antithetic wherever rho is not near 1."""
    best = -min(1.0, (rho - 1) ** 2 / (4 * rho))
    assert pair_variance(best, rho) <= pair_variance(other, rho) * (1 + 1e-12)
    assert pair_variance(-1.0, rho) == pytest.approx(4 / (1 + rho) ** 2, rel=1e-9)


@given(rho=positive)
def test_order_of_the_estimators(rho):
    """A-DSM <= C1 always; hybrid between its parts and the floor; A-DSM against two DSM samples."""
    dsm, ism, c1, pair, floor = 1 / rho, 2.0, 4 / (1 + rho), 4 / (1 + rho) ** 2, 2 / (1 + rho) ** 2
    hybrid = dsm * ism / (dsm + ism)
    assert pair <= c1
    assert floor * (1 - 1e-12) <= hybrid <= min(dsm, ism)
    assert hybrid == pytest.approx(2 / (1 + 2 * rho))
    assert hybrid / floor == pytest.approx(1 + rho**2 / (1 + 2 * rho))
    per_evaluation = pair / (dsm / 2)
    assert per_evaluation <= 2 * (1 + 1e-12)
    assert (per_evaluation < 1) == (not 3 - 2 * math.sqrt(2) <= rho <= 3 + 2 * math.sqrt(2))  # .41 and 2.41 tau
