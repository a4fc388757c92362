"""Distances between samples and mode statistics, against closed forms and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import cKDTree

from scorebench.data.ring import Ring
from scorebench.metrics.samples import (
    PairDistances,
    SlicedWasserstein,
    c2st,
    energy_distance,
    mode_statistics,
    nearest_distance,
    sliced_wasserstein,
)
from scorebench.targets import GaussianMixture

FLOAT32 = 2.0**-23
RING = Ring(components=8, std=0.15).target()


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@given(shift=st.floats(-50, 50), n=st.integers(1, 5), m=st.integers(1, 5))
def test_energy_distance_of_two_point_masses_is_twice_their_distance(shift, n, m):
    x, y = np.zeros((n, 3)), np.full((m, 3), shift)
    assert energy_distance(x, y) == pytest.approx(2 * math.sqrt(3) * abs(shift), abs=1e-12)


def test_energy_distance_in_one_dimension_is_that_of_scipy():
    """scipy gives its square root."""
    x, y = normal(1500, 1, 1), 1.3 * normal(700, 1, 2) + 0.4  # more than the rows taken at once
    assert energy_distance(x, y) == pytest.approx(stats.energy_distance(x[:, 0], y[:, 0]) ** 2, rel=1e-9)


def test_energy_distance_of_shifted_normals(assert_mean):
    """X - Y ~ N(m, 2): 2 E|X - Y| - 4 / sqrt pi with the folded normal mean. The V-statistic adds 4 / (n sqrt pi)."""
    m, n, root = 0.7, 100, math.sqrt(2)
    folded = root * math.sqrt(2 / math.pi) * math.exp(-(m**2) / 4) + m * (1 - 2 * stats.norm.cdf(-m / root))
    expected = 2 * folded - 4 / math.sqrt(math.pi) + 4 / (n * math.sqrt(math.pi))
    values = [energy_distance(normal(n, 1, 2 * i), normal(n, 1, 2 * i + 1) + m) for i in range(600)]
    assert_mean(torch.tensor(values), expected, within=0.05 * expected)


def test_energy_distance_of_a_sample_to_itself_is_zero():
    x = normal(50, 3, 1)
    assert energy_distance(x, x) == pytest.approx(0, abs=1e-12)
    assert energy_distance(x, x[::-1] * [1, 1, -1]) > 1e-3


@pytest.mark.parametrize("d", [2, 5])
def test_sliced_wasserstein_of_a_shift(d, assert_mean):
    """A shift m moves every projection by m'u: SW^2 = mean (m'u)^2, in expectation ||m||^2 / d over directions.

    (m'u)^2 / ||m||^2 has the variance 3 / (d (d + 2)) - 1 / d^2.
    """
    x, projections = normal(200, d, 3), 2000
    shift = np.arange(1.0, d + 1)
    square = sliced_wasserstein(x, x + shift, projections, seed=4) ** 2 / (shift @ shift)
    error = math.sqrt((3 / (d * (d + 2)) - 1 / d**2) / projections)
    assert square == pytest.approx(1 / d, abs=4.5 * error)
    assert error < 0.05 / d


def test_sliced_wasserstein_in_one_dimension():
    """W_2 of sorted samples: a shift is its length, a doubling is the root mean square."""
    x = normal(300, 1, 5)
    assert sliced_wasserstein(x, x + 3, 10, seed=1) == pytest.approx(3, rel=1e-9)
    assert sliced_wasserstein(x, 2 * x, 10, seed=1) == pytest.approx(math.sqrt((x**2).mean()), rel=1e-9)


def test_sliced_wasserstein_of_equal_samples_and_seeds():
    x, y = normal(300, 3, 6), 2 * normal(300, 3, 7)
    assert sliced_wasserstein(x, x[::-1].copy(), 50, seed=2) == pytest.approx(0, abs=1e-9)
    assert sliced_wasserstein(x, y, 50, seed=2) == sliced_wasserstein(x, y, 50, seed=2)
    assert sliced_wasserstein(x, y, 50, seed=2) != sliced_wasserstein(x, y, 50, seed=3)


def test_c2st_of_equal_distributions_is_a_coin(assert_mean):
    """Accuracy 1/2. Ten pairs of samples: the values are independent, so their spread is their standard error."""
    values = [c2st(normal(400, 2, 2 * i), normal(400, 2, 2 * i + 1), folds=5, seed=i) for i in range(10)]
    assert_mean(torch.tensor(values, dtype=torch.float64), 0.5, within=0.01)


def test_c2st_of_separated_samples_is_one():
    assert c2st(normal(100, 2, 1), normal(150, 2, 2) + 100, folds=5, seed=0) == 1.0


def test_c2st_in_between():
    """N(-m, 1) and N(m, 1): no classifier beats the Bayes accuracy Phi(m), and 5 neighbours come near to it.

    They decide by the majority of five labels, each right with at most Phi(m): away from the middle that is better
    than one label alone, whose accuracy is E[p^2 + (1 - p)^2] (Cover & Hart 1967).
    """
    m, n = 1.0, 2000
    value = c2st(normal(n, 1, 1) - m, normal(n, 1, 2) + m, folds=5, seed=3)
    z = np.concatenate([normal(20_000, 1, 3) - m, normal(20_000, 1, 4) + m])
    p = 1 / (1 + np.exp(-2 * m * z))
    one_neighbour = (p**2 + (1 - p) ** 2).mean()
    error = math.sqrt(0.25 / (2 * n))
    assert one_neighbour - 4.5 * error < value < stats.norm.cdf(m) + 4.5 * error
    assert one_neighbour > 0.75


def test_truth_covers_its_modes():
    """Shares are multinomial; the mean of n chi^2_2 / 2 has the standard error 1 / sqrt n."""
    n = 20_000
    modes = mode_statistics(RING.sample(n, torch.Generator().manual_seed(1)).numpy(), RING)
    assert modes["mode_coverage"] == 1
    # E of 1/2 sum |share - 1/8|: 8 half-normals of variance 7 / 64 / n, correlated at -1/7; Var < 8 / 4 of one
    expected = 4 * math.sqrt(2 / math.pi * 7 / 64 / n)
    assert 0 < modes["mode_mass_error"] < expected + 4.5 * math.sqrt(2 * 7 / 64 / n)
    assert modes["within_mode_std_ratio"] ** 2 == pytest.approx(1, abs=4.5 / math.sqrt(n))


def on_modes(counts: list[int], scale: float = 1.0) -> np.ndarray:
    """Given numbers of points on the modes of the ring, each mode inflated by `scale`."""
    generator = np.random.default_rng(8)
    means = RING.means.numpy()
    return np.concatenate(
        [m + 0.15 * scale * generator.standard_normal((c, 2)) for m, c in zip(means, counts, strict=True)]
    )


def test_a_dropped_mode():
    """7 / 8 are covered; total variation to the uniform weights: 1 / 8, exactly, as the shares are 1 / 7."""
    modes = mode_statistics(on_modes([500] * 7 + [0], 0.5), RING)
    assert modes["mode_coverage"] == pytest.approx(7 / 8)
    assert modes["mode_mass_error"] == pytest.approx(1 / 8, abs=FLOAT32)


def test_a_mode_with_too_little_mass():
    """A quarter of the points that it should have is the limit, and counts only within the 99.7 % radius."""
    for count, coverage in ((160, 1.0), (100, 7 / 8)):  # of 3500 + count over 8: a quarter is about 113
        assert mode_statistics(on_modes([500] * 7 + [count]), RING)["mode_coverage"] == pytest.approx(coverage)
    far = on_modes([500] * 8, 0.5)
    far[3500:] = RING.means[7].numpy() * 1.5  # nearest to the last mode, but well outside it
    modes = mode_statistics(far, RING)
    assert modes["mode_coverage"] == pytest.approx(7 / 8)
    assert modes["mode_mass_error"] == pytest.approx(0, abs=FLOAT32)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_inflated_modes(factor):
    """Two modes far apart, so that no point changes sides: the ratio is the factor; chi-square of 2 n dimensions."""
    target = GaussianMixture([0.5, 0.5], [[-50.0, 0.0], [50.0, 0.0]], stds=[1.0, 1.0])
    n = 10_000
    x = target.sample(n, torch.Generator().manual_seed(2))
    centres = torch.tensor([50.0, 0.0], dtype=torch.float64) * x[:, :1].sign()
    inflated = (centres + factor * (x - centres)).numpy()
    ratio = mode_statistics(inflated, target)["within_mode_std_ratio"]
    assert ratio == pytest.approx(factor, abs=4.5 * factor / math.sqrt(4 * n))


def test_ratio_is_measured_in_the_axes_of_full_covariances():
    covariance = [[[1.0, 0.9], [0.9, 1.0]]]
    target = GaussianMixture([1.0], [[0.0, 0.0]], covariances=covariance)
    n = 10_000
    x = 2 * target.sample(n, torch.Generator().manual_seed(3)).numpy()
    assert mode_statistics(x, target)["within_mode_std_ratio"] == pytest.approx(2, abs=4.5 * 2 / math.sqrt(4 * n))


@pytest.mark.parametrize("d", [1, 2, 10])
def test_radius_holds_997_of_1000(d):
    """At the radius of the 99.7 % quantile of chi^2_d a point still counts as held; just outside it does not."""
    target = GaussianMixture([1.0], [[0.0] * d], stds=[1.0])
    radius = math.sqrt(stats.chi2.ppf(0.997, d))
    for factor, coverage in ((1 - 1e-6, 1.0), (1 + 1e-6, 0.0)):
        x = np.zeros((10, d))
        x[:, 0] = factor * radius
        assert mode_statistics(x, target)["mode_coverage"] == coverage


def test_sliced_wasserstein_is_that_of_pot():
    """Two samples of different sizes, the same directions."""
    import ot

    x, y = normal(700, 3, 1), 1.3 * normal(1000, 3, 2) + 0.2
    assert sliced_wasserstein(x, y, 40, 5) == pytest.approx(
        ot.sliced_wasserstein_distance(x, y, n_projections=40, seed=5)
    )


def test_sliced_wasserstein_to_a_prepared_truth_is_the_same():
    x, y = normal(50, 2, 1), normal(80, 2, 2)
    assert SlicedWasserstein(y, 10, 3)(x) == sliced_wasserstein(x, y, 10, 3)


def test_mmd_is_the_u_statistic():
    """Against the sums over all pairs, written out."""
    x, y = normal(30, 2, 1), normal(40, 2, 2) + 1
    median = np.median([np.linalg.norm(y[i] - y[j]) for i in range(40) for j in range(i + 1, 40)])

    def k(a, b):
        square = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.mean([np.exp(-square / (2 * (f * median) ** 2)) for f in (0.125, 0.25, 0.5, 1, 2)], 0)

    kxx, kyy = k(x, x), k(y, y)
    np.fill_diagonal(kxx, 0)
    np.fill_diagonal(kyy, 0)
    expected = kxx.sum() / (30 * 29) + kyy.sum() / (40 * 39) - 2 * k(x, y).mean()
    assert PairDistances(y)(x)["mmd"] == pytest.approx(expected, abs=2e-3)  # median of an even number of distances


def test_mmd_of_one_distribution_is_zero_on_average(assert_mean):
    values = [PairDistances(normal(100, 2, 2 * i))(normal(100, 2, 2 * i + 1))["mmd"] for i in range(200)]
    assert_mean(torch.tensor(values), 0.0, within=1e-3)


def test_nearest_distance():
    """Against scipy's tree."""
    x, y = normal(1500, 3, 1), normal(500, 3, 2)
    assert nearest_distance(x, y) == pytest.approx(cKDTree(y).query(x)[0].mean(), rel=1e-6)
    assert nearest_distance(y, y) < 1e-6
