"""What the score says about the clean point: Tweedie's formulas, first and second order, on mixtures.

    E[x | y] = y + sigma^2 s*(y),   Cov(x | y) = sigma^2 (I + sigma^2 H(y)),   H = hess log p_sigma

and what no denoiser can remove (Vincent 2011): E||s* + epsilon / sigma||^2 = d / sigma^2 - E||s*||^2
= E tr Cov(x | y) / sigma^4.
"""

from __future__ import annotations

import pytest
import torch
from random_fields import hessian
from torch import Tensor

from scorebench.targets import GaussianMixture

WEIGHTS, MEANS = [0.5, 0.3, 0.2], [[1.0, 0.0, 0.5], [-1.0, 0.5, 0.0], [0.0, -1.0, -0.5]]
A = torch.tensor([[0.6, 0.2, 0.0], [0.0, 0.4, -0.3], [0.1, 0.0, 0.5]], dtype=torch.float64)
TARGETS = {
    "isotropic": GaussianMixture(WEIGHTS, MEANS, stds=[0.3, 0.5, 0.4]),
    "full": GaussianMixture(WEIGHTS, MEANS, covariances=torch.stack([A @ A.T, A.T @ A, A @ A.T + 0.1 * torch.eye(3)])),
}
SIGMAS = [0.05, 0.4, 3.0]


def posterior(target: GaussianMixture, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """E[x | y] and Cov(x | y) by Bayes's rule, component by component: linear regression in each, then the mixture."""
    d, weights, means, covariances = 3, [], [], []
    numbers = target.to_json()
    for k, mu in enumerate(target.means):
        if "stds" in numbers:
            Sigma = numbers["stds"][k] ** 2 * torch.eye(d, dtype=torch.float64)
        else:
            Sigma = torch.tensor(numbers["covariances"][k], dtype=torch.float64)
        total = Sigma + sigma**2 * torch.eye(d, dtype=torch.float64)
        gain = Sigma @ torch.linalg.inv(total)
        normal = torch.distributions.MultivariateNormal(mu, total)
        weights.append(target.weights[k].log() + normal.log_prob(y))
        means.append(mu + (y - mu) @ gain.T)
        covariances.append(Sigma - gain @ Sigma)
    r = torch.stack(weights, -1).softmax(-1)
    m = torch.stack(means, -2)
    mean = (r[..., None] * m).sum(-2)
    off = m - mean[..., None, :]
    between = torch.einsum("nk,nki,nkj->nij", r, off, off)
    return mean, torch.einsum("nk,kij->nij", r, torch.stack(covariances)) + between


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("name", TARGETS)
def test_first_and_second_order(name, sigma):
    target = TARGETS[name]
    y = target.sample(500, torch.Generator().manual_seed(1), sigma=sigma)
    at = torch.full((500,), sigma, dtype=torch.float64)
    mean, covariance = posterior(target, y, sigma)
    torch.testing.assert_close(y + sigma**2 * target.score(y, sigma), mean, rtol=1e-9, atol=1e-10)
    H = hessian(y, at, target)
    identity = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(sigma**2 * (identity + sigma**2 * H), covariance, rtol=1e-8, atol=1e-10)
    assert float((covariance - covariance.mean(0)).abs().max()) > 1e-6  # it depends on y


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_irreducible_part_of_dsm(sigma, assert_mean):
    """Paired with its two closed forms: E||s* + eps/sigma||^2 = d / sigma^2 - E||s*||^2 = E tr Cov(x | y) / sigma^4."""
    target, n = TARGETS["full"], 50_000
    generator = torch.Generator().manual_seed(2)
    clean = target.sample(n, generator)
    noise = torch.randn(n, 3, dtype=torch.float64, generator=generator)
    y = clean + sigma * noise
    exact = target.score(y, sigma)
    residual = (exact + noise / sigma).square().sum(-1)
    _, covariance = posterior(target, y, sigma)
    trace = covariance.diagonal(dim1=-2, dim2=-1).sum(-1) / sigma**4
    assert_mean(residual - trace, 0.0, within=0.02 * float(trace.mean()))
    within = 0.02 * float(trace.mean()) if sigma < 1 else 0.02 * 3 / sigma**2
    assert_mean(residual + exact.square().sum(-1), 3 / sigma**2, within=within)
