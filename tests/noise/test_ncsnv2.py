"""NCSNv2's techniques: published settings, the equations they solve, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import pdist

from scorebench.noise._distances import largest_distance, pairs_left
from scorebench.noise._ncsnv2 import (
    chi_overlap,
    ladder_ratio,
    level_count,
    technique1,
    technique2,
    technique2_applies,
    technique4,
)


def test_cifar10_as_published():
    """NCSNv2: 232 levels from 50 to 0.01, ratio 1.0376, T = 5, epsilon 6.2e-6. C = 0.5 asks for 219 levels."""
    assert technique4(1.0376, 0.01, 5) == pytest.approx(6.19e-6, abs=5e-9)
    assert round(technique4(5000 ** (1 / 231), 0.01, 5), 7) == 6.2e-6
    assert level_count(50, 0.01, technique2(3072)) == 219


@given(dimension=st.integers(5, 200_000), overlap=st.floats(0.01, 0.99))
def test_technique2_solves_its_equation(dimension, overlap):
    ratio, root = technique2(dimension, overlap), math.sqrt(2 * dimension)
    low, high = root * (ratio - 1) - 3 * ratio, root * (ratio - 1) + 3 * ratio
    assert ratio > 1
    assert stats.norm.cdf(high) - stats.norm.cdf(low) == pytest.approx(overlap, abs=1e-9)


@pytest.mark.parametrize("dimension", range(5, 40))
def test_technique2_in_closed_form(dimension):
    """At C = 0.5, with the first Phi at 1: gamma = sqrt(2d) / (sqrt(2d) - 3)."""
    root = math.sqrt(2 * dimension)
    assert technique2(dimension) == pytest.approx(root / (root - 3), rel=1e-6)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_technique2_has_no_solution_in_low_dimensions(dimension):
    """The left side stays above 0.997, whichever the ratio, so nothing is missed."""
    gamma, root = np.geomspace(1, 1e6, 1000), math.sqrt(2 * dimension)
    left = stats.norm.cdf(root * (gamma - 1) + 3 * gamma) - stats.norm.cdf(root * (gamma - 1) - 3 * gamma)
    assert left.min() > 0.997
    with pytest.raises(ValueError, match=f"no solution in {dimension} dimensions: it needs at least 5"):
        technique2(dimension)
    assert ladder_ratio(dimension) == chi_overlap(dimension)


@pytest.mark.parametrize("dimension", [1, 2, 3, 10, 300])
@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.9])
def test_chi_overlap_is_the_share_of_samples_in_the_range_below(dimension, overlap):
    """100,000 samples of a level against the central 99.7 % of the one below; a false alarm in 10,000."""
    ratio = chi_overlap(dimension, overlap)
    radius = ratio * np.sqrt(np.random.default_rng(dimension).chisquare(dimension, 100_000))
    low, high = (stats.chi(dimension).ppf(stats.norm.cdf(z)) for z in (-3, 3))
    share = ((radius >= low) & (radius <= high)).mean()
    assert abs(share - overlap) < 3.9 * math.sqrt(overlap * (1 - overlap) / 100_000)
    inside = stats.chi(dimension).cdf(high / ratio) - stats.chi(dimension).cdf(low / ratio)
    assert inside == pytest.approx(overlap, abs=1e-9)


def test_both_rules_have_one_limit():
    """1 + 3 / sqrt(2D) at C = 0.5, to second order."""
    for dimension in (10_000, 1_000_000):
        limit = 3 / math.sqrt(2 * dimension)
        assert technique2(dimension) - 1 == pytest.approx(limit, rel=2 * limit)
        assert chi_overlap(dimension) - 1 == pytest.approx(limit, rel=2 * limit)


def test_the_ratio_of_a_ladder_falls_with_the_dimension_but_where_the_rules_change():
    ratios = {d: ladder_ratio(d) for d in range(1, 100)}
    assert [d for d in range(2, 100) if ratios[d] >= ratios[d - 1]] == [9]
    assert [technique2_applies(d) for d in (4, 5, 8, 9, 3072)] == [False, False, False, True, True]
    assert ratios[10] == pytest.approx(3.04, abs=0.005)


def variance(e: float, ratio: float, steps: int) -> float:
    """Of T steps x <- (1 - e) x + sqrt(2 e) z from variance ratio^2: the recursion, not its closed form."""
    v = ratio**2
    for _ in range(steps):
        v = (1 - e) ** 2 * v + 2 * e
    return v


@settings(max_examples=50)
@given(ratio=st.floats(1.001, 30), steps=st.integers(1, 200), sigma_min=st.floats(1e-4, 10))
def test_technique4_brings_the_variance_closest_to_the_next_level(ratio, steps, sigma_min):
    e = technique4(ratio, sigma_min, steps) / sigma_min**2
    best = variance(e, ratio, steps)
    assert 0 < e < 1
    assert best >= 1
    grid = np.concatenate([np.linspace(1e-6, 1.999, 500), e * np.array([0.9, 0.999, 1.001, 1.1])])
    assert best <= min(variance(float(other), ratio, steps) for other in grid) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: technique2(10, 0.998), "overlap must be between 0 and 0.9973; given: 0.998"),
        (lambda: chi_overlap(2, 0.0), "overlap must be between 0"),
        (lambda: chi_overlap(0), "dimension must be at least 1; given: 0"),
        (lambda: technique4(1.0, 0.01, 5), "ratio of two levels must be above 1; given: 1.0"),
        (lambda: technique4(1.1, 0.0, 5), "sigma_min must be above 0; given: 0.0"),
        (lambda: technique4(1.1, 0.1, 0), "at least one step a level; given: 0"),
        (lambda: technique1(np.zeros(3)), r"shape \(n, d\) or \(n, C, H, W\); given: \(3,\)"),
        (lambda: technique1(np.zeros((1, 3))), r"at least 2 rows .* given: \(1, 3\)"),
        (lambda: technique1(np.array([["a"], ["b"]])), "must be real numbers; given: <U1"),
        (
            lambda: technique1(np.array([[0.0], [np.nan], [np.inf]])),
            r"2 rows .* not finite; rows 1, 2 \(",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def clouds() -> dict[str, np.ndarray]:
    g = np.random.default_rng(1)
    return {
        "gaussian": g.normal(size=(3000, 10)),
        "line": g.normal(size=(2500, 1)),
        "sphere": (lambda x: x / np.linalg.norm(x, axis=1, keepdims=True))(g.normal(size=(2500, 6))),
        "corners": np.sign(g.normal(size=(2500, 12))),
        "far from 0": 1e6 + g.normal(size=(2000, 3)),
        "outlier": np.vstack([g.normal(size=(2000, 4)), [[1e3, 0, 0, 0]]]),
        "wide": g.normal(size=(150, 2000)),
        "same": np.ones((100, 3)),
        "pair": np.array([[0.0, 0.0], [3.0, 4.0]]),
    }


@pytest.mark.parametrize("name", clouds())
def test_technique1_is_the_largest_distance(name):
    """Against all pairs."""
    rows = clouds()[name]
    expected = pdist(rows).max()
    assert technique1(rows) == pytest.approx(expected, rel=1e-9 if name == "far from 0" else 1e-13)
    assert technique1(torch.tensor(rows)) == technique1(rows)


def test_images_are_rows():
    images = np.random.default_rng(2).normal(size=(50, 3, 4, 4))
    assert technique1(images) == largest_distance(images.reshape(50, -1))


def test_pairs_left_counts_those_that_the_triangle_inequality_leaves():
    """An outlier is one end of the largest distance, so at most its own pairs are left; on a sphere all are."""
    assert pairs_left(clouds()["outlier"]) <= 2000
    assert pairs_left(clouds()["sphere"]) > 0.9 * 2500**2 / 2
