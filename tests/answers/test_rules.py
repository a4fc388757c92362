"""Rules for a single noise level: published numbers, and the closed form that one of them is."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import minimize_scalar

from studies.answers.rules import gradient_of_density, linear_model, silverman


@pytest.mark.parametrize(("n", "d"), [(100, 2), (2000, 2), (2000, 10)])
def test_linear_model_is_the_minimum_of_bias_and_variance(n, d):
    """d sigma^4 / tau^6 + 1 / (n sigma^2), what the linear model comes to for small sigma."""
    tau = 0.3
    best = minimize_scalar(
        lambda s: math.log(d * math.exp(4 * s) / tau**6 + 1 / (n * math.exp(2 * s))), bounds=(-9, 2), method="bounded"
    )
    assert linear_model(tau, n, d) == pytest.approx(math.exp(best.x), rel=1e-4)


def test_silverman_in_one_dimension():
    """(4 / 3)^(1/5) sigma n^(-1/5) = 1.06 sigma n^(-1/5) (Silverman 1986, eq. 3.28)."""
    assert silverman(2.0, 500, 1) == pytest.approx(1.06 * 2 * 500 ** (-1 / 5), rel=2e-3)


@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_gradients_take_the_wider_bandwidth(d):
    """Chacon, Duong & Wand (2011): (4 / (d + 2 r + 2))^p n^(-p), p = 1 / (d + 2 r + 4), for derivatives of order r."""

    def general(r: int, n: int = 1000) -> float:
        power = 1 / (d + 2 * r + 4)
        return (4 / (d + 2 * r + 2)) ** power * n**-power

    assert gradient_of_density(1.0, 1000, d) == pytest.approx(general(1))
    assert silverman(1.0, 1000, d) == pytest.approx(general(0))
    assert gradient_of_density(1.0, 1000, d) > silverman(1.0, 1000, d)
