"""Gradients of every objective against the linear-Gaussian closed forms.

x ~ N(0, tau^2 I) in d dimensions, y = x + sigma epsilon, v = tau^2 + sigma^2, rho = sigma^2 / tau^2, and the model
s(y) = -a y with one parameter a, whose optimum is a* = 1 / v. The gradients of the losses in a, per sample, are

    ESM      (a - a*) ||y||^2                    DSM      a ||y||^2 - y'epsilon / sigma
    ISM      a ||y||^2 - d                       A-DSM    a (||x||^2 + sigma^2 ||epsilon||^2) - ||epsilon||^2
    SSM      a (u'y)^2 - ||u||^2                 SSM-VR   a ||y||^2 - ||u||^2          (probe u, E[u u'] = I)

Each has the mean (a - a*) d v, the derivative of 1/2 E||s - s*||^2 = 1/2 (a - a*)^2 d v. Variances at a = a*:

    DSM      epsilon / sigma = y / v + r with r | y ~ N(0, tau^2 / (v sigma^2) I), so the gradient is -y'r and its
             variance d v tau^2 / (v sigma^2) = d / rho
    ISM      ||y||^2 / v is chi^2_d: 2 d
    SSM-VR   2 d + Var||u||^2 / probes: 2 d (Rademacher, sphere), 2 d + 2 d / probes (Gaussian)
    SSM      (u'y)^2 / v is ||u||^2 chi^2_1 given u: 2 E||u||^4 = 2 d^2 (Rademacher, sphere), 2 d (d + 2) (Gaussian)
    hybrid   DSM and ISM gradients are uncorrelated: (1 - lambda)^2 d / rho + lambda^2 2 d, smallest at
             lambda* = 1 / (1 + 2 rho), where it is 2 d / (1 + 2 rho)
    A-DSM    tau^2 / v (chi^2_d - mean of K chi^2_d): 2 d (1 + 1 / K) tau^4 / v^2, the K norms being independent
    C1-DSM   a ||y||^2 - y'epsilon / sigma + x'epsilon / sigma = a ||y||^2 - ||epsilon||^2: 4 d tau^2 / v
    FD-SSM   the finite difference of a linear score is exact: that of SSM-VR
    TSM      x / tau^2 = y / v - r' with r' | y ~ N(0, sigma^2 / (v tau^2) I): d rho; mixed with DSM by tau: 0
    switch   that of SSM-VR below the threshold and of DSM above
    orthogonal probes: d of them make SSM and SSM-VR ISM, 2 d
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from scorebench.objectives import Batch, Objective, objective
from scorebench.targets import GaussianMixture

SETTINGS = [  # tau, sigma, d: the crossover sigma = tau / sqrt 2, little noise, much noise
    (1.0, math.sqrt(0.5), 3),
    (2.0, 0.6, 4),
    (0.5, 1.5, 2),
]
FIXED = 0.3


def variances(tau: float, sigma: float, d: int) -> dict[str, tuple[Objective, float]]:
    """Every objective and the variance of its gradient at the optimum (module docstring)."""
    rho, v = sigma**2 / tau**2, tau**2 + sigma**2
    return {
        "dsm": (objective("dsm"), d / rho),
        "ism": (objective("ism"), 2 * d),
        "ssm_vr rademacher": (objective("ssm_vr", probe="rademacher"), 2 * d),
        "ssm_vr sphere": (objective("ssm_vr", probe="sphere"), 2 * d),
        "ssm_vr gaussian": (objective("ssm_vr", probe="gaussian"), 4 * d),
        "ssm_vr 4 gaussian": (objective("ssm_vr", probe="gaussian", probes=4), 2.5 * d),
        "ssm rademacher": (objective("ssm", probe="rademacher"), 2 * d**2),
        "ssm sphere": (objective("ssm", probe="sphere"), 2 * d**2),
        "ssm gaussian": (objective("ssm", probe="gaussian"), 2 * d * (d + 2)),
        "hybrid": (objective("hybrid", tau=tau), 2 * d / (1 + 2 * rho)),
        "hybrid fixed": (objective("hybrid", fixed=FIXED), (1 - FIXED) ** 2 * d / rho + FIXED**2 * 2 * d),
        "antithetic_dsm": (objective("antithetic_dsm"), 4 * d * tau**4 / v**2),
        "antithetic_dsm 3 pairs": (objective("antithetic_dsm", pairs=3), 2 * d * (4 / 3) * tau**4 / v**2),
        "dsm_cv": (objective("dsm_cv"), 4 * d * tau**2 / v),
        "fd_ssm": (objective("fd_ssm"), 2 * d),
        "fd_ssm 4 gaussian": (objective("fd_ssm", probe="gaussian", probes=4, step=1.0), 2.5 * d),
        "tsm": (objective("tsm"), d * rho),
        "switch below": (objective("switch", threshold=2 * sigma), 2 * d),
        "switch above": (objective("switch", threshold=sigma / 2), d / rho),
        "ssm d orthogonal": (objective("ssm", probe="orthogonal", probes=d), 2 * d),
        "ssm_vr d orthogonal": (objective("ssm_vr", probe="orthogonal", probes=d), 2 * d),
    }


NAMES = list(variances(1.0, 1.0, 2))


def gradients(loss: Objective, a: float, tau: float, sigma: float, d: int, n: int) -> Tensor:
    """The derivative of every sample's loss in a, (n,): each sample gets a copy of a of its own."""
    generator = torch.Generator().manual_seed(20260101)
    clean, noise = torch.randn(2, n, d, dtype=torch.float64, generator=generator)
    slope = torch.full((n,), a, dtype=torch.float64, requires_grad=True)
    target = GaussianMixture([1.0], [[0.0] * d], stds=[tau])
    batch = Batch(tau * clean, noise, torch.full((n,), sigma, dtype=torch.float64), target)
    loss(lambda y, _: -slope[:, None] * y, batch, generator).sum().backward()
    assert slope.grad is not None
    return slope.grad


