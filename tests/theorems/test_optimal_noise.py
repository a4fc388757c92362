"""Which single sigma is best: bias against variance for the linear model on n points of N(0, tau^2 I).

s = -a y is fitted on p_sigma and judged on p_0: error = E_p0||s - s_0||^2 = d tau^2 (a - 1 / tau^2)^2. The minimiser
on infinite data is a* = 1 / v, v = tau^2 + sigma^2; on n points its variance is V / (n d^2 v^2), V as in the table of
variances (DSM d / rho, ISM 2 d, A-DSM 4 d tau^4 / v^2). So

    error(sigma) = d sigma^4 / (tau^2 v^2) + tau^2 V / (n d v^2) + O(n^-2)

For DSM that is d sigma^4 / tau^6 + 1 / (n sigma^2) for small sigma, smallest at sigma_opt = tau (2 d n)^(-1/6). V of
the others is bounded: their best sigma is 0.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

TAU = 1.0
CASES = [(2, 2000, 400), (2, 20_000, 60), (1, 5000, 400)]  # d, n, data sets


class Sums:
    """||x||^2, x'epsilon and ||epsilon||^2 over each of many data sets: all that the minimisers depend on."""

    def __init__(self, d: int, n: int, sets: int) -> None:
        self.d, self.n = d, n
        x, noise = torch.randn(2, sets, n * d, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
        self.xx, self.xe, self.ee = TAU**2 * x.square().sum(1), TAU * (x * noise).sum(1), noise.square().sum(1)

    def fitted(self, method: str, sigma: float) -> Tensor:
        """The minimiser a of each loss on each data set."""
        yy = self.xx + 2 * sigma * self.xe + sigma**2 * self.ee
        return {
            "dsm": (self.xe / sigma + self.ee) / yy,
            "ism": self.n * self.d / yy,
            "antithetic_dsm": self.ee / (self.xx + sigma**2 * self.ee),
        }[method]

    def errors(self, method: str, sigma: float) -> Tensor:
        return self.d * TAU**2 * (self.fitted(method, sigma) - 1 / TAU**2).square()


def theory(method: str, sigma: float, d: int, n: int) -> float:
    v = TAU**2 + sigma**2
    V = {"dsm": d * TAU**2 / sigma**2, "ism": 2 * d, "antithetic_dsm": 4 * d * TAU**4 / v**2}[method]
    return d * sigma**4 / (TAU**2 * v**2) + TAU**2 * V / (n * d * v**2)


@pytest.fixture(scope="module")
def two_dimensional() -> Sums:
    return Sums(d=2, n=2000, sets=1500)


@pytest.mark.parametrize("method", ["dsm", "ism", "antithetic_dsm"])
@pytest.mark.parametrize("sigma", [0.1, 0.224, 0.5])
def test_error_is_bias_and_variance(method, sigma, two_dimensional, assert_mean):
    """At n = 2,000 the terms of order 1 / n^2 are well below the standard error."""
    expected = theory(method, sigma, 2, 2000)
    assert_mean(two_dimensional.errors(method, sigma), expected, within=0.05 * expected)


@pytest.mark.parametrize(("d", "n", "sets"), CASES)
def test_the_best_sigma_for_dsm(d, n, sets):
    """Within 25 % of tau (2 d n)^(-1/6): the measured minimum over 15 sigmas that are 8 % apart."""
    predicted = TAU * (2 * d * n) ** (-1 / 6)
    sigmas = [predicted * 1.08**i for i in range(-7, 8)]
    drawn = Sums(d, n, sets)
    measured = [float(drawn.errors("dsm", sigma).mean()) for sigma in sigmas]
    best = sigmas[measured.index(min(measured))]
    assert best == pytest.approx(predicted, rel=0.25)
    assert min(measured[0], measured[-1]) > 1.05 * min(measured)  # a minimum, and not at an end


@pytest.mark.parametrize("method", ["ism", "antithetic_dsm"])
def test_the_others_have_no_such_minimum(method, two_dimensional):
    """Their error falls to 2 / (n tau^2) (ISM) and 4 / (n tau^2) (A-DSM, two evaluations a point) as sigma -> 0."""
    d, n, sets = 2, 2000, 1500
    measured = [float(two_dimensional.errors(method, sigma).mean()) for sigma in (0.4, 0.2, 0.1, 0.01)]
    assert measured == sorted(measured, reverse=True)
    limit = {"ism": 2, "antithetic_dsm": 4}[method] / (n * TAU**2)
    assert measured[-1] == pytest.approx(limit, rel=4.5 * math.sqrt(2 / sets))
    best_dsm = min(theory("dsm", 0.01 * i, d, n) for i in range(5, 60))
    assert best_dsm / limit > {"ism": 10, "antithetic_dsm": 5}[method]
