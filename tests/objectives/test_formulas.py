"""Every loss, sample by sample, against its formula written out with an explicit Jacobian, to machine precision."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from scorebench.networks import network
from scorebench.objectives import Batch, objective
from scorebench.objectives._terms import draw_probe

N, D = 6, 3
W = torch.tensor([[0.9, -0.4, 0.3], [0.2, 0.7, -1.1], [-0.6, 0.5, 0.8]], dtype=torch.float64)


def curved(y: Tensor, sigma: Tensor) -> Tensor:
    """A score that is no gradient and depends on sigma: its Jacobian is not symmetric."""
    return torch.tanh(y @ W) * (1 + sigma[..., None]) - 0.5 * y


class Quadratic:
    """A target with the score -y / (1 + sigma^2)."""

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        return -x / (1 + sigma.square())[..., None]


@pytest.fixture(scope="module")
def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    clean, noise = torch.randn(2, N, D, dtype=torch.float64, generator=generator)
    return Batch(clean, noise, torch.linspace(0.2, 2.0, N, dtype=torch.float64), Quadratic())


@pytest.fixture(scope="module")
def terms(batch: Batch) -> tuple[Tensor, Tensor]:
    """s (n, d) and its Jacobian J (n, d, d), J[n, i, j] = ds_i / dy_j."""
    y = batch.clean + batch.sigma[:, None] * batch.noise
    J = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda u, s=s: curved(u, s), y_n)
            for y_n, s in zip(y, batch.sigma, strict=True)
        ]
    )
    return curved(y, batch.sigma), J


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_esm(batch, terms):
    s, _ = terms
    y = batch.clean + batch.sigma[:, None] * batch.noise
    expected = 0.5 * (s + y / (1 + batch.sigma**2)[:, None]).square().sum(-1)
    torch.testing.assert_close(objective("esm")(curved, batch), expected, rtol=1e-13, atol=1e-13)


def test_ism(batch, terms):
    s, J = terms
    expected = 0.5 * s.square().sum(-1) + J.diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(objective("ism")(curved, batch), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("d", [16, 17, 40])
def test_ism_in_many_dimensions(d):
    """s_i = sin(c_i y_i + y_j) with j = i + 1 mod d: div s = sum_i c_i cos(c_i y_i + y_j), on images too."""
    y = torch.randn(3, d, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    c = torch.linspace(1, 2, d, dtype=torch.float64)
    sigma = torch.zeros(3, dtype=torch.float64)
    angle = c * y + y.roll(-1, -1)
    expected = 0.5 * angle.sin().square().sum(-1) + (c * angle.cos()).sum(-1)
    score = lambda y, _: (c * y.flatten(1) + y.flatten(1).roll(-1, -1)).sin().reshape(y.shape)  # noqa: E731
    for clean in (y, y.reshape(3, 1, 1, d)):
        torch.testing.assert_close(
            objective("ism")(score, Batch(clean, 0 * clean, sigma)), expected, rtol=1e-12, atol=0
        )


@pytest.mark.parametrize("shape", [(), (8,), (2, 4)])
@pytest.mark.parametrize("threshold", [0.01, 0.9, 9.0])
def test_switch_is_ssm_vr_below_and_dsm_above(shape, threshold):
    """With every order of sigma, sigma = 0 among them."""
    sigma = torch.tensor([0.5, 0.0, 1.4, 0.9, 3.0, 0.2, 1.1, 0.7], dtype=torch.float64)
    x, noise = torch.randn(2, 8, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    n = math.prod(shape)
    batch = Batch(x[:n].reshape(*shape, D), noise[:n].reshape(*shape, D), sigma[:n].reshape(shape))
    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    score = lambda y, sigma: curved(a * y, sigma)  # noqa: E731
    loss = objective("switch", threshold=threshold)(score, batch, seeded())
    ssm = objective("ssm_vr")(score, batch, seeded())
    safe = Batch(batch.clean, batch.noise, batch.sigma.clamp(min=1e-9))
    expected = torch.where(batch.sigma < threshold, ssm, objective("dsm")(score, safe))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(loss.sum(), a)
    assert gradient.isfinite()


def test_dsm(batch, terms):
    s, _ = terms
    expected = 0.5 * (s + batch.noise / batch.sigma[:, None]).square().sum(-1)
    torch.testing.assert_close(objective("dsm")(curved, batch), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("probe", ["rademacher", "gaussian", "sphere"])
@pytest.mark.parametrize("probes", [1, 3])
def test_sliced(batch, terms, probe, probes):
    s, J = terms
    generator = seeded()
    v = torch.stack([draw_probe(probe, s, batch.sigma, generator) for _ in range(probes)])
    slices = torch.einsum("pni,nij,pnj->pn", v, J, v)
    ssm = (0.5 * torch.einsum("pni,ni->pn", v, s).square() + slices).mean(0)
    ssm_vr = 0.5 * s.square().sum(-1) + slices.mean(0)
    options = {"probe": probe, "probes": probes}
    torch.testing.assert_close(objective("ssm", **options)(curved, batch, seeded()), ssm, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(objective("ssm_vr", **options)(curved, batch, seeded()), ssm_vr, rtol=1e-12, atol=1e-12)


def test_hybrid_is_the_stated_combination(batch):
    dsm = objective("dsm")(curved, batch)
    ssm = objective("ssm_vr", probe="gaussian")(curved, batch, seeded())
    tau = 0.4
    lam = tau**2 / (tau**2 + 2 * batch.sigma**2)
    hybrid = objective("hybrid", tau=tau, probe="gaussian")(curved, batch, seeded())
    torch.testing.assert_close(hybrid, (1 - lam) * dsm + lam * ssm, rtol=1e-13, atol=1e-13)
    for fixed, expected in ((0.0, dsm), (1.0, ssm), (0.25, 0.75 * dsm + 0.25 * ssm)):
        hybrid = objective("hybrid", fixed=fixed, probe="gaussian")(curved, batch, seeded())
        torch.testing.assert_close(hybrid, expected, rtol=1e-13, atol=1e-13)


@given(seed=st.integers(0, 2**31), log_sigma=st.floats(-4.0, 3.0))
def test_antithetic_dsm_is_finite_difference_sliced_score_matching(seed, log_sigma):
    """A-DSM = 1/4 (||s+||^2 + ||s-||^2) + (s+ - s-)'eps / (2 sigma) + ||eps||^2 / (2 sigma^2)."""
    generator = torch.Generator().manual_seed(seed)
    mlp = network("mlp", width=8, depth=2)
    score = mlp.score({k: w.double() for k, w in mlp.initialise((D,), generator).items()})
    x, eps = torch.randn(2, N, D, dtype=torch.float64, generator=generator)
    sigma = torch.full((N,), log_sigma, dtype=torch.float64).exp()
    h = sigma[:, None]
    up, down = score(x + h * eps, sigma), score(x - h * eps, sigma)
    norms = 0.25 * (up.square().sum(-1) + down.square().sum(-1))
    difference = ((up - down) * eps).sum(-1) / (2 * sigma)
    constant = eps.square().sum(-1) / (2 * sigma**2)
    loss = objective("antithetic_dsm")(score, Batch(x, eps, sigma))
    scale = norms + difference.abs() + constant  # the terms cancel: rounding is relative to their size
    assert ((loss - norms - difference - constant).abs() <= 1e-13 * scale).all()


def test_mirrored_batch_turns_the_noise_round(batch):
    torch.testing.assert_close(batch.noisy + batch.mirrored.noisy, 2 * batch.clean, rtol=1e-15, atol=1e-15)
