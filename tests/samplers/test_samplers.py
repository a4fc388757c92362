"""Samplers with exact scores, against the closed forms that they have for Gaussian data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from scorebench import parts
from scorebench.data.ring import Ring
from scorebench.metrics.samples import mode_statistics
from scorebench.noise import schedule
from scorebench.parts import BadOptions, EnergyScore, Setting, UnknownPart
from scorebench.samplers import sampler
from scorebench.streams import Streams

TAU = 0.6
LADDER = schedule("geometric", sigma_max=10.0, sigma_min=0.05, levels=12).ladder().double()


def gaussian(x: Tensor, sigma: Tensor) -> Tensor:
    """The score of N(0, TAU^2 I) at every noise level."""
    return -x / (TAU**2 + sigma.square()).reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))


GAUSSIAN = EnergyScore(gaussian, lambda x, s: 0.5 * x.square().flatten(s.ndim).sum(-1) / (TAU**2 + s.square()))
QUICK: dict[str, dict[str, int]] = {
    "reverse_sde": {"steps": 60},
    "predictor_corrector": {"steps": 60},
    "mala": {"steps": 60},
}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(6)


def flow_error(steps: int, rho: float) -> float:
    """Largest relative error of the ODE's linear map, read off one start per sample."""
    out = sampler("probability_flow", steps=steps, rho=rho)(gaussian, LADDER, (50, 2), seeded())
    start = LADDER[0] * torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    top, low = float(LADDER[0]), float(LADDER[-1])
    scale = math.sqrt((TAU**2 + low**2) / (TAU**2 + top**2)) * TAU**2 / (TAU**2 + low**2)
    return float((out / (scale * start) - 1).abs().max())


@pytest.mark.parametrize("rho", [1.0, 7.0])
def test_probability_flow_is_heun_of_the_closed_form(rho):
    """dx / dsigma = sigma x / (TAU^2 + sigma^2): x grows as sqrt(TAU^2 + sigma^2). Then the posterior mean takes
    x to x TAU^2 / (TAU^2 + sigma_min^2). Heun's error is of second order: half the step, a quarter of the error."""
    steps = [65, 129, 257] if rho == 7 else [513, 1025, 2049]
    errors = [flow_error(n, rho) for n in steps]
    assert errors[-1] < 1e-4
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


def test_probability_flow_grid_is_that_of_karras():
    grid = sampler("probability_flow", steps=18).grid(torch.tensor([80.0, 1.0, 0.002], dtype=torch.float64))
    i = np.arange(18)
    expected = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    np.testing.assert_allclose(grid.numpy(), expected, rtol=1e-12)


def test_probability_flow_moves_the_mean_of_the_data():
    """x_0 ~ N(mu, TAU^2): started at mu + z, it ends at mu + scale z; so two starts give away both mu and the scale."""
    mu = 3.0
    out = sampler("probability_flow", steps=400)(lambda x, s: gaussian(x - mu, s), LADDER, (2, 1), seeded())
    start = LADDER[0] * torch.randn(2, 1, generator=seeded(), dtype=torch.float64)
    top, low = float(LADDER[0]), float(LADDER[-1])
    scale = math.sqrt((TAU**2 + low**2) / (TAU**2 + top**2)) * TAU**2 / (TAU**2 + low**2)
    torch.testing.assert_close(out, mu + scale * (start - mu), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("step", "steps"), [(0.05, 400), (0.8, 60), (0.05, 5)])
def test_langevin_variance(step, steps, assert_mean):
    """ULA on N(0, v): x <- c x + sqrt(h) z, c = 1 - h / (2 v), from variance 1: c^2k + h (1 - c^2k) / (1 - c^2),

    whose limit is v / (1 - h / (4 v)), more than v: the bias of an unadjusted chain."""
    sigma = float(LADDER[-1])
    v = TAU**2 + sigma**2
    x = sampler("langevin", step=step, steps=steps)(gaussian, LADDER, (20_000, 2), seeded())
    c2 = (1 - step / (2 * v)) ** 2
    variance = c2**steps + step * (1 - c2**steps) / (1 - c2)
    if steps > 10:
        assert variance == pytest.approx(v / (1 - step / (4 * v)), rel=1e-6)
    assert_mean(x.flatten().square(), variance, within=0.008 * variance)
    assert_mean(x[:, 0] * x[:, 1], 0.0, within=0.01 * variance)


@pytest.mark.parametrize("denoise", [False, True])
@pytest.mark.parametrize(("step", "steps"), [(0.2, 5), (0.05, 3)])
def test_annealed_langevin_variance(step, steps, denoise, assert_mean):
    """On N(0, TAU^2) every update is x <- (1 - alpha / (2 v)) x + sqrt(alpha) z with v = TAU^2 + sigma^2."""
    x = sampler("annealed_langevin", step=step, steps=steps, denoise=denoise)(gaussian, LADDER, (40_000, 1), seeded())
    variance = float(LADDER[0]) ** 2
    for sigma in LADDER.tolist():
        alpha = step * sigma**2
        for _ in range(steps):
            variance = (1 - alpha / (2 * (TAU**2 + sigma**2))) ** 2 * variance + alpha
    if denoise:
        variance *= (TAU**2 / (TAU**2 + float(LADDER[-1]) ** 2)) ** 2
    assert_mean(x.flatten().square(), variance, within=0.008 * variance)


