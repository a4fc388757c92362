"""Posterior-mean targets against the sum written out in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scorebench.objectives import _posterior
from scorebench.objectives._posterior import posterior_score
from scorebench.streams import Streams


def written_out(y: Tensor, sigma: Tensor, points: Tensor) -> Tensor:
    """sum_j w_j (x_j - y) / sigma^2 over points (b, m, d) or (m, d), in float64."""
    difference = points.double() - y.double()[:, None]
    variance = sigma.double().square()[:, None]
    weights = (-0.5 * difference.square().sum(-1) / variance).softmax(-1)
    return (weights[..., None] * difference).sum(1) / variance


def draw(n: int, d: int, dtype: torch.dtype = torch.float64, sigma_min: float = 0.01):
    """n reference points far from the origin, 20 of them noised: y, sigma, reference, own."""
    generator = torch.Generator().manual_seed(2)
    reference = torch.randn(n, d, generator=generator, dtype=torch.float64) + 10
    own = reference[:20].clone()
    sigma = torch.logspace(0, 1, 20, base=sigma_min / 10, dtype=torch.float64) * 10
    y = own + sigma[:, None] * torch.randn(20, d, generator=generator, dtype=torch.float64)
    return y.to(dtype), sigma.to(dtype), reference.to(dtype), own.to(dtype)


@pytest.mark.parametrize("d", [1, 2, 10])
def test_the_score_of_the_noised_empirical_distribution(d):
    y, sigma, reference, own = draw(300, d)
    expected = written_out(y, sigma, reference)
    scale = expected.norm(dim=1, keepdim=True) + 1 / sigma[:, None]
    assert ((posterior_score(y, sigma, reference, own) - expected).abs() / scale).max() < 1e-11


@pytest.mark.parametrize("d", [2, 784])
def test_float32_is_as_exact_as_its_inputs_down_to_small_noise(d):
    y, sigma, reference, own = draw(300, d, torch.float32, sigma_min=1e-3)
    expected = written_out(y, sigma, reference)
    error = (posterior_score(y, sigma, reference, own) - expected).abs() * sigma[:, None]
    # x + sigma epsilon itself is known to 2^-24 |x| only: epsilon to 2^-24 |x| / sigma
    assert (error <= 8 * 2**-24 * (reference.abs().max() / sigma[:, None] + 1)).all()


def test_own_counts_once_whether_or_not_the_reference_holds_it():
    y, sigma, reference, own = draw(40, 2)
    torch.testing.assert_close(
        posterior_score(y, sigma, reference, own),
        written_out(y, sigma, reference),
        rtol=1e-10,
        atol=1e-10,
    )
    others = reference[20:]
    expected = written_out(y, sigma, torch.cat([own[:, None], others.expand(20, -1, -1)], 1))
    torch.testing.assert_close(posterior_score(y, sigma, others, own), expected, rtol=1e-10, atol=1e-10)


def test_repeated_reference_points_count_each():
    y, sigma, reference, own = draw(20, 2)
    twice = torch.cat([reference, reference])
    torch.testing.assert_close(
        posterior_score(y, sigma, twice, own), written_out(y, sigma, twice), rtol=1e-10, atol=1e-10
    )


def test_zero_of_either_sign_is_the_same_point():
    y, sigma, reference, own = draw(40, 2)
    reference[:, 1] = -0.0
    own[:, 1] = 0.0
    expected = written_out(y, sigma, reference)
    torch.testing.assert_close(posterior_score(y, sigma, reference, own), expected, rtol=1e-10, atol=1e-10)


def test_drawn_points_give_the_score_of_the_noised_empirical_distribution_on_average(assert_mean):
    """Over the points that may have made y and the drawn ones, the target given y has that score as its mean.

    E over own ~ p(own | y) and 4 independent draws, by simulation, at a sigma where 12 points share a y.
    """
    generator = torch.Generator().manual_seed(3)
    reference = torch.randn(12, 1, generator=generator, dtype=torch.float64)
    y, sigma, runs = torch.tensor([0.3], dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64), 40_000
    posterior = (-0.5 * (y - reference).square().sum(-1) / sigma.square()).softmax(0)
    own = reference[torch.multinomial(posterior, runs, replacement=True, generator=generator)]
    targets = posterior_score(
        y.expand(runs, 1, 1), sigma.expand(runs, 1), reference, own[:, None], Streams(5, runs).at("draw"), size=4
    )
    exact = written_out(y[None], sigma[None], reference).item()
    assert_mean(targets.flatten(), exact, within=0.02)


def test_chunks_change_nothing(monkeypatch):
    y, sigma, reference, own = draw(50, 3)
    whole = posterior_score(y, sigma, reference, own)
    monkeypatch.setattr(_posterior, "CACHED", 150)
    torch.testing.assert_close(posterior_score(y, sigma, reference, own), whole, rtol=1e-12, atol=1e-12)


def test_batch_shape_and_images():
    y, sigma, reference, own = draw(60, 12)
    flat = posterior_score(y, sigma, reference, own)
    image = posterior_score(
        y.reshape(4, 5, 3, 2, 2), sigma.reshape(4, 5), reference.reshape(60, 3, 2, 2), own.reshape(4, 5, 3, 2, 2)
    )
    assert image.shape == (4, 5, 3, 2, 2)
    torch.testing.assert_close(image.reshape(20, 12), flat, rtol=1e-13, atol=0)


def test_every_replicate_draws_its_own_subset_and_the_same_one_alone():
    y, sigma, reference, own = draw(60, 2)
    y, sigma, own = (torch.stack([part] * 3) for part in (y, sigma, own))
    three = posterior_score(y, sigma, reference, own, Streams(1, 3).at("probe"), size=10)
    one = posterior_score(y[:1], sigma[:1], reference, own[:1], Streams(1, 1).at("probe"), size=10)
    torch.testing.assert_close(three[:1], one, rtol=0, atol=0)
    assert not torch.allclose(three[0], three[1])
    everything = posterior_score(y, sigma, reference, own, size=60)
    torch.testing.assert_close(everything, posterior_score(y, sigma, reference, own), rtol=0, atol=0)
