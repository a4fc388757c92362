"""Weights: the papers' formulas in their own spaces, and the theorems that they rest on."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scorebench.noise import schedule
from scorebench.noise._weights import _KNOWN
from scorebench.parts import BadOptions
from scorebench.targets import GaussianMixture

SIGMA = torch.logspace(-2, 1, 13, dtype=torch.float64)


def weight(weighting, sigma: torch.Tensor = SIGMA, name: str = "log_uniform") -> torch.Tensor:
    return schedule(name, weighting=weighting).weight(sigma)


def of_epsilon(w: torch.Tensor) -> torch.Tensor:
    """epsilon_hat - epsilon = -sigma (s + epsilon / sigma): a weight of its square, in score space."""
    return w * SIGMA**2


def of_x(w: torch.Tensor) -> torch.Tensor:
    """D - x = sigma^2 (s + epsilon / sigma)."""
    return w * SIGMA**4


SNR = 1 / SIGMA**2


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("one", torch.ones_like(SIGMA)),
        ("sigma2", of_epsilon(torch.ones_like(SIGMA))),
        ("edm", of_x((SIGMA**2 + 1) / SIGMA**2)),
        ({"name": "edm", "sigma_data": 0.5}, of_x((SIGMA**2 + 0.25) / (0.5 * SIGMA) ** 2)),
        ("p2", of_epsilon(1 / (1 + SNR))),
        ({"name": "p2", "k": 2.0, "gamma": 0.5}, of_epsilon((2 + SNR) ** -0.5)),
        ("min_snr", of_x(SNR.clamp(max=5))),
        ({"name": "min_snr", "gamma": 1.0}, of_x(SNR.clamp(max=1))),
        ("inverse_variance", of_x((SIGMA**2 + 1) / SIGMA**2)),  # EDM's weight is DSM's inverse variance
    ],
)
def test_weights_are_the_papers(weighting, expected):
    torch.testing.assert_close(weight(weighting), expected, rtol=1e-12, atol=0)


@given(sigma=st.floats(2.0**-20, 1e6, width=32))
def test_the_default_is_sigma_squared_to_the_bit(sigma):
    at = torch.tensor([sigma])
    assert torch.equal(schedule("log_uniform").weight(at), at * at)


@pytest.mark.parametrize("name", ["log_uniform", "vp_linear", "sub_vp", "cosine", "edm2", "ve", "geometric"])
def test_likelihood_weight_makes_the_loss_an_integral_over_ln_sigma(name):
    """E[w h(sigma)] = int sigma^2 h d ln sigma whichever the density: z-test against quadrature, 1 in 10,000."""
    s = (
        schedule(name, weighting="likelihood")
        if name != "geometric"
        else schedule(name, weighting="likelihood", levels=999)
    )
    sigma = s.sample((200_000,), torch.Generator().manual_seed(3), torch.zeros((), dtype=torch.float64))

    def h(sigma: torch.Tensor) -> torch.Tensor:
        return torch.where((sigma > 0.1) & (sigma < 8), 1 / sigma**2, 0.0)

    values = s.weight(sigma) * h(sigma)
    expected = torch.tensor(80.0).log().item()
    if name == "geometric":  # a discrete density, even over ln sigma from 10 to 0.01
        expected /= torch.tensor(1000.0).log().item()
    z = (values.mean() - expected) / (values.std() / len(values) ** 0.5)
    assert abs(z) < 3.9


def test_likelihood_weight_is_the_diffusion_coefficient_of_the_process():
    """VP in the variables where the noise explodes: g^2 = d sigma^2 / dt, by a central difference."""
    s = schedule("vp_linear", weighting="likelihood")
    t = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    g2 = (s.sigma(t + 1e-6) ** 2 - s.sigma(t - 1e-6) ** 2) / 2e-6
    w = s.weight(s.sigma(t))
    torch.testing.assert_close(w / w[0], g2 / g2[0], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("objective", "options"),
    [("dsm", {}), ("antithetic_dsm", {}), ("ism", {}), ("ssm_vr", {}), ("hybrid", {"tau": 0.7})],
)
@pytest.mark.parametrize("sigma", [0.2, 0.7, 2.0])
def test_inverse_variance_is_that_of_the_gradient(objective, options, sigma):
    """In the linear-Gaussian model: d loss / da at the optimum of 40,000 draws in 3-D; 5 standard errors are 6 %."""
    from scorebench.objectives import Batch
    from scorebench.objectives import objective as build

    tau, n = 0.7, 40_000
    g = torch.Generator().manual_seed(4)
    draw = lambda: torch.randn((n, 3), generator=g, dtype=torch.float64)  # noqa: E731
    at = torch.full((n,), sigma, dtype=torch.float64)
    target = GaussianMixture(torch.ones(1), torch.zeros(1, 3), torch.tensor([tau]))
    batch = Batch(tau * draw(), draw(), at, target)
    a = torch.full((n,), 1 / (tau**2 + sigma**2), dtype=torch.float64, requires_grad=True)
    loss = build(objective, **options)(lambda x, _: -a[:, None] * x, batch, g)
    (gradient,) = torch.autograd.grad(loss.sum(), a)
    variance = gradient.var().item()
    expected = 3 * (tau**2 + sigma**2) / variance
    w = {"name": "inverse_variance", "objective": objective, "sigma_data": tau}
    assert weight(w, at[:1]).item() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("weighting", _KNOWN)
def test_clean_data_have_weight_one(weighting):
    assert schedule("clean", weighting=weighting).weight(torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("weighting", _KNOWN)
def test_a_name_and_a_mapping_are_the_same(weighting):
    assert torch.equal(weight(weighting), weight({"name": weighting}))


@pytest.mark.parametrize(
    ("weighting", "where", "text"),
    [
        ("p3", ("weighting",), "no weight is called 'p3' .did you mean 'p2'.*there are: one, sigma2, edm, likelihood"),
        ({"gamma": 5}, ("weighting",), "no weight is called None"),
        (5, ("weighting",), "no weight is called 5"),
        ({"name": "min_snr", "gamma": 0}, ("weighting", "min_snr", "gamma"), "greater than 0; given: 0"),
        ({"name": "inverse_variance", "objective": "esm"}, ("weighting", "inverse_variance", "objective"), "'dsm'"),
        ({"name": "one", "k": 1}, ("weighting", "one", "k"), "unknown name 'k'"),
    ],
)
def test_bad_weights_say_what_is_allowed(weighting, where, text):
    with pytest.raises(BadOptions, match=text) as error:
        weight(weighting)
    assert [path for path, _ in error.value.faults] == [where]
