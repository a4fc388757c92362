"""Warnings of the advisor, each where it should fire and where not, and data that are refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scorebench.advisor import advise


def gaussian(n: int = 1000, d: int = 10, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def codes(data, **options) -> set[str]:
    return {caution.code for caution in advise(data, **options).warnings}


def spoilt(name: str) -> np.ndarray:
    x = gaussian()
    if name == "few_points":
        return x[:9]
    if name == "duplicates":
        x[[700, 800]] = x[3]
    if name == "constant_columns":
        x[:, [2, 5]] = 0.1
    if name == "unscaled_columns":
        x[:, 4] *= 30
    if name == "bounded_columns":
        x[:, 3] = np.random.default_rng(3).uniform(size=1000)
    if name == "discrete_columns":
        x[:, 3] = np.random.default_rng(3).integers(0, 5, 1000)
    if name == "piled_columns":
        x[:, 3] = np.maximum(x[:, 3], 0)
    if name == "dependent_columns":
        x[:, 3] = x[:, 0] - 2 * x[:, 7]
    if name == "no_thickness":
        x = gaussian(1000, 3)
        x[:, 2] = np.where(x[:, 0] > 0, x[:, 0], 3 * x[:, 0])
    if name == "heavy_tails":
        x = np.random.default_rng(3).standard_t(2, x.shape)
    return x


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("few_points", "9 points in 10 dimensions"),
        ("duplicates", "2 of 1000 rows repeat an earlier one"),
        ("constant_columns", r"2 columns \(2, 5\) are constant"),
        ("unscaled_columns", "differ by a factor of 3.*column 4: 3"),
        ("bounded_columns", r"column 3 is bounded \(3: at 0.00\d+ and 0.99\d+\)"),
        ("discrete_columns", r"column 3 is discrete \(3: 5 values, step 1\).*dequantise"),
        ("piled_columns", r"column 3 is piled up \(3: 5\d % of the rows are at 0\)"),
        ("dependent_columns", "1 direction has no spread"),
        ("no_thickness", "surface without thickness"),
        ("heavy_tails", "heavy tails: column"),
    ],
)
def test_every_warning_fires_alone_where_it_should(code, text):
    (caution,) = (one for one in advise(spoilt(code)).warnings if one.code != "low_dimension")
    assert caution.code == code
    assert re.search(text, str(caution))


@pytest.mark.parametrize(
    "data",
    [
        gaussian(),
        gaussian(10, 10),
        gaussian() * np.linspace(1, 9, 10),
        np.random.default_rng(0).beta(3, 3, size=(1000, 10)),
        np.random.default_rng(0).laplace(size=(1000, 10)),
        np.sign(gaussian()) + 0.01 * gaussian(seed=1),
        gaussian().reshape(1000, 10, 1, 1)
        * np.geomspace(1, 100, 10)[:, None, None],  # pixels are not scaled one by one
    ],
    ids=["gaussian", "as many points as dimensions", "scales 1 to 9", "beta", "laplace", "two modes", "image"],
)
def test_no_warning_fires_where_it_should_not(data):
    assert codes(data) == set()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (np.zeros(5), r"shape \(n, d\) or \(n, C, H, W\); given: \(5,\)"),
        (np.ones((5, 2)), "all 5 rows are the same"),
        (np.zeros((1, 2)), "at least 2 rows"),
        (np.array([[1, 2], [np.nan, 3], [1, 1]]), r"1 rows hold values that are not finite; row 1 \(counted from 0\)"),
        (np.array([["a", "b"], ["c", "d"]]), "must be real numbers"),
        (gaussian(5) + 1j, "must be real numbers; given: complex128"),
        (
            gaussian(50) * 1e160,
            r"must lie between -1e\+100 and 1e\+100.*they reach [23].\d+e\+160: choose another unit",
        ),
        (gaussian(50) * 1e-160, "differ by 1e-100 or more"),
    ],
)
def test_data_of_no_use_are_refused(data, text):
    with pytest.raises(ValueError, match=text):
        advise(data)


def test_warnings_name_columns():
    x = spoilt("unscaled_columns")
    x[:, 3] = 1
    told = [str(caution) for caution in advise(x, names=[f"c{i}" for i in range(10)]).warnings]
    assert told[0].startswith("column 'c3' is constant")
    assert "column 'c4': 3" in told[1]
    with pytest.raises(ValueError, match="one name for each of 10 columns; given: 2"):
        advise(x, names=["a", "b"])


@pytest.mark.parametrize("dim", [0, -1, 2.5])
def test_a_dim_of_no_use_is_refused(dim):
    with pytest.raises(ValueError, match=f"dim must be a whole number of at least 1; given: {dim}"):
        advise(gaussian(20), dim=dim)