@pytest.mark.parametrize(("name", "steps"), [("annealed_langevin", 20), ("probability_flow", 40)])
def test_exact_score_recovers_the_ring(name, steps):
    """All eight modes, equally often: the start and the ring have the same eightfold symmetry, so the counts are
    multinomial (chi-square, a false alarm in 10,000)."""
    n, target = 3000, Ring(components=8, std=0.15).target()
    ladder = schedule("geometric", sigma_max=3.0, sigma_min=0.03, levels=20).ladder().double()
    x = sampler(name, steps=steps)(target.score, ladder, (n, 2), seeded())
    angle = torch.atan2(x[:, 1], x[:, 0]) / (2 * math.pi / 8)
    counts = np.bincount((angle.round().long() % 8).numpy(), minlength=8)
    assert stats.chisquare(counts).pvalue > 1e-4
    modes = mode_statistics(x.numpy(), target)
    assert modes["mode_coverage"] == 1
    # annealed Langevin leaves noise around a mode: as much as the recursion above has for N(0, 0.15^2)
    variance = 9.0
    for sigma in ladder.tolist() if name == "annealed_langevin" else []:
        for _ in range(steps):
            variance = (1 - 0.1 * sigma**2 / (0.15**2 + sigma**2)) ** 2 * variance + 0.2 * sigma**2
    if name == "annealed_langevin":
        variance *= (0.15**2 / (0.15**2 + 0.03**2)) ** 2
    else:  # the flow keeps the width, but for its last step to the posterior mean (and Heun's error, below 1 %)
        variance = 0.15**2 * 0.15**2 / (0.15**2 + 0.03**2)
    ratio = math.sqrt(variance) / 0.15
    assert modes["within_mode_std_ratio"] == pytest.approx(ratio, abs=4.5 * ratio / math.sqrt(4 * n))


@pytest.mark.parametrize("name", parts.names("sampler"))
def test_replicate_0_does_not_know_how_many_there_are(name):
    """A list of generators: every replicate draws from its own. Only the adaptive solver's step sizes are shared."""
    built = sampler(name, **QUICK.get(name, {}))
    one, three = (built(GAUSSIAN, LADDER, (R, 30, 2), Streams(3, R).at("sample")) for R in (1, 3))
    if name == "probability_flow_dopri5":
        torch.testing.assert_close(one[0], three[0], rtol=0, atol=1e-3)
    else:
        assert torch.equal(one[0], three[0])
    assert not torch.equal(three[0], three[1])
    assert torch.equal(three, built(GAUSSIAN, LADDER, (3, 30, 2), Streams(3, 3).at("sample")))


@pytest.mark.parametrize("name", parts.names("sampler"))
def test_images_are_sampled_as_vectors_are(name):
    built = sampler(name, **QUICK.get(name, {}))
    shapes: list[tuple[int, ...]] = []

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        shapes.append(tuple(sigma.shape))
        return gaussian(x, sigma)

    def energy(x: Tensor, sigma: Tensor) -> Tensor:
        shapes.append(tuple(sigma.shape))
        return GAUSSIAN.energy(x, sigma)

    image = built(EnergyScore(score, energy), LADDER, (2, 5, 1, 2, 2), seeded(), event=3)
    vector = built(GAUSSIAN, LADDER, (2, 5, 4), seeded())
    assert set(shapes) == {(2, 5)}
    assert image.shape == (2, 5, 1, 2, 2)
    torch.testing.assert_close(image.reshape(2, 5, 4), vector, rtol=1e-12, atol=1e-12)


ONE_LEVEL = {"langevin", "mala"}


@pytest.mark.parametrize("levels", [1, 20, None])
@pytest.mark.parametrize("energy", [False, True])
@pytest.mark.parametrize("name", parts.names("sampler"))
def test_where_samplers_apply(name, levels, energy):
    setting = Setting(2, known_score=True, levels=levels, noise_free=False, second_derivatives=True, energy=energy)
    reason = sampler(name).not_applicable(setting)
    if name == "mala" and not energy:
        assert reason == "it accepts or rejects by the energy, and this network has a score only"
    elif (levels == 1) == (name in ONE_LEVEL):
        assert reason is None
    else:
        assert "schedule trains" in reason


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("langevin", {"step": 0.0}, "step: .*greater than 0"),
        ("annealed_langevin", {"steps": 0}, "steps: .*greater than 0"),
        ("probability_flow", {"steps": 1}, "steps: .*greater than or equal to 2"),
        ("probability_flow", {"step": 10}, "did you mean 'steps'"),
        ("annealed_langevin", {"step": "technique2"}, "technique4"),
        ("edm_stochastic", {"churn": -1.0}, "churn: .*greater than or equal to 0"),
    ],
)
def test_options_are_checked(name, options, text):
    with pytest.raises(BadOptions, match=text):
        sampler(name, **options)


def test_unknown_sampler():
    with pytest.raises(UnknownPart, match="did you mean 'langevin'"):
        sampler("langvin")
