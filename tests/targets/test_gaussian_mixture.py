"""Gaussian mixtures against scipy, quadrature, automatic differentiation and closed-form posteriors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from scorebench.targets import GaussianMixture

WEIGHTS = [0.5, 0.3, 0.2]
MEANS = [[1.0, 0.0], [-1.0, 0.5], [0.3, -1.2]]
STDS = [0.3, 0.5, 0.4]
COVARIANCES = [[[0.3, 0.1], [0.1, 0.2]], [[0.2, -0.15], [-0.15, 0.4]], [[0.05, 0.0], [0.0, 0.6]]]
ROUND = GaussianMixture(WEIGHTS, MEANS, stds=STDS)
FULL = GaussianMixture(WEIGHTS, MEANS, covariances=COVARIANCES)
BOTH = pytest.mark.parametrize(
    ("mixture", "covariances"),
    [(ROUND, [s**2 * np.eye(2) for s in STDS]), (FULL, np.array(COVARIANCES))],
    ids=["round", "full"],
)
SIGMAS = pytest.mark.parametrize("sigma", [0.0, 0.05, 0.7, 8.0])


def points(n: int = 40) -> torch.Tensor:
    return 2 * torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@BOTH
@SIGMAS
def test_log_prob_is_that_of_scipy(mixture, covariances, sigma):
    x = points()
    density = sum(
        w * stats.multivariate_normal(m, c + sigma**2 * np.eye(2)).pdf(x.numpy())
        for w, m, c in zip(WEIGHTS, MEANS, covariances, strict=True)
    )
    np.testing.assert_allclose(mixture.log_prob(x, sigma).numpy(), np.log(density), rtol=1e-11, atol=1e-11)


@BOTH
@SIGMAS
def test_score_is_the_gradient_of_log_prob(mixture, covariances, sigma):
    x = points().requires_grad_()
    (gradient,) = torch.autograd.grad(mixture.log_prob(x, sigma).sum(), x)
    torch.testing.assert_close(mixture.score(x, sigma).detach(), gradient, rtol=1e-11, atol=1e-11)


@SIGMAS
def test_rotated_components_in_four_dimensions(sigma, assert_mean):
    """In the plane eigenvectors may form a symmetric matrix, which hides a transposed one; in 4-D they do not."""
    generator = torch.Generator().manual_seed(9)
    A = torch.randn(3, 4, 4, dtype=torch.float64, generator=generator)
    means = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    covariances = A @ A.mT + 0.1 * torch.eye(4, dtype=torch.float64)
    mixture = GaussianMixture(WEIGHTS, means, covariances=covariances)
    x = torch.randn(20, 4, dtype=torch.float64, generator=generator).requires_grad_()
    total = covariances + sigma**2 * torch.eye(4, dtype=torch.float64)
    components = torch.distributions.MultivariateNormal(means, total)
    log_prob = torch.logsumexp(components.log_prob(x[:, None]) + torch.tensor(WEIGHTS, dtype=torch.float64).log(), -1)
    torch.testing.assert_close(mixture.log_prob(x, sigma), log_prob, rtol=1e-10, atol=1e-10)
    (gradient,) = torch.autograd.grad(log_prob.sum(), x)
    torch.testing.assert_close(mixture.score(x, sigma).detach(), gradient, rtol=1e-10, atol=1e-10)
    y = mixture.sample(50_000, generator, sigma=sigma)
    second = (
        torch.tensor(WEIGHTS, dtype=torch.float64)[:, None, None] * (total + means[:, :, None] * means[:, None, :])
    ).sum(0)
    assert_mean(y[:, :, None] * y[:, None, :], second, within=0.02 * float(second.diagonal().max()))


@pytest.mark.parametrize("sigma", [0.2, 1.5])
def test_noised_density_is_the_convolution(sigma):
    """p_sigma(y) = int p_0(u) N(y - u; 0, sigma^2) du, by quadrature in 1-D."""
    mixture = GaussianMixture([0.7, 0.3], [[-1.0], [0.8]], stds=[0.4, 0.2])
    for y in (-2.0, -0.3, 0.9):

        def integrand(u: float, y: float = y) -> float:
            return float(mixture.log_prob(torch.tensor([u], dtype=torch.float64)).exp()) * stats.norm.pdf(y, u, sigma)

        value, _ = integrate.quad(integrand, -4, 4, points=[-1.0, 0.8, y], epsabs=1e-12)
        assert float(mixture.log_prob(torch.tensor([y], dtype=torch.float64), sigma).exp()) == pytest.approx(
            value, rel=1e-8
        )


def test_noise_inflates_the_components():
    sigma = 0.6
    inflated = GaussianMixture(WEIGHTS, MEANS, stds=[(s**2 + sigma**2) ** 0.5 for s in STDS])
    x = points()
    torch.testing.assert_close(ROUND.log_prob(x, sigma), inflated.log_prob(x), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(ROUND.score(x, sigma), inflated.score(x), rtol=1e-12, atol=1e-13)


def test_full_covariances_hold_the_round_ones():
    same = GaussianMixture(WEIGHTS, MEANS, covariances=np.array([s**2 * np.eye(2) for s in STDS]))
    x = points()
    for sigma in (0.0, 0.5):
        torch.testing.assert_close(same.log_prob(x, sigma), ROUND.log_prob(x, sigma), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(same.score(x, sigma), ROUND.score(x, sigma), rtol=1e-12, atol=1e-12)


@BOTH
def test_every_point_may_have_its_own_sigma_and_any_batch_shape(mixture, covariances):
    x, sigma = points(12), torch.linspace(0, 3, 12, dtype=torch.float64)
    one_by_one = torch.stack([mixture.score(x[i], float(sigma[i])) for i in range(12)])
    torch.testing.assert_close(mixture.score(x, sigma), one_by_one, rtol=1e-13, atol=1e-13)
    shaped = mixture.score(x.reshape(2, 3, 2, 2), sigma.reshape(2, 3, 2))
    torch.testing.assert_close(shaped.reshape(12, 2), one_by_one, rtol=1e-13, atol=1e-13)
    log_prob = torch.stack([mixture.log_prob(x[i], float(sigma[i])) for i in range(12)])
    torch.testing.assert_close(mixture.log_prob(x.reshape(3, 4, 2), sigma.reshape(3, 4)).flatten(), log_prob)


@BOTH
@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_moments_of_samples(mixture, covariances, sigma, assert_mean):
    """E x = sum w mu; E x x' = sum w (Sigma + sigma^2 I + mu mu')."""
    x = mixture.sample(200_000, torch.Generator().manual_seed(2), sigma=sigma)
    w, mu = np.array(WEIGHTS), np.array(MEANS)
    second = sum(
        w_k * (c + sigma**2 * np.eye(2) + np.outer(m, m)) for w_k, m, c in zip(w, mu, covariances, strict=True)
    )
    assert_mean(x, torch.from_numpy(w @ mu), within=0.005)
    assert_mean(x[:, :, None] * x[:, None, :], torch.from_numpy(second), within=0.01)


@BOTH
def test_samples_have_the_score(mixture, covariances, assert_mean):
    """Stein: E[s*(y) f(y)'] = -E[df/dy]; for f = y it is E[s* y'] = -I."""
    for sigma in (0.0, 0.5):
        y = mixture.sample(200_000, torch.Generator().manual_seed(3), sigma=sigma)
        product = mixture.score(y, sigma)[:, :, None] * y[:, None, :]
        assert_mean(product, -torch.eye(2, dtype=torch.float64), within=0.02)


@BOTH
@pytest.mark.parametrize("sigma", [0.1, 0.7, 3.0])
def test_tweedie_of_first_and_second_order(mixture, covariances, sigma):
    """E[x | y] = y + sigma^2 s*(y), Cov(x | y) = sigma^2 (I + sigma^2 H(y)), against the posterior of the mixture."""
    for y in points(8).numpy():
        total = [np.asarray(c) + sigma**2 * np.eye(2) for c in covariances]
        share = np.array(
            [w * stats.multivariate_normal(m, t).pdf(y) for w, m, t in zip(WEIGHTS, MEANS, total, strict=True)]
        )
        share /= share.sum()
        gains = [np.asarray(c) @ np.linalg.inv(t) for c, t in zip(covariances, total, strict=True)]
        centres = np.array([m + g @ (y - m) for m, g in zip(np.array(MEANS), gains, strict=True)])
        mean = share @ centres
        covariance = sum(
            r * (c - g @ c + np.outer(m - mean, m - mean))
            for r, c, g, m in zip(share, np.asarray(covariances), gains, centres, strict=True)
        )
        at = torch.from_numpy(y)
        score = mixture.score(at, sigma).numpy()
        H = torch.autograd.functional.jacobian(lambda u: mixture.score(u, sigma), at).numpy()
        np.testing.assert_allclose(y + sigma**2 * score, mean, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(sigma**2 * (np.eye(2) + sigma**2 * H), covariance, rtol=1e-9, atol=1e-10)


def test_score_far_out_is_finite_and_points_back():
    """Far away a mixture of one width pulls towards its mean responsibility: no component underflows to 0 / 0."""
    x = torch.tensor([[1e4, 1e4], [-1e4, 3e3]])
    mixture = GaussianMixture(WEIGHTS, MEANS, stds=[0.1] * 3)
    s = mixture.score(x)
    assert s.isfinite().all()
    assert ((s * x).sum(-1) < 0).all()
    torch.testing.assert_close(s.norm(dim=-1) * 0.01, x.norm(dim=-1), rtol=1e-3, atol=0)


@BOTH
def test_mahalanobis_distance(mixture, covariances):
    x = points(5)
    for k in range(3):
        offset = x.numpy() - np.array(MEANS[k])
        expected = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariances[k]), offset)
        np.testing.assert_allclose(mixture.mahalanobis(x)[:, k].numpy(), expected, rtol=1e-12)


def test_weights_are_normalised_and_decide_the_shares(assert_mean):
    mixture = GaussianMixture([3, 1], [[-10.0], [10.0]], stds=[0.1, 0.1])
    x = mixture.sample(100_000, torch.Generator().manual_seed(4))
    assert_mean((x[:, 0] < 0).double(), 0.75, within=0.002)


def same(a: GaussianMixture, b: GaussianMixture) -> bool:
    x = points(20)
    draws = [m.sample(20, torch.Generator().manual_seed(5)) for m in (a, b)]
    return torch.equal(a.log_prob(x), b.log_prob(x)) and torch.equal(*draws)


def written(mixture: GaussianMixture) -> GaussianMixture:
    return GaussianMixture.from_json(json.loads(json.dumps(mixture.to_json())))


@given(
    weights=st.lists(st.floats(0.01, 10.0), min_size=3, max_size=3),
    stds=st.lists(st.floats(1e-3, 10.0), min_size=3, max_size=3),
)
def test_json_gives_round_mixtures_back_exactly(weights, stds):
    mixture = GaussianMixture(weights, MEANS, stds=stds)
    again = written(mixture)
    assert again.to_json() == mixture.to_json()
    assert same(again, mixture)


@given(entries=st.lists(st.floats(-1.0, 1.0), min_size=12, max_size=12))
def test_json_gives_full_mixtures_back_exactly(entries):
    A = torch.tensor(entries, dtype=torch.float64).reshape(3, 2, 2)
    mixture = GaussianMixture(WEIGHTS, MEANS, covariances=A @ A.mT + 0.1 * torch.eye(2, dtype=torch.float64))
    again = written(mixture)
    assert again.to_json() == mixture.to_json()
    assert same(again, mixture)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"weights": [1.0], "means": [[0.0], [1.0]], "stds": [1.0, 1.0]}, r"weights \(1,\) and means \(2, 1\)"),
        ({"weights": [1.0, 1.0], "means": [0.0, 1.0], "stds": [1.0, 1.0]}, r"\(K,\), \(K, d\)"),
        ({"weights": [1.0, 0.0], "means": [[0.0], [1.0]], "stds": [1.0, 1.0]}, "weights must be positive"),
        ({"weights": [1.0], "means": [[0.0]]}, "one of the two"),
        ({"weights": [1.0], "means": [[0.0]], "stds": [1.0], "covariances": [[[1.0]]]}, "one of the two"),
        ({"weights": [1.0], "means": [[0.0]], "stds": [0.0]}, "stds must be 1 positive"),
        ({"weights": [1.0], "means": [[0.0]], "stds": [1.0, 1.0]}, "stds must be 1 positive"),
        ({"weights": [1.0], "means": [[0.0, 0.0]], "covariances": [[[1.0, 0.5], [0.0, 1.0]]]}, "symmetric"),
        ({"weights": [1.0], "means": [[0.0, 0.0]], "covariances": [[[1.0, 2.0], [2.0, 1.0]]]}, "positive definite"),
        ({"weights": [1.0], "means": [[0.0, 0.0]], "covariances": [[1.0, 0.0], [0.0, 1.0]]}, "symmetric"),
        ({"weights": [1.0], "means": [[float("nan")]], "stds": [1.0]}, "means"),
    ],
)
def test_faults_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        GaussianMixture(**arguments)


def test_a_negative_number_of_samples_is_refused():
    with pytest.raises(ValueError, match="-1"):
        ROUND.sample(-1)
    assert ROUND.sample(0).shape == (0, 2)
