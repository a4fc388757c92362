"""tau, the scale of the finest structure: data whose thinnest direction is known, at any number of points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scorebench import parts
from scorebench.advisor import advise

Draw = Callable[[np.random.Generator, int], np.ndarray]


def scaled(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(0)) / x.std(0)


def thin_plane(r: np.random.Generator, n: int) -> np.ndarray:
    x = r.normal(size=(n, 13))
    x[:, 10:] *= 0.01
    return x


def turned_plane(r: np.random.Generator, n: int) -> np.ndarray:
    """The same in directions that no column shows."""
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(13, 13)))
    return thin_plane(r, n) @ turn


def ring(r: np.random.Generator, n: int) -> np.ndarray:
    angle, radius = r.uniform(0, 2 * np.pi, n), 1 + 0.02 * r.normal(size=n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def spiral(r: np.random.Generator, n: int) -> np.ndarray:
    s = r.uniform(np.pi, 5 * np.pi, n)
    return np.column_stack([s * np.cos(s), s * np.sin(s)]) + 0.05 * r.normal(size=(n, 2))


def two_sheets(r: np.random.Generator, n: int) -> np.ndarray:
    """Parallel, each 0.05 wide, 1 apart: no principal component of the whole is thin."""
    return np.column_stack([r.normal(size=n), r.normal(size=n), np.sign(r.normal(size=n)) + 0.05 * r.normal(size=n)])


def small_cluster(r: np.random.Generator, n: int) -> np.ndarray:
    """One point in twenty within 0.02 of one place, beside N(0, I)."""
    inside = r.random((n, 1)) < 0.05
    return np.where(inside, 2 + 0.02 * r.normal(size=(n, 3)), r.normal(size=(n, 3)))


def cube(r: np.random.Generator, n: int) -> np.ndarray:
    return r.integers(0, 10, (n, 3))


def mixture(r: np.random.Generator, n: int) -> np.ndarray:
    """Components with standard deviations from 0.1 to 0.2."""
    options = {"components": 8, "dimensions": 10, "std_min": 0.1, "std_max": 0.2}
    return parts.build("source", "random_mixture", options).load({"train": n}, 0).splits["train"]


THIN: dict[str, tuple[Draw, float]] = {
    "thin plane": (thin_plane, 0.01),
    "turned plane": (turned_plane, 0.01),
    "ring": (ring, 0.02),
    "spiral": (spiral, 0.05),
    "two sheets": (two_sheets, 0.05),
    "mixture": (mixture, 0.1),
    "small cluster": (small_cluster, 0.02),
    "integers, dequantised to a uniform cube": (cube, 10 / 12**0.5),
}


@pytest.mark.parametrize("n", [2000, 20_000])
@pytest.mark.parametrize("name", THIN)
def test_tau_is_the_width_of_the_thinnest_direction_at_any_number_of_points(name: str, n: int) -> None:
    """Within 20 % of what is known, so the same population at 2,000 and 20,000 points is within a factor of 1.5."""
    draw, width = THIN[name]
    advice = advise(draw(np.random.default_rng(n), n))
    assert advice.sigma_local == pytest.approx(width, rel=0.2)
    assert advice.sigma_min == pytest.approx(advice.sigma_local / 10)


def test_a_thin_direction_that_scaling_hides_is_found_after_scaling() -> None:
    """Two columns of correlation 0.9999: scaled, their difference has a standard deviation of 0.01 along its axis."""
    r = np.random.default_rng(0)
    x = r.normal(size=(3000, 1)) + 0.01 * r.normal(size=(3000, 2))
    assert advise(scaled(x)).sigma_local == pytest.approx(0.01, rel=0.1)


def test_neighbourhoods_do_not_make_wide_things_thin() -> None:
    """What is cut out of something larger has the width of the cut: that of N(0, I) must not be taken for it."""
    for d in (1, 2, 5, 20):
        assert advise(np.random.default_rng(d).normal(size=(2000, d))).sigma_thin == pytest.approx(1, rel=0.12)


def test_a_pile_or_a_lattice_is_no_thin_direction() -> None:
    """Zeros in half of the rows, and a column of 0 and 1: their neighbourhoods have no width there."""
    r = np.random.default_rng(0)
    rain, flag = np.maximum(r.normal(size=3000), 0), r.integers(0, 2, 3000)
    advice = advise(np.column_stack([r.normal(size=(3000, 2)), rain, flag]))
    assert advice.sigma_thin == pytest.approx(0.5, rel=0.3)  # 0 and 1, dequantised: 2 / sqrt(12) in all
    assert {"piled_columns", "discrete_columns"} <= {caution.code for caution in advice.warnings}


def test_too_many_values_or_too_few_points_give_no_thinnest_direction() -> None:
    r = np.random.default_rng(0)
    assert advise(r.normal(size=(20, 10))).sigma_thin is None
    assert advise(r.normal(size=(100, 3072))).sigma_thin is None
