"""Distances along principal components and by column, against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from scorebench.metrics.components import LARGEST, Components, Marginals


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_too_wide_along_a_thin_component_is_the_difference_of_widths() -> None:
    """W2(N(0, (k w)^2), N(0, w^2)) = (k - 1) w, so k - 1 in units of w, in whatever direction it lies."""
    turn, _ = np.linalg.qr(normal(6, 6, 9))
    truth, samples = normal(4000, 6, 0), normal(4000, 6, 1)
    truth[:, 5] *= 0.01
    samples[:, 5] *= 0.3
    found = Components(truth @ turn, 50, 0)(samples @ turn)
    assert found["component_wasserstein"] == pytest.approx(29, rel=0.03)
    assert found["whitened_wasserstein"] == pytest.approx(29 / 6**0.5, rel=0.35)  # a sixth of the squares, by chance


def test_a_shift_is_told_in_standard_deviations_of_the_truth() -> None:
    """A copy moved by 2 along a component of width 0.5 lies 4 away along it, 0 along others."""
    y = normal(500, 3, 0) * [3, 1, 0.5]
    y -= y.mean(0)
    y = y @ np.linalg.inv(np.linalg.cholesky(np.cov(y.T, ddof=0)).T) @ np.diag([3, 1, 0.5])  # exactly these widths
    found = Components(y, 200, 0)(y + np.array([0, 0, 2]))
    assert found["component_wasserstein"] == pytest.approx(4, rel=1e-9)
    assert Components(y, 20, 0)(y)["whitened_wasserstein"] == pytest.approx(0, abs=1e-9)


def test_units_of_columns_play_no_part() -> None:
    x, y, units = normal(200, 4, 0), normal(300, 4, 1), np.array([1e-4, 1, 30, 1e3])
    one, other = Components(y, 20, 0)(x), Components(y * units, 20, 0)(x * units)
    assert other["component_wasserstein"] > 0
    assert Marginals(y * units)(x * units) == pytest.approx(Marginals(y)(x))
    assert one.keys() == other.keys()


def test_values_that_depend_on_others_must_do_so_in_samples() -> None:
    """A sum of columns has no width of its own; samples off by a thousandth are told as widths are by rounding's."""
    y, x = normal(300, 3, 0), normal(300, 3, 1)
    y[:, 2], x[:, 2] = y[:, 0] + y[:, 1], x[:, 0] + x[:, 1]
    components = Components(y, 20, 0)
    assert components(x)["component_wasserstein"] < 1
    assert components(x + np.array([0, 0, 1e-3]))["component_wasserstein"] > 100


def test_points_that_are_all_the_same_or_of_many_values_have_no_components() -> None:
    assert Components(np.ones((20, 3)), 5, 0)(normal(20, 3, 0)) == {}
    assert Components(normal(3, LARGEST + 1, 0), 5, 0)(normal(3, LARGEST + 1, 1)) == {}


def test_few_points_tell_nothing_of_directions_that_they_do_not_span() -> None:
    found = Components(normal(20, 50, 0), 20, 0)(normal(30, 50, 1))
    assert found["component_wasserstein"] < 10


@pytest.mark.parametrize("rounded", [False, True], ids=["continuous", "with ties"])
def test_marginals_are_scipy_s(rounded: bool) -> None:
    x, y = normal(200, 5, 0), normal(333, 5, 1) * 1.2
    if rounded:
        x, y = np.round(x), np.round(y)
    expected = [ks_2samp(a, b).statistic for a, b in zip(x.T, y.T, strict=True)]
    assert Marginals(y)(x) == pytest.approx(expected, rel=1e-12)
