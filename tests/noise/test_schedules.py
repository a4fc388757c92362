"""Noise schedules: training density, ladder and weight of each, against what it says it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from scorebench import parts
from scorebench.noise import schedule
from scorebench.parts import BadOptions, UnknownPart
from scorebench.streams import Streams

FLOAT32 = 2.0**-23
RANGE = {"sigma_max": 10.0, "sigma_min": 0.01}
N = 20_000


def draw(name: str, **options) -> torch.Tensor:
    like = torch.zeros((), dtype=torch.float64)
    return schedule(name, **options).sample((N,), torch.Generator().manual_seed(8), like)


def test_log_uniform_density():
    """Kolmogorov-Smirnov: a false alarm in 10,000."""
    sigma = draw("log_uniform", **RANGE)
    u = torch.log(sigma / 0.01) / math.log(1000)
    assert stats.kstest(u.numpy(), "uniform").pvalue > 1e-4
    assert stats.kstest(sigma.numpy() / 10, "uniform").pvalue < 1e-4  # the test can tell uniform sigma from it


BETA = 0.1, 20.0


def vp_time(sigma: np.ndarray) -> np.ndarray:
    """t at which the integral of beta is ln(1 + sigma^2), by the quadratic formula."""
    low, high = BETA
    return (np.sqrt(low**2 + 2 * (high - low) * np.log1p(sigma**2)) - low) / (high - low)


def sub_vp_time(sigma: np.ndarray) -> np.ndarray:
    """With c = exp(-B / 2), sigma = (1 - c^2) / c."""
    c = (np.sqrt(sigma**2 + 4) - sigma) / 2
    low, high = BETA
    return (np.sqrt(low**2 - 4 * (high - low) * np.log(c)) - low) / (high - low)


def uniform_in(time):
    def cdf(sigma: np.ndarray) -> np.ndarray:
        return (time(sigma) - 1e-5) / (1 - 1e-5)

    return cdf


def cosine_cdf(sigma: np.ndarray) -> np.ndarray:
    low, high = np.arctan(0.01), np.arctan(10.0)
    return (np.arctan(sigma) - low) / (high - low)


LAWS = [
    ("ve", {}, lambda s: np.log(s / 0.02) / math.log(5000)),
    ("vp_linear", {}, uniform_in(vp_time)),
    ("sub_vp", {}, uniform_in(sub_vp_time)),
    ("cosine", {}, cosine_cdf),
    ("edm", {"sigma_data": 0.5}, stats.lognorm(1.2, scale=math.exp(-1.2)).cdf),  # as published
    ("edm", {}, stats.lognorm(1.2, scale=2 * math.exp(-1.2)).cdf),  # twice the images, twice the noise
    ("edm2", {"sigma_data": 0.5}, stats.lognorm(1.0, scale=math.exp(-0.4)).cdf),
    ("edm2", {"sigma_data": 3.0}, stats.lognorm(1.0, scale=6 * math.exp(-0.4)).cdf),
]


@pytest.mark.parametrize(("name", "options", "cdf"), LAWS)
def test_continuous_schedules_draw_from_their_law(name, options, cdf):
    """Kolmogorov-Smirnov: a false alarm in 10,000 each; 10 % more noise is told from it."""
    sigma = draw(name, **options).numpy()
    assert stats.kstest(sigma, cdf).pvalue > 1e-4
    assert stats.kstest(1.1 * sigma, cdf).pvalue < 1e-4


@pytest.mark.parametrize(("name", "options", "cdf"), [("log_uniform", {}, None), *LAWS])
def test_density_is_that_of_the_draws(name, options, cdf):
    """The integral over ln sigma between two levels is the difference of the distribution function."""
    s = schedule(name, **options)
    low, high = (0.05, 5.0) if name != "cosine" else (0.011, 9.0)
    grid = torch.linspace(math.log(low), math.log(high), 4001, dtype=torch.float64)
    found = torch.trapezoid(s.density(grid.exp()), grid).item()
    expected = math.log(high / low) / math.log(1000) if cdf is None else cdf(np.array(high)) - cdf(np.array(low))
    assert found == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "ends"),
    [
        ("ve", {}, (100.0, 0.02)),
        ("vp_linear", {}, (math.sqrt(math.expm1(10.05)), math.sqrt(math.expm1(1e-6 + 9.95e-10)))),
        ("sub_vp", {}, (2 * math.sinh(10.05 / 2), 2 * math.sinh((1e-6 + 9.95e-10) / 2))),
        ("cosine", {}, (10.0, 0.01)),
        ("edm", {}, (80.0, 0.002)),
        ("edm2", {"sigma_min": 0.1, "sigma_max": 3.0}, (3.0, 0.1)),
    ],
)
@pytest.mark.parametrize("levels", [None, 2, 33])
def test_ladders_have_their_ends_and_descend(name, options, ends, levels):
    s = schedule(name, **options)
    ladder = s.ladder(levels)
    assert len(ladder) == (levels or s.levels)
    assert ladder[0].item() == pytest.approx(ends[0], rel=2 * FLOAT32)
    assert ladder[-1].item() == pytest.approx(ends[1], rel=2 * FLOAT32)
    assert (ladder.diff() < 0).all()


def test_ladder_of_edm_is_the_published_one():
    """Karras et al. (2022), eq. 5, with N = 18, rho = 7: the second level of 80 ... 0.002 is 57.586."""
    ladder = schedule("edm").ladder(18)
    at = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
    torch.testing.assert_close(ladder, torch.tensor(at), rtol=2 * FLOAT32, atol=0)
    assert ladder[1].item() == pytest.approx(57.586, abs=5e-4)


def test_cosine_keeps_nichol_and_dhariwal_s_offset_as_its_lower_end():
    """abar(t) = cos^2((t + 0.008) / 1.008 pi / 2), t ~ U(0, 1), where both have the same range of sigma."""
    t = np.random.default_rng(5).uniform(0, 0.9, N)
    sigma = np.tan((t + 0.008) / 1.008 * math.pi / 2)
    low, high = (math.tan((t + 0.008) / 1.008 * math.pi / 2) for t in (0, 0.9))
    assert stats.ks_2samp(draw("cosine", sigma_min=low, sigma_max=high).numpy(), sigma).pvalue > 1e-4


@pytest.mark.parametrize(("dimension", "levels"), [(3072, 219), (10, 9), (2, 9)])
def test_geometric_takes_its_levels_from_the_dimension(dimension, levels):
    """NCSNv2's technique 2 for CIFAR-10, 219 levels from 50 to 0.01 at C = 0.5; ratio 3.04 and 3.09 in 10-D and 2-D."""
    s = schedule("geometric", sigma_max=50.0, sigma_min=0.01, dimension=dimension)
    assert s.levels == s.levels_trained == len(s.ladder()) == levels
    assert schedule("geometric", **s.model_dump()) == s


