"""Stochastic samplers of many levels, against the linear recursions that they are on Gaussian data."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from scorebench.noise import schedule
from scorebench.noise._ncsnv2 import technique4
from scorebench.samplers import sampler
from scorebench.targets import GaussianMixture

TAU, MEAN = 0.6, 1.5
LADDER = schedule("geometric", sigma_max=10.0, sigma_min=0.05, levels=12).ladder().double()
TOP, LOW = float(LADDER[0]), float(LADDER[-1])


def gaussian(x: Tensor, sigma: Tensor) -> Tensor:
    """The score of N(MEAN, TAU^2 I)."""
    return (MEAN - x) / (TAU**2 + sigma.square())[..., None]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(8)


def geometric(steps: int) -> list[float]:
    return np.geomspace(TOP, LOW, steps).tolist()


class Law:
    """Mean and variance of x under x <- x + a s(x, sigma) + b z, the steps of every sampler here."""

    def __init__(self, mean: float = 0.0, variance: float = TOP**2) -> None:
        self.mean, self.variance = mean, variance

    def step(self, sigma: float, a: float, b: float) -> None:
        pull = a / (TAU**2 + sigma**2)
        self.mean += pull * (MEAN - self.mean)
        self.variance = (1 - pull) ** 2 * self.variance + b**2


def check(name: str, law: Law, assert_mean, n: int = 20_000, **options: float) -> None:
    """First and second moments (z-tests), and no correlation between coordinates."""
    x = sampler(name, **options)(gaussian, LADDER, (n, 2), seeded())
    centred = x - law.mean
    assert_mean(centred, 0.0, within=0.01)
    assert_mean(centred.square(), law.variance, within=0.012 * law.variance)
    assert_mean(centred.prod(-1), 0.0, within=0.012 * law.variance)


def reverse_sde(steps: int, law: Law) -> Law:
    for here, there in pairwise(geometric(steps)):
        variance = 2 * here**2 * math.log(here / there)
        law.step(here, variance, math.sqrt(variance))
    return law


@pytest.mark.parametrize("steps", [20, 100])
def test_reverse_sde_moments(steps, assert_mean):
    law = reverse_sde(steps, Law())
    law.step(LOW, LOW**2, 0.0)
    check("reverse_sde", law, assert_mean, steps=steps)


def test_reverse_sde_is_of_first_order():
    """From p_sigma_max the recursion of the test above tends to p_sigma_min: half the step, half the error."""
    p = TAU**2 + TOP**2, TAU**2 + LOW**2
    errors = [reverse_sde(n, Law(MEAN, p[0])).variance - p[1] for n in (8001, 16001)]
    assert abs(errors[0]) < 1e-5
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_predictor_alone_moments(assert_mean):
    law = Law()
    for here, there in pairwise(geometric(50)):
        gap = here**2 - there**2
        law.step(here, gap, math.sqrt(gap))
    law.step(LOW, LOW**2, 0.0)
    check("predictor_corrector", law, assert_mean, steps=50, corrections=0)


@pytest.mark.parametrize(("snr", "corrections"), [(0.16, 1), (0.3, 2)])
def test_predictor_corrector_moments(snr, corrections, assert_mean):
    """epsilon = 2 (snr sigma)^2: with the norms of noise and score at their expectations, every update is linear."""
    law = Law()
    for here, there in pairwise(geometric(50)):
        gap = here**2 - there**2
        law.step(here, gap, math.sqrt(gap))
        for _ in range(corrections):
            epsilon = 2 * (snr * there) ** 2
            law.step(there, epsilon, math.sqrt(2 * epsilon))
    law.step(LOW, LOW**2, 0.0)
    check("predictor_corrector", law, assert_mean, steps=50, snr=snr, corrections=corrections)


@pytest.mark.parametrize("d", [1, 2, 10])
@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_the_corrector_takes_no_step_from_the_batch(batch, d, assert_mean):
    """Batches of one, four and a thousand of N(MEAN, TAU^2 I), each in a call of its own: the moments of the law."""
    law, steps = Law(), 30
    for here, there in pairwise(geometric(steps)):
        gap, epsilon = here**2 - there**2, 2 * (0.16 * there) ** 2
        law.step(here, gap, math.sqrt(gap))
        law.step(there, epsilon, math.sqrt(2 * epsilon))
    law.step(LOW, LOW**2, 0.0)
    built, generator = sampler("predictor_corrector", steps=steps), seeded()
    calls = {1: 150, 4: 60, 1000: 1}[batch]
    x = torch.cat([built(gaussian, LADDER, (batch, d), generator) for _ in range(calls)])
    assert_mean((x - law.mean).mean(-1), 0.0, within=0.06)
    assert_mean((x - law.mean).square().mean(-1), law.variance, within=0.14 * law.variance)


def test_a_score_of_zero_leaves_pure_noise(assert_mean):
    """The sum of all that was added: sigma_max^2, the gaps of the levels and 2 epsilon at each (no division by 0)."""
    x = sampler("predictor_corrector", steps=20)(lambda x, s: 0 * x, LADDER, (5000, 2), seeded())
    grid = geometric(20)
    variance = TOP**2 + TOP**2 - LOW**2 + sum(4 * (0.16 * sigma) ** 2 for sigma in grid[1:])
    assert_mean(x.flatten().square(), variance, within=0.02 * variance)


@pytest.mark.parametrize("options", [{"churn": 10.0}, {"churn": 1e9, "churn_noise": 1.1, "churn_max": 5.0}])
def test_edm_stochastic_moments(options, assert_mean):
    steps, rho = 30, 7.0
    ramp = np.linspace(0, 1, steps)
    grid = ((TOP ** (1 / rho) + ramp * (LOW ** (1 / rho) - TOP ** (1 / rho))) ** rho).tolist()
    gamma = min(options["churn"] / steps, math.sqrt(2) - 1)
    law = Law()

    def churn(sigma: float) -> float:
        if not 0.06 <= sigma <= options.get("churn_max", 50.0):
            return sigma
        higher = min(sigma * (1 + gamma), TOP)  # never above the level where the score ends
        law.variance += (higher**2 - sigma**2) * options.get("churn_noise", 1.0) ** 2
        return higher

    for here, there in pairwise(grid):
        hat = churn(here)
        # Heun of dx/dsigma = sigma (x - MEAN) / (TAU^2 + sigma^2) =: sigma r(sigma) (x - MEAN)
        r, r_there = hat / (TAU**2 + hat**2), there / (TAU**2 + there**2)
        h = there - hat
        factor = 1 + 0.5 * h * (r + r_there * (1 + h * r))
        law.mean = MEAN + factor * (law.mean - MEAN)
        law.variance *= factor**2
    hat = churn(grid[-1])
    law.step(hat, hat**2, 0.0)
    check("edm_stochastic", law, assert_mean, steps=steps, churn_min=0.06, **options)


@pytest.mark.parametrize(("sigma", "gamma"), [(1.0, 0.25), (0.05, 0.25), (50.0, 0.25), (0.04, 0.0), (60.0, 0.0)])
def test_churn_raises_the_noise_level(sigma, gamma):
    """To sigma (1 + gamma) within the bounds, by noise of the variance that is missing."""
    built, level = sampler("edm_stochastic", steps=40, churn_noise=1.5), torch.tensor(sigma, dtype=torch.float64)
    x, higher = built.churned(torch.ones(5, 2, dtype=torch.float64), level, torch.tensor(80.0), seeded())
    z = torch.randn(5, 2, generator=seeded(), dtype=torch.float64)
    assert float(higher) == pytest.approx(sigma * (1 + gamma), rel=1e-12)
    torch.testing.assert_close(x, 1 + 1.5 * sigma * math.sqrt((1 + gamma) ** 2 - 1) * z)
    assert sampler("edm_stochastic", churn=1e9).churned(x, torch.tensor(1.0), torch.tensor(80.0), seeded())[
        1
    ] == pytest.approx(2**0.5)


def test_edm_stochastic_without_churn_is_the_flow():
    options = {"steps": 20, "rho": 5.0}
    flow = sampler("probability_flow", **options)(gaussian, LADDER, (50, 2), seeded())
    assert torch.equal(sampler("edm_stochastic", churn=0.0, **options)(gaussian, LADDER, (50, 2), seeded()), flow)


def test_technique4_is_ncsnv2s_step():
    """alpha_i = 2 epsilon sigma_i^2 / sigma_L^2, for NCSNv2 writes x + alpha s + sqrt(2 alpha) z. CIFAR-10's published
    epsilon is 6.2e-6: 232 levels from 50 to 0.01, 5 steps each."""
    ladder = schedule("geometric", sigma_max=50.0, sigma_min=0.01, levels=232).ladder()
    built = sampler("annealed_langevin", step="technique4", steps=5)
    assert built.step_on(ladder) == pytest.approx(2 * 6.2e-6 / 0.01**2, rel=0.005)
    ratio = 5000 ** (1 / 231)
    assert built.step_on(ladder) == pytest.approx(2 * technique4(ratio, 0.01, 5) / 0.01**2, rel=1e-4)
    with pytest.raises(ValueError, match="more than one level"):
        built.step_on(ladder[:1])


def test_technique4_hands_on_the_variance_of_a_level(assert_mean):
    """Data at a point: from one level's sigma_i^2 the next level's, nearly; with a step of 0.02 it stays behind."""
    ladder = schedule("geometric", sigma_max=1.0, sigma_min=0.05, levels=20).ladder().double()

    def variance(step: float | str) -> Tensor:
        built = sampler("annealed_langevin", step=step, steps=5, denoise=False)
        return (
            built(lambda x, s: -x / s.square()[..., None], ladder, (4000, 1), seeded()).square()
            / float(ladder[-1]) ** 2
        )

    assert float(variance("technique4").mean()) == pytest.approx(1.1, abs=0.15)
    assert float(variance(0.02).mean()) > 2


@pytest.mark.parametrize("name", ["reverse_sde", "predictor_corrector", "edm_stochastic", "probability_flow_dopri5"])
def test_weights_of_a_mixture(name, assert_mean):
    """With the exact score a mixture comes back in its proportions, with its spread (two modes, 8 standard deviations
    apart; the start is symmetric, so a sampler that ignores the score would give halves)."""
    target = GaussianMixture([0.8, 0.2], [[-1.0], [1.0]], stds=[0.25, 0.25])
    ladder = schedule("geometric", sigma_max=8.0, sigma_min=0.02, levels=10).ladder().double()
    options = {} if name == "probability_flow_dopri5" else {"steps": 150}
    x = sampler(name, **options)(target.score, ladder, (4000, 1), seeded())
    assert_mean((x[:, 0] > 0).double(), 0.2, within=0.01)
    residual = x - x.sign()
    assert_mean(residual.square(), 0.25**2, within=0.03 * 0.25**2)