@pytest.mark.parametrize(("tau", "sigma", "d"), SETTINGS)
@pytest.mark.parametrize("name", ["esm", *NAMES])
@pytest.mark.parametrize("ratio", [0.4, 1.7])
def test_expected_gradient_is_that_of_the_score_error(name, ratio, tau, sigma, d, assert_mean):
    v = tau**2 + sigma**2
    loss = objective("esm") if name == "esm" else variances(tau, sigma, d)[name][0]
    expected = (ratio - 1) * d  # (a - 1/v) d v at a = ratio / v
    assert_mean(gradients(loss, ratio / v, tau, sigma, d, 30_000), expected, within=0.05 * abs(expected))


@pytest.mark.parametrize(("tau", "sigma", "d"), SETTINGS)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_variance_at_the_optimum(name, tau, sigma, d, assert_mean):
    loss, variance = variances(tau, sigma, d)[name]
    g = gradients(loss, 1 / (tau**2 + sigma**2), tau, sigma, d, 200_000)
    assert_mean(g.square(), variance, within=0.024 * variance if name == "ssm gaussian" else 0.01 * variance)


@pytest.mark.parametrize(("name", "options"), [("esm", {}), ("tsm", {"tau": 1.0})])
def test_gradient_without_variance_at_the_optimum(name, options):
    g = gradients(objective(name, **options), 0.5, 1.0, 1.0, 3, 1000)
    assert g.abs().max() < 1e-13


@pytest.mark.parametrize(("tau", "sigma", "d"), SETTINGS)
def test_antithetic_pairs_beat_two_dsm_samples_where_theory_says(tau, sigma, d):
    """Per network evaluation A-DSM wins iff 8 rho / (1 + rho)^2 < 1: a pair costs two evaluations."""
    a, rho = 1 / (tau**2 + sigma**2), sigma**2 / tau**2
    pair = gradients(objective("antithetic_dsm"), a, tau, sigma, d, 100_000).var()
    two = gradients(objective("dsm"), a, tau, sigma, d, 100_000).var() / 2
    assert float(pair / two) == pytest.approx(8 * rho / (1 + rho) ** 2, rel=0.05)  # SEs of both variances < 1 %
    assert (pair < two) == (8 * rho / (1 + rho) ** 2 < 1)


@pytest.mark.parametrize(("tau", "sigma", "d"), SETTINGS)
@pytest.mark.parametrize("other", ["ism", "ssm_vr"])
def test_dsm_and_implicit_gradients_are_uncorrelated_at_the_optimum(other, tau, sigma, d, assert_mean):
    a, n = 1 / (tau**2 + sigma**2), 200_000
    g = gradients(objective("dsm"), a, tau, sigma, d, n), gradients(objective(other), a, tau, sigma, d, n)
    product = g[0] * g[1] / (g[0].std() * g[1].std())
    assert_mean(product, 0.0, within=0.01)


def test_dsm_and_implicit_gradients_are_correlated_away_from_it(assert_mean):
    """The check above can fail: at a = 2 / v both gradients share a ||y||^2."""
    g = [gradients(objective(name), 2 / 1.5, 1.0, math.sqrt(0.5), 3, 50_000) for name in ("dsm", "ism")]
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean((g[0] - g[0].mean()) * (g[1] - g[1].mean()), 0.0, within=1.0)


positive = st.floats(0.01, 100.0)


