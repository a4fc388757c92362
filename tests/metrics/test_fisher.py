"""Score errors per noise level, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from scorebench.metrics.fisher import fisher_errors, integral, scale_errors
from scorebench.targets import GaussianMixture

TAU, D, N = 0.8, 4, 20_000
TARGET = GaussianMixture([1.0], [[0.5, -1.0, 2.0, 0.0]], stds=[TAU])
SIGMAS = torch.tensor([0.01, 0.3, 1.0, 5.0])
FLOAT32 = 2.0**-23


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(12)


def exact(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return TARGET.score(x.double(), sigma.double())


def test_a_scaled_score():
    """s = (1 + c) s*: D(sigma) = sigma^2 c^2 E||s*||^2 = c^2 d sigma^2 / (TAU^2 + sigma^2), each replicate with its c.

    ||s*||^2 v ~ chi^2_d, so the mean of n has the relative standard error sqrt(2 / (d n)).
    """
    c = torch.tensor([0.1, -0.5, 2.0], dtype=torch.float64)
    result = scale_errors(lambda x, s: (1 + c[:, None, None]) * exact(x, s), TARGET, SIGMAS, N, seeded(), replicates=3)
    sigmas = SIGMAS.double()
    expected = c[:, None] ** 2 * D * sigmas**2 / (TAU**2 + sigmas**2)
    assert result.shape == (3, 4)
    torch.testing.assert_close(result, expected, rtol=4.5 * math.sqrt(2 / (D * N)), atol=0)


def test_norm_of_the_exact_score():
    """E||s*||^2 = d / v; and the two errors share their points, so their ratio for (1 + c) s* is exactly c^2."""
    errors, norms = fisher_errors(lambda x, s: 1.5 * exact(x, s), TARGET, SIGMAS, N, seeded())
    expected = D / (TAU**2 + SIGMAS.double() ** 2)
    torch.testing.assert_close(norms, expected, rtol=4.5 * math.sqrt(2 / (D * N)), atol=0)
    torch.testing.assert_close(errors[0] / norms, torch.full((4,), 0.25, dtype=torch.float64), rtol=1e-5, atol=0)


def test_the_exact_score_has_no_error():
    """Up to float32, in which scores are evaluated: relative to E||s*||^2, well below FLOAT32."""
    errors, norms = fisher_errors(lambda x, s: exact(x, s).float(), TARGET, SIGMAS, 1000, seeded())
    assert (errors[0] / norms < FLOAT32**2 * 100).all()


def test_a_constant_offset_is_measured_exactly():
    """||b||^2 for every point, so without any sampling error."""
    b = torch.tensor([1.0, 2.0, -2.0, 4.0], dtype=torch.float64)
    result = scale_errors(lambda x, s: exact(x, s) + b, TARGET, SIGMAS, 100, seeded())
    torch.testing.assert_close(result[0], 25 * SIGMAS.double() ** 2, rtol=1e-6, atol=0)


def test_every_replicate_is_measured_at_the_same_points():
    seen = []

    def score(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        assert sigma.shape == (3, 50)
        seen.append(x)
        return 0 * x

    errors, _ = fisher_errors(score, TARGET, SIGMAS, 50, seeded(), replicates=3)
    assert all(torch.equal(x[0], x[2]) for x in seen)
    assert torch.equal(errors[0], errors[2])
    # common random numbers: y - x is sigma epsilon with one epsilon for every level
    epsilon = (seen[3].double() - seen[1].double()) / (5.0 - 0.3)
    torch.testing.assert_close((seen[2] - seen[1]).double(), 0.7 * epsilon, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [2, 13])
def test_integral_over_ln_sigma(count):
    """A constant D gives D ln(sigma_max / sigma_min); one linear in ln sigma, its mean: the rule is exact for both."""
    sigmas = torch.logspace(-2, 1, count, dtype=torch.float64)
    constant = torch.full((3, count), 0.25, dtype=torch.float64)
    torch.testing.assert_close(integral(sigmas, constant), torch.full((3,), 0.25 * math.log(1000)).double())
    linear = sigmas.log() - math.log(0.01)
    assert float(integral(sigmas, linear)) == pytest.approx(math.log(1000) ** 2 / 2, rel=1e-12)
