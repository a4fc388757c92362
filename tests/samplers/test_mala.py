"""MALA: it leaves p alone whatever its step, which ULA does not; and what it needs to know for that."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from scorebench.networks import network
from scorebench.parts import EnergyScore
from scorebench.samplers import sampler
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture

LADDER = torch.tensor([0.3], dtype=torch.float64)
MIXTURE = GaussianMixture([0.7, 0.3], [[-0.8], [0.9]], stds=[0.4, 0.3])
EXACT = EnergyScore(MIXTURE.score, lambda x, s: -MIXTURE.log_prob(x, s))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def unit(x: Tensor, sigma: Tensor) -> Tensor:
    """The energy of N(0, I)."""
    return 0.5 * x.square().sum(-1) + 0.0 * sigma


UNIT = EnergyScore(lambda x, s: -x, unit)


@pytest.mark.parametrize("step", [0.1, 0.8, 1.8])
def test_stays_at_p_where_ula_drifts(step, assert_mean):
    """Started from N(0, I), which is p. ULA's variance tends to 1 / (1 - step / 4)."""
    x = sampler("mala", step=step, steps=25)(UNIT, LADDER, (20_000, 2), seeded())
    assert_mean(x, 0.0, within=0.01)
    assert_mean(x.square(), 1.0, within=0.012)
    assert_mean(x.square() * x.square().flip(-1), 1.0, within=0.04)
    ula = sampler("langevin", step=step, steps=25)(UNIT, LADDER, (20_000, 2), seeded())
    drift = 1 / (1 - step / 4) if step > 0.5 else 1 + 0.02
    assert float(ula.square().mean()) > 0.98 * drift


@pytest.mark.parametrize("step", [0.05, 1.0, 4.0])
def test_a_mixture_stays_a_mixture(step):
    """From exact draws of p_sigma, to exact draws of p_sigma (Kolmogorov-Smirnov, a false alarm in 10,000)."""
    sigma = LADDER.expand(5000)
    start = MIXTURE.sample(5000, seeded(), sigma=0.3)
    x, accepted = sampler("mala", step=step, steps=30).walk(EXACT, start, sigma, seeded())

    def cdf(x: np.ndarray) -> np.ndarray:
        std = np.sqrt(np.array([0.4, 0.3]) ** 2 + 0.3**2)
        return stats.norm.cdf((x[:, None] - np.array([-0.8, 0.9])) / std) @ np.array([0.7, 0.3])

    assert stats.kstest(x[:, 0].numpy(), cdf).pvalue > 1e-4
    assert not torch.equal(x, start)
    assert 0.05 < float(accepted.mean()) < 1


def test_detailed_balance():
    """From p, the moves left to right are as many as those right to left, between any two regions (a z-test)."""
    n = 200_000
    start = MIXTURE.sample(n, seeded(), sigma=0.3)
    x, _ = sampler("mala", step=1.0, steps=1).walk(EXACT, start, LADDER.expand(n), torch.Generator().manual_seed(5))
    edges = torch.tensor([-1.0, -0.3, 0.3, 1.0], dtype=torch.float64)
    a, b = torch.bucketize(start[:, 0], edges), torch.bucketize(x[:, 0], edges)
    flows = torch.bincount(5 * a + b, minlength=25).reshape(5, 5).double()
    there, back = flows.triu(1), flows.T.triu(1)
    moved = there + back > 50
    assert int(moved.sum()) >= 6
    z = ((there - back) / (there + back).sqrt())[moved]
    assert float(z.abs().max()) < 4.5


def test_acceptance_is_that_of_theory(assert_mean):
    """N(0, 1), from p, one step of h: E min(1, exp(log ratio)), log ratio = h (x^2 - y^2) / 8 (the closed form of
    MALA's ratio for a standard normal), integrated here by quadrature."""
    h, n = 1.5, 40_000
    start = torch.randn(n, 1, generator=seeded(), dtype=torch.float64)
    _, accepted = sampler("mala", step=h, steps=1).walk(UNIT, start, LADDER.expand(n), torch.Generator().manual_seed(9))
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    x, z = np.meshgrid(nodes, nodes)
    y = (1 - h / 2) * x + math.sqrt(h) * z
    expected = (np.outer(weights, weights) * np.minimum(1, np.exp(h / 8 * (x**2 - y**2)))).sum() / (2 * math.pi)
    assert_mean(accepted, float(expected), within=0.003)


def test_not_finite_proposals_are_rejected():
    """A hard wall: no energy left of 0. What comes back is the half-normal."""

    def energy(x: Tensor, sigma: Tensor) -> Tensor:
        return unit(x, sigma).where(x[..., 0] > 0, torch.nan)

    start = torch.randn(5000, 1, generator=seeded(), dtype=torch.float64).abs()
    x, _ = sampler("mala", step=1.0, steps=20).walk(
        EnergyScore(lambda x, s: -x, energy), start, LADDER.expand(5000), seeded()
    )
    assert float(x.min()) > 0
    assert stats.kstest(x[:, 0].numpy(), stats.halfnorm.cdf).pvalue > 1e-4


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("event", [(2,), (1, 2, 2)])
def test_energy_of_a_network_is_that_of_its_score(sigma, event):
    """s = -dE/dx with the preconditioning, replicates and images, at sigma = 0 too."""
    built = network("energy", width=8, depth=2, sigma_data=0.7)
    parameters = {n: w.double() for n, w in built.initialise(event, Streams(2, 3).at("initialise")).items()}
    score = built.score(parameters)
    x = torch.randn(3, 4, *event, dtype=torch.float64, generator=seeded(), requires_grad=True)
    level = torch.full((3, 4), sigma, dtype=torch.float64)
    energy = score.energy(x, level)
    assert energy.shape == (3, 4)
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    torch.testing.assert_close(score(x, level), -gradient, rtol=1e-10, atol=1e-12)


def test_a_score_without_energy_is_refused():
    with pytest.raises(TypeError, match="EnergyScore"):
        sampler("mala")(lambda x, s: -x, LADDER, (3, 2), seeded())
