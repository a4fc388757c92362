"""The integral of D(sigma) = sigma^2 E||s - s*||^2 over ln sigma bounds what a model loses, in nats (Girsanov).

    KL(p_sigma_min || q_sigma_min) <= KL(p_sigma_max || prior) + integral of D over ln sigma

q is where the reverse SDE arrives from the prior with the score s: with lambda = sigma^2 as time, running down,
dy = -s dlambda + dW. The probability-flow ODE with the same s has no such bound; two tests show both.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import solve_banded

from scorebench.metrics.fisher import integral, scale_errors
from scorebench.targets import GaussianMixture


def kl_of_gaussians(p: float, q: float, d: int) -> float:
    """KL(N(0, p I) || N(0, q I)) in nats."""
    return d / 2 * (p / q - 1 - math.log(p / q))


def reverse_sde_variance(c: float, prior: float, v_max: float, v_min: float) -> float:
    """The variance Q that the reverse SDE with s = -(1 + c) y / v reaches: dQ/dv = 2 (1 + c) Q / v - 1, v = v_max at
    the prior. Q = v / (1 + 2 c) + A v^(2 + 2 c)."""
    A = (prior - v_max / (1 + 2 * c)) / v_max ** (2 * (1 + c))
    return v_min / (1 + 2 * c) + A * v_min ** (2 * (1 + c))


@given(
    c=st.floats(-0.45, 3.0),
    prior_ratio=st.floats(0.3, 3.0),
    sigma_max=st.floats(1.0, 50.0),
    sigma_min=st.floats(0.01, 0.9),
    d=st.integers(1, 10),
)
def test_scaled_score_of_a_gaussian(c, prior_ratio, sigma_max, sigma_min, d):
    """x ~ N(0, I), s = (1 + c) s*: D = c^2 d sigma^2 / v, its integral c^2 d / 2 ln(v_max / v_min)."""
    v_max, v_min = 1 + sigma_max**2, 1 + sigma_min**2
    Q = reverse_sde_variance(c, prior_ratio * v_max, v_max, v_min)
    bound = kl_of_gaussians(1, prior_ratio, d) + c**2 * d / 2 * math.log(v_max / v_min)
    assert kl_of_gaussians(v_min, Q, d) <= bound * (1 + 1e-9) + 1e-9


def test_reverse_sde_variance_is_what_the_sde_does():
    """Against the recursion Q' = (1 - 2 b dlambda) Q + dlambda in 200,000 small steps."""
    c, Q = 0.4, 30.0
    edges = np.geomspace(26.0, 1.04, 200_001)
    for v, step in zip(edges[:-1], -np.diff(edges), strict=True):
        Q = (1 - (1 + c) / v * step) ** 2 * Q + step
    assert reverse_sde_variance(c, 30.0, 26.0, 1.04) == pytest.approx(Q, rel=1e-3)


def test_measured_integral_is_the_closed_form():
    """The metric on the same case: trapezoids over 60 levels and 4,000 points, whose standard error is 1 %."""
    c, d = 0.5, 3
    target = GaussianMixture([1.0], [[0.0] * d], stds=[1.0])
    sigmas = torch.logspace(-1, 1, 60, dtype=torch.float64)
    D = scale_errors(
        lambda y, s: (1 + c) * target.score(y.double(), s.double()), target, sigmas, 4000, torch.Generator()
    )
    expected = c**2 * d / 2 * math.log(101 / 1.01)
    assert float(integral(sigmas, D)[0]) == pytest.approx(expected, rel=0.045)