def test_geometric_draws_every_rung_alike():
    """Chi-square over the rungs: a false alarm in 10,000."""
    sigma = draw("geometric", **RANGE, levels=7)
    rungs, counts = sigma.unique(return_counts=True)
    torch.testing.assert_close(rungs.flip(0).float(), schedule("geometric", **RANGE, levels=7).ladder(), rtol=0, atol=0)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4


def test_single_and_clean_have_one_level():
    assert (draw("single", sigma=0.3) == 0.3).all()
    assert (draw("clean") == 0).all()
    assert schedule("single", sigma=0.3).ladder().tolist() == [pytest.approx(0.3, rel=FLOAT32)]
    assert schedule("clean").ladder().tolist() == [0.0]


@pytest.mark.parametrize("name", parts.names("schedule"))
def test_contract_of_every_schedule(name):
    """What training relies on: the facts that it states about itself are those of its draws."""
    s = schedule(name)
    like = torch.zeros(1, dtype=torch.float64)
    drawn = s.sample((3, 400), Streams(1, 3).at("sigma"), like)
    assert drawn.shape == (3, 400)
    assert drawn.dtype == torch.float64
    assert s.sample((4,)).dtype == torch.float32
    assert bool((drawn == 0).any()) == s.noise_free
    assert (drawn >= 0).all()
    assert s.levels_trained is None or len(drawn.unique()) == s.levels_trained
    ladder = s.ladder()
    assert (ladder.diff() < 0).all()
    assert drawn.max() <= ladder[0] * (1 + FLOAT32)
    assert drawn.min() >= ladder[-1] * (1 - FLOAT32)
    weight = s.weight(drawn)
    assert weight.shape == drawn.shape
    assert (weight > 0).all()


@pytest.mark.parametrize("name", parts.names("schedule"))
def test_replicates_draw_on_their_own(name):
    s = schedule(name)
    one, three = (s.sample((R, 50), Streams(1, R).at("sigma")) for R in (1, 3))
    assert torch.equal(one[0], three[0])
    if s.levels_trained != 1:
        assert not torch.equal(three[0], three[1])


