"""Noise schedules: training density, ladder and weight of each, against what it says it is."""

from __future__ import annotations

import math

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


@given(sigma=st.floats(1e-3, 1e3))
def test_weights(sigma):
    at = torch.tensor([sigma], dtype=torch.float64)
    assert schedule("log_uniform", weighting="one").weight(at).item() == 1.0
    assert schedule("log_uniform").weight(at).item() == pytest.approx(sigma**2, rel=1e-14)
    # EDM weighs ||D - x||^2 by 1 / c_out^2 = (sigma^2 + 1) / sigma^2, and D - x = sigma^2 (s + epsilon / sigma)
    edm = sigma**4 * (sigma**2 + 1) / sigma**2
    assert schedule("log_uniform", weighting="edm").weight(at).item() == pytest.approx(edm, rel=1e-12)


@pytest.mark.parametrize("weighting", ["one", "sigma2", "edm"])
def test_clean_data_have_weight_one(weighting):
    assert schedule("clean", weighting=weighting).weight(torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]


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
        ("single", {"weighting": "sigma"}, r"weighting: .*'one', 'sigma2' or 'edm'; given: 'sigma'"),
        ("clean", {"sigma": 1.0}, r"unknown name 'sigma'; allowed: weighting"),
        ("geometric", {"sigma_mx": 1.0}, r"did you mean 'sigma_max'"),
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
