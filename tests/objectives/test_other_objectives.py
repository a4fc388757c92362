"""The truth of objectives that do not estimate the score error: where their own minimum lies."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scorebench.objectives import Batch, objective
from scorebench.objectives._terms import draw_probes

N = 100_000


def gradients(name: str, options: dict, a: float, tau: float, sigma: float, d: int) -> Tensor:
    """The derivative of every sample's loss in the slope of s(y) = -a y on N(0, tau^2 I), (N,)."""
    generator = torch.Generator().manual_seed(41)
    clean, noise = torch.randn(2, N, d, dtype=torch.float64, generator=generator)
    slope = torch.full((N,), a, dtype=torch.float64, requires_grad=True)
    batch = Batch(tau * clean, noise, torch.full((N,), sigma, dtype=torch.float64))
    objective(name, **options)(lambda y, _: -slope[:, None] * y, batch, generator).sum().backward()
    assert slope.grad is not None
    return slope.grad


@pytest.mark.parametrize("a", [0.3, 1.0, 2.0])
def test_lcss_has_its_minimum_at_the_clean_score(a, assert_mean):
    """d/da E[1/2 a^2 ||x||^2 - a y'epsilon / sigma] = d (a tau^2 - 1): zero at a = 1 / tau^2, whatever sigma."""
    tau, sigma, d = 0.8, 0.5, 3
    assert_mean(gradients("lcss", {}, a, tau, sigma, d), d * (a * tau**2 - 1), within=0.05)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_lcss_is_the_norm_on_clean_and_the_divergence_on_noised_data(sigma, assert_mean):
    """E[l] = E[1/2 ||s(x)||^2 + div s(y)] on a curved score; both signs of the noise, for less variance."""
    generator = torch.Generator().manual_seed(43)
    x, noise = torch.randn(2, N, 2, dtype=torch.float64, generator=generator)
    W = torch.tensor([[1.0, 0.5], [-0.7, 0.8]], dtype=torch.float64)
    score = lambda y, _: torch.tanh(y @ W) - y  # noqa: E731
    batch = Batch(x, noise, torch.full((N,), sigma, dtype=torch.float64))
    lcss = (objective("lcss")(score, batch) + objective("lcss")(score, batch.mirrored)) / 2
    divergence = (1 - torch.tanh(batch.noisy @ W).square()) @ W.diagonal() - 2
    assert_mean(lcss - 0.5 * score(x, None).square().sum(-1) - divergence, 0.0, within=0.01)


@pytest.mark.parametrize("a", [0.3, 1.0, 2.0])
@pytest.mark.parametrize(
    "options", [{}, {"weight": 0.3}, {"weight": 0.0}, {"probe": "orthogonal", "probes": 3}], ids=str
)
def test_second_order_dsm_on_a_gaussian(options, a, assert_mean):
    """The gradient of s = -a y on N(0, tau^2 I) is d (a v - 1) (1 + weight sigma^2 a), v = tau^2 + sigma^2.

    DSM gives d (a v - 1). The probe u adds -weight [sigma^2 (-a d) + d - E (u'l)^2] with E l l' = (1 - 2 a sigma^2 +
    a^2 sigma^2 v) I, l = epsilon - a sigma y held constant: weight d a sigma^2 (a v - 1), for ||u||^2 = d. The minimum
    stays at 1 / v.
    """
    tau, sigma, d = 0.8, 0.5, 3
    v = tau**2 + sigma**2
    expected = d * (a * v - 1) * (1 + options.get("weight", 1.0) * sigma**2 * a)
    assert_mean(gradients("second_order_dsm", options, a, tau, sigma, d), expected, within=0.1)


@pytest.mark.parametrize("options", [{}, {"weight": 0.4, "probes": 2, "probe": "gaussian"}], ids=str)
def test_second_order_dsm_is_its_formula(options):
    generator = torch.Generator().manual_seed(47)
    x, noise = torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
    sigma = torch.linspace(0.2, 2.0, 5, dtype=torch.float64)
    W = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    batch = Batch(x, noise, sigma)
    loss = objective("second_order_dsm", **options)
    s = torch.tanh(batch.noisy @ W)
    J = (1 - s.square())[:, :, None] * W.T  # J[n, i, j] = ds_i / dy_j
    probe = {"probe": options.get("probe", "rademacher"), "count": options.get("probes", 1)}
    u = draw_probes(like=s, sigma=sigma, generator=torch.Generator().manual_seed(2), **probe)
    first = noise + sigma[:, None] * s
    slices = torch.einsum("mni,nij,mnj->mn", u, J, u)
    inner = (sigma**2 * slices + u.square().sum(-1) - (u * first).sum(-1).square()).mean(0)
    expected = 0.5 * (first / sigma[:, None]).square().sum(-1)
    expected = expected + options.get("weight", 1.0) * inner.square() / (2 * 3 * sigma**2)
    actual = loss(lambda y, _: torch.tanh(y @ W), batch, torch.Generator().manual_seed(2))
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def test_second_order_dsm_with_d_orthogonal_probes_has_the_exact_trace():
    """Then v'J v, ||v||^2 and (v'l)^2 have the means tr J, d and ||l||^2, whatever the draw."""
    generator = torch.Generator().manual_seed(53)
    x, noise = torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
    batch = Batch(x, noise, torch.linspace(0.2, 2.0, 5, dtype=torch.float64))
    loss = objective("second_order_dsm", probe="orthogonal", probes=3)
    score = lambda y, _: torch.sin(y) - y.flip(-1) * y  # noqa: E731
    one, other = (loss(score, batch, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