@pytest.mark.parametrize("name", ["geometric", "log_uniform"])
@given(high=st.floats(1e-2, 1e3), low=st.floats(1e-4, 1e2), levels=st.integers(2, 300))
def test_ladders_descend_between_their_ends_with_a_constant_ratio(name, high, low, levels):
    assume(high > 1.01 * low and (high / low) ** (1 / levels) > 1 + 100 * FLOAT32)
    s = schedule(name, sigma_max=high, sigma_min=low, levels=levels)
    ladder = s.ladder().double()
    assert len(ladder) == levels
    assert ladder[0].item() == pytest.approx(high, rel=FLOAT32)
    assert ladder[-1].item() == pytest.approx(low, rel=FLOAT32)
    ratio = (high / low) ** (1 / (levels - 1))
    torch.testing.assert_close(
        ladder[:-1] / ladder[1:], torch.full((levels - 1,), ratio).double(), rtol=3 * FLOAT32, atol=0
    )
    assert (ladder.diff() < 0).all()
    assert torch.equal(s.ladder(levels), s.ladder())
    assert len(s.ladder(levels + 3)) == levels + 3


def test_reference_settings_of_ncsn_and_ncsnv2():
    """NCSN: 10 levels from 1 to 0.01, ratio 100^(1/9). NCSNv2, CIFAR-10: 232 levels from 50 to 0.01, ratio 1.0376."""
    for top, levels, ratio in ((1.0, 10, 100 ** (1 / 9)), (50.0, 232, 1.0376)):
        ladder = schedule("geometric", sigma_max=top, sigma_min=0.01, levels=levels).ladder().double()
        ratios = ladder[:-1] / ladder[1:]
        assert len(ladder) == levels
        torch.testing.assert_close(ratios, torch.full_like(ratios, ratio), rtol=5e-5, atol=0)  # 1.0376: 5 digits


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("geometric", {"sigma_max": 0.01, "sigma_min": 1.0}, r"sigma_min 1.0 must be below sigma_max 0.01"),
        ("log_uniform", {"sigma_max": 1.0, "sigma_min": 1.0}, r"sigma_min 1.0 must be below sigma_max 1.0"),
        ("log_uniform", {"sigma_min": 0.0}, r"sigma_min: .*greater than 0; given: 0.0"),
        ("log_uniform", {"sigma_max": "high"}, r"sigma_max: .*valid number.*; given: 'high'"),
        ("geometric", {"levels": 1}, r"levels: .*greater than or equal to 2; given: 1"),
        ("geometric", {"levels": 2.5}, r"levels: .*; given: 2.5"),
        ("single", {"sigma": 0}, r"sigma: .*greater than 0; given: 0"),
        ("single", {"sigma": -1.0}, r"sigma: .*greater than 0; given: -1.0"),
        ("single", {"weighting": "sigma"}, r"weighting: no weight is called 'sigma' \(did you mean 'sigma2'\?\)"),
        ("clean", {"sigma": 1.0}, r"unknown name 'sigma'; allowed: weighting"),
        ("geometric", {"sigma_mx": 1.0}, r"did you mean 'sigma_max'"),
        (
            "geometric",
            {"dimension": 3072, "levels": 10},
            r"dimension 3072 makes \d+ levels, not 10: give one",
        ),
        ("geometric", {"dimension": 0}, r"dimension: .*greater than 0; given: 0"),
        ("geometric", {"dimension": 10, "overlap": 1.0}, r"overlap: .*less than 0.997; given: 1.0"),
        ("geometric", {"dimension": 10, "sigma_max": -1.0}, r"sigma_max: .*greater than 0; given: -1.0"),
        ("vp_linear", {"beta_min": 30.0}, r"beta_min 30.0 must not be above beta_max 20.0"),
        ("sub_vp", {"beta_min": 30.0}, r"beta_min 30.0 must not be above beta_max 20.0"),
        ("vp_linear", {"t_min": 1.0}, r"t_min: .*less than 1; given: 1.0"),
        ("cosine", {"sigma_max": 0.001}, r"sigma_min 0.01 must be below sigma_max 0.001"),
        ("edm", {"sigma_data": 0}, r"sigma_data: .*greater than 0; given: 0"),
        ("edm2", {"P_std": -1.0}, r"P_std: .*greater than 0; given: -1.0"),
    ],
)
def test_invalid_options_say_what_is_allowed(name, options, text):
    with pytest.raises(BadOptions, match=text):
        schedule(name, **options)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["geometric", "log_uniform"])
def test_a_noise_level_without_end_is_refused(name, value):
    with pytest.raises(BadOptions, match="sigma_max"):
        schedule(name, sigma_max=value)


def test_unknown_schedule():
    with pytest.raises(UnknownPart, match="did you mean 'log_uniform'"):
        schedule("loguniform")