@given(tau=positive, sigma=positive)
def test_hybrid_weight_is_the_best_and_gains_one_to_two(tau, sigma):
    """V(lambda) = (1 - lambda)^2 V_D + lambda^2 V_V is smallest at lambda*; min(V_D, V_V) / V(lambda*) is in [1, 2]."""
    dsm, ssm = tau**2 / sigma**2, 2.0  # per coordinate
    lam = objective("hybrid", tau=tau).weight(torch.tensor(sigma, dtype=torch.float64)).item()

    def variance(weight: float) -> float:
        return (1 - weight) ** 2 * dsm + weight**2 * ssm

    assert lam == pytest.approx(dsm / (dsm + ssm), rel=1e-12)
    assert variance(lam) <= min(variance(lam * 0.99), variance(lam * 1.01)) * (1 + 1e-12)
    assert 1 - 1e-12 <= min(dsm, ssm) / variance(lam) <= 2 + 1e-12


@given(tau=positive)
def test_hybrid_gains_exactly_two_at_the_crossover(tau):
    lam = objective("hybrid", tau=tau).weight(torch.tensor(tau / math.sqrt(2), dtype=torch.float64)).item()
    assert lam == pytest.approx(0.5, rel=1e-12)  # V_D = V_V = 2: the mean of two equal variances has half of it


@pytest.mark.parametrize(("d", "n", "rho"), [(2, 16, 0.1), (2, 64, 0.3), (5, 64, 1.0)])
def test_weight_of_ssm_vr_beside_a_target_field_is_nearly_the_best(d, n, rho):
    """V(lambda) over V at the best lambda, both measured: the closed form is within 25 %."""
    tau = 0.7
    sigma, runs, generator = tau * rho**0.5, 300, torch.Generator().manual_seed(61)
    g: dict[str, list[Tensor]] = {"stf": [], "ism": []}
    for _ in range(runs):
        clean, noise = torch.randn(2, 40, d, dtype=torch.float64, generator=generator)
        reference = tau * torch.randn(n, d, dtype=torch.float64, generator=generator)
        batch = Batch(tau * clean, noise, torch.full((40,), sigma, dtype=torch.float64), reference=reference)
        for name, values in g.items():
            slope = torch.full((40,), 1 / (tau**2 + sigma**2), dtype=torch.float64, requires_grad=True)
            objective(name)(lambda y, _, a=slope: -a[:, None] * y, batch).sum().backward()
            values.append(slope.grad)
    stf, ism = (torch.cat(values) for values in g.values())
    lam = objective("stf_ssm_vr", tau=tau).weight(torch.tensor(sigma, dtype=torch.float64), d, n)
    grid = torch.linspace(0, 1, 201, dtype=torch.float64)
    least = min(float(((1 - x) * stf + x * ism).var()) for x in grid)
    assert float(((1 - lam) * stf + lam * ism).var()) < 1.25 * least
    assert least < 0.95 * min(float(stf.var()), float(ism.var()))


def test_variance_theorem_on_a_mixture(assert_mean):
    """At s = s* and for a perturbation s* + a f of any shape (science, section 2.2; F = df/dy, H = ds*/dy):

    V_D = E[||f||^2 / sigma^2 + f'H f], V_I = E[-f'H f + tr(F F)], Cov(g_D, g_I) = 0.
    """
    n, sigma = 200_000, 0.5
    generator = torch.Generator().manual_seed(7)
    mixture = GaussianMixture([0.5, 0.3, 0.2], [[1.0, 0.0], [-1.0, 0.5], [0.0, -1.0]], stds=[0.3, 0.5, 0.4])
    W = torch.tensor([[1.0, 0.5], [-0.7, 0.8]], dtype=torch.float64)
    clean = mixture.sample(n, generator)
    batch = Batch(clean, torch.randn(n, 2, generator=generator, dtype=torch.float64), torch.full((n,), sigma).double())

    def gradient(name: str) -> Tensor:
        a = torch.zeros(n, dtype=torch.float64, requires_grad=True)
        score = lambda y, s: mixture.score(y, s) + a[:, None] * torch.tanh(y @ W.T)  # noqa: E731
        objective(name)(score, batch).sum().backward()
        assert a.grad is not None
        return a.grad

    y = batch.noisy.requires_grad_()
    f = torch.tanh(y.detach() @ W.T)
    F = (1 - f.square())[:, :, None] * W
    exact = mixture.score(y, sigma)
    Hf = torch.autograd.grad(exact, y, f)[0]
    fHf, trFF, ff = (f * Hf).sum(-1), (F * F.mT).sum((-1, -2)), f.square().sum(-1)
    g_D, g_I = gradient("dsm"), gradient("ism")
    assert_mean(g_D.square() - ff / sigma**2 - fHf, 0.0, within=0.01 * float(g_D.var()))
    assert_mean(g_I.square() + fHf - trFF, 0.0, within=0.01 * float(g_I.var()))
    assert_mean(g_D * g_I, 0.0, within=0.01 * float(g_D.std() * g_I.std()))
