"""Antithetic DSM is sliced score matching by finite differences whose step need not be small.

    1/2 [l_D(x, epsilon) + l_D(x, -epsilon)] = 1/4 (||s+||^2 + ||s-||^2) + (s+ - s-)'epsilon / (2 sigma) + const

The middle term is a central difference of s along epsilon with step sigma. Its mean over epsilon is exactly the mean
of div s at x + sigma epsilon, whatever sigma (Stein). The same difference around a given y, with a probe v and a step
h, is biased: E_v = div s + h^2 / 2 Laplacian(div s) + O(h^4) for a Gaussian v.

z-tests of 6 sigmas: a false alarm in 20,000 runs.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from random_fields import NETWORK, noised, parameters
from torch import Tensor
from torch.func import jacrev, vmap

from scorebench.objectives import objective

SIGMAS = [0.01, 0.1, 0.5, 1.0, 3.0, 10.0]
SCORE = NETWORK.score(parameters(3))


def divergence(y: Tensor, sigma: Tensor) -> Tensor:
    return vmap(lambda p, scale: jacrev(lambda u: SCORE(u, scale))(p).diagonal().sum())(y, sigma)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_loss_is_a_norm_and_a_central_difference(sigma):
    batch = noised(1000, sigma, 1)
    loss = objective("antithetic_dsm")(SCORE, batch)
    plus, minus = SCORE(batch.noisy, batch.sigma), SCORE(batch.mirrored.noisy, batch.sigma)
    norms = 0.25 * (plus.square() + minus.square()).sum(-1)
    difference = ((plus - minus) * batch.noise).sum(-1) / (2 * sigma)
    constant = batch.noise.square().sum(-1) / (2 * sigma**2)
    torch.testing.assert_close(loss, norms + difference + constant, rtol=1e-10, atol=0)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_its_difference_is_the_divergence_on_average_at_every_sigma(sigma, assert_mean):
    batch = noised(100_000, sigma, 2)
    plus, minus = batch.noisy, batch.mirrored.noisy
    central = ((SCORE(plus, batch.sigma) - SCORE(minus, batch.sigma)) * batch.noise).sum(-1) / (2 * sigma)
    exact = (divergence(plus, batch.sigma) + divergence(minus, batch.sigma)) / 2
    assert_mean(central - exact, 0.0, within=0.02 * float(exact.square().mean().sqrt()))


def test_also_for_one_single_point(assert_mean):
    """Stein holds for every x, not only on average over the data."""
    sigma = torch.full((200_000,), 2.0, dtype=torch.float64)
    noise = torch.randn(200_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    x = torch.tensor([0.8, -0.3], dtype=torch.float64)
    plus, minus = x + 2 * noise, x - 2 * noise
    central = ((SCORE(plus, sigma) - SCORE(minus, sigma)) * noise).sum(-1) / 4
    exact = (divergence(plus, sigma) + divergence(minus, sigma)) / 2
    assert_mean(central - exact, 0.0, within=0.01 * float(exact.square().mean().sqrt()))


def test_its_variance_stays_bounded_as_sigma_vanishes_and_that_of_dsm_does_not():
    """The odd term s(x)'epsilon / sigma cancels: what is left is Hutchinson's estimate with a Gaussian probe."""
    V = {}
    for sigma in (0.02, 0.01):
        batch = noised(50_000, sigma, 4)
        for name in ("dsm", "antithetic_dsm"):
            # the same field at both noise levels
            loss = objective(name)(lambda y, scale: SCORE(y, torch.full_like(scale, 0.01)), batch)
            V[name, sigma] = float((loss - batch.noise.square().sum(-1) / (2 * sigma**2)).var())
    assert V["dsm", 0.01] / V["dsm", 0.02] == pytest.approx(4.0, rel=0.1)
    assert V["antithetic_dsm", 0.01] / V["antithetic_dsm", 0.02] == pytest.approx(1.0, rel=0.1)


def finite_difference(field, y: Tensor, v: Tensor, h: float) -> Tensor:
    """v'(s(y + h v) - s(y - h v)) / (2 h): FD-SSM's estimate of div s(y)."""
    return ((field(y + h * v) - field(y - h * v)) * v).sum(-1) / (2 * h)


def gaussian_mean(field, y: Tensor, h: float) -> float:
    """The mean of the above over v ~ N(0, I) in 2-D, by Gauss-Hermite quadrature: no sampling."""
    import numpy as np

    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(60))
    v = torch.stack(torch.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    w = torch.outer(weights, weights).reshape(-1) / (2 * torch.pi)
    return float((w * finite_difference(field, y, v, h)).sum())


def test_a_small_step_around_y_is_biased_by_h_squared():
    """(E_v - div s) / h^2 -> 1/2 Laplacian(div s), within O(h^2): its error falls fourfold as h is halved."""
    W = torch.tensor([[1.5, 0.4], [-0.7, 0.9]], dtype=torch.float64)
    field = lambda u: torch.sin(u @ W)  # noqa: E731
    div = lambda u: (torch.cos(u @ W) * W.diagonal()).sum()  # noqa: E731
    y = torch.tensor([0.3, -0.5], dtype=torch.float64)
    laplacian = float(torch.func.hessian(div)(y).diagonal().sum())
    ratio = {h: (gaussian_mean(field, y, h) - float(div(y))) / h**2 for h in (0.2, 0.1, 0.05)}
    off = {h: value - 0.5 * laplacian for h, value in ratio.items()}
    assert abs(laplacian) > 0.5
    assert abs(off[0.05]) < 0.01 * abs(laplacian)
    assert off[0.2] / off[0.1] == pytest.approx(4.0, rel=0.1)
    assert off[0.1] / off[0.05] == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize("h", [0.01, 0.5, 2.0])
def test_the_bias_on_a_cubic_field_is_exact(h):
    """s_i = y_i^3 in d dimensions: off by 3 d h^2 with a Gaussian probe, by d h^2 with signs, for any h."""
    y = torch.tensor([0.3, -0.5], dtype=torch.float64)
    div = float(3 * y.square().sum())
    cubic = lambda u: u**3  # noqa: E731
    assert gaussian_mean(cubic, y, h) - div == pytest.approx(3 * 2 * h**2, rel=1e-6, abs=1e-9)
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=2)), dtype=torch.float64)
    assert float(finite_difference(cubic, y, signs, h).mean()) - div == pytest.approx(2 * h**2, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("step", [0.1, 1.5])
def test_fd_ssm_has_that_bias(step):
    """On the cubic field with signs, without sampling error: s+ + s- = 2 (y^3 + 3 y h^2), and d h^2 too much."""
    batch = noised(100, 0.5, 6)
    loss = objective("fd_ssm", step=step)(lambda u, _: u**3, batch, torch.Generator().manual_seed(1))
    y, h = batch.noisy, step * 0.5
    expected = 0.5 * (y**3 + 3 * y * h**2).square().sum(-1) + 3 * y.square().sum(-1) + 2 * h**2
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