@pytest.mark.parametrize("c", [0.2, 0.8])
def test_the_probability_flow_has_no_such_bound(c):
    """dy = -s / 2 dlambda gives Q = v_max (v_min / v_max)^(1 + c), so with L = ln(v_max / v_min) and an exact prior

    KL = d / 2 (e^(c L) - 1 - c L) > d / 2 c^2 L wherever L > 2: the ODE needs more than a small D.
    """
    v_max, v_min = 101.0, 1.01
    L = math.log(v_max / v_min)
    Q = v_max * (v_min / v_max) ** (1 + c)
    KL = kl_of_gaussians(v_min, Q, 1)
    assert pytest.approx((math.exp(c * L) - 1 - c * L) / 2) == KL
    bound = c**2 * L / 2
    assert bound < KL
    assert kl_of_gaussians(v_min, reverse_sde_variance(c, v_max, v_max, v_min), 1) < bound


MIXTURE = GaussianMixture([0.4, 0.6], [[-1.5], [1.0]], stds=[0.4, 0.6])
GRID = torch.linspace(-25, 25, 2001, dtype=torch.float64)
SIGMAS = torch.logspace(-1, math.log10(5), 500, dtype=torch.float64).flip(0)


def wrong(size: float):
    """s* off by a bump that neither shifts nor scales alone: size / sigma sin(2 y / sqrt(1 + sigma^2))."""

    def score(y: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        s = sigma.double()[..., None]
        return MIXTURE.score(y.double(), sigma.double()) + size / s * torch.sin(2 * y.double() / (1 + s**2).sqrt())

    return score


def reverse_sde_density(score, start: torch.Tensor) -> torch.Tensor:
    """The density on GRID at the last of SIGMAS, by the Fokker-Planck equation in implicit steps of lambda.

    dq = [-(s q)' + 1/2 q''] dlambda: central fluxes between cells, which keep the mass to rounding.
    """
    h = float(GRID[1] - GRID[0])
    walls = (GRID[:-1] + GRID[1:])[:, None] / 2
    q = start.numpy().copy()
    for upper, lower in zip(SIGMAS[:-1].tolist(), SIGMAS[1:].tolist(), strict=True):
        step = upper**2 - lower**2
        s = score(walls, torch.full((len(walls),), math.sqrt((upper**2 + lower**2) / 2)))[:, 0].numpy()
        left, right = s / 2 + 1 / (2 * h), s / 2 - 1 / (2 * h)  # flux = left q_i + right q_(i+1)
        bands = np.zeros((3, len(GRID)))
        bands[1] = 1.0
        bands[1, :-1] += step / h * left
        bands[1, 1:] -= step / h * right
        bands[0, 1:] = step / h * right
        bands[2, :-1] = -step / h * left
        q = solve_banded((1, 1), bands, q)
    return torch.from_numpy(q)


def kl_on_grid(p: torch.Tensor, q: torch.Tensor) -> float:
    h = float(GRID[1] - GRID[0])
    held = p > 1e-12
    return float((p[held] * (p[held] / q[held]).log()).sum() * h)


def density(sigma: float) -> torch.Tensor:
    return MIXTURE.log_prob(GRID[:, None], sigma).exp()


def test_the_exact_score_loses_nothing():
    """This checks the solver: from p_sigma_max with s*, the reverse SDE arrives at p_sigma_min."""
    start = density(5.0)
    q = reverse_sde_density(wrong(0.0), start)
    assert float(q.sum()) == pytest.approx(float(start.sum()), rel=1e-9)
    assert kl_on_grid(density(0.1), q) < 2e-3


@pytest.mark.parametrize(("size", "prior_std"), [(0.2, 5.2), (0.5, 7.0)])
def test_a_wrong_score_on_a_mixture(size, prior_std):
    """The loss is real (well above the solver's error), below the bound, and the bound is not empty."""
    prior = torch.distributions.Normal(0.0, prior_std).log_prob(GRID).exp()
    KL = kl_on_grid(density(0.1), reverse_sde_density(wrong(size), prior))
    D = scale_errors(wrong(size), MIXTURE, SIGMAS[::10].flip(0), 4000, torch.Generator().manual_seed(1))
    bound = kl_on_grid(density(5.0), prior) + float(integral(SIGMAS[::10].flip(0), D)[0])
    assert 0.01 < KL <= bound
    assert 0.02 * bound < KL
