"""Log-likelihoods by the probability-flow ODE against densities in closed form, and the error budget against errors."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scorebench.metrics.likelihood import EXACT_DIMENSION, PROBES, log_likelihood
from scorebench.networks import network
from scorebench.ode import Unsolved
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture

TOP, LOW = 10.0, 0.01
MIXTURE = GaussianMixture([0.5, 0.3, 0.2], [[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]], stds=[0.3, 0.3, 0.3])
BENT = GaussianMixture([1.0], [[0.5, -1.0, 0.2]], covariances=[[[1.0, 0.6, 0.1], [0.6, 0.8, -0.2], [0.1, -0.2, 0.3]]])


def points(n: int, target: GaussianMixture = MIXTURE, sigma: float = LOW) -> Tensor:
    return target.sample(n, torch.Generator().manual_seed(2), sigma)


def exact_prior(x: Tensor) -> Tensor:
    return MIXTURE.log_prob(x, TOP)


@pytest.mark.parametrize("low", [0.0, LOW])
def test_mixture_to_a_thousandth_of_a_nat(low):
    """RMSE over 1,000 points at rtol 1e-5 with the exact prior, and a budget that covers the error of every point."""
    x = points(1000, sigma=low)
    found = log_likelihood(MIXTURE.score, x, low, TOP, prior=exact_prior)
    error = found.log_prob - MIXTURE.log_prob(x, low)
    assert float(error.square().mean().sqrt()) < 1e-4
    assert float(error.abs().max()) < 1e-3
    assert float((found.solver >= error.abs()).double().mean()) > 0.99
    assert float(found.solver.median()) < 1e-3
    assert found.trace.count_nonzero() == found.prior.count_nonzero() == found.probes == 0


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-6])
def test_tolerance_governs_the_error_and_the_budget_follows(rtol):
    x = points(300)
    found = log_likelihood(MIXTURE.score, x, LOW, TOP, rtol=rtol, prior=exact_prior)
    error = (found.log_prob - MIXTURE.log_prob(x, LOW)).abs()
    assert float(error.square().mean().sqrt()) < 10 * rtol
    assert float((found.solver >= error).double().mean()) > 0.95
    assert float(found.solver.mean()) < 100 * rtol, "a budget that covers anything says nothing"


@settings(max_examples=8)
@given(low=st.floats(0.0, 0.5), top=st.floats(1.0, 80.0), std=st.floats(0.2, 3.0))
def test_gaussian_at_any_noise_levels(low, top, std):
    """With data N(0, std^2 I) and data_std = std the Gaussian prior is p_T, and the budget knows."""
    target = GaussianMixture([1.0], [[0.0, 0.0]], stds=[std])
    x = points(20, target, low)
    found = log_likelihood(target.score, x, low, top, data_std=std)
    torch.testing.assert_close(found.log_prob, target.log_prob(x, low), rtol=0, atol=3e-4)
    assert float(found.prior.max()) < 1e-9


def test_correlated_gaussian_and_batch_shapes():
    x = points(24, BENT)
    prior = lambda x: BENT.log_prob(x, TOP)  # noqa: E731
    flat = log_likelihood(BENT.score, x, LOW, TOP, prior=prior)
    torch.testing.assert_close(flat.log_prob, BENT.log_prob(x, LOW), rtol=0, atol=1e-4)
    folded = log_likelihood(BENT.score, x.reshape(4, 6, 3), LOW, TOP, prior=prior)
    assert folded.log_prob.shape == folded.solver.shape == folded.prior.shape == (4, 6)
    torch.testing.assert_close(folded.log_prob.flatten(), flat.log_prob, rtol=0, atol=1e-10)
    one = log_likelihood(BENT.score, x[0], LOW, TOP, prior=prior)
    assert one.log_prob.shape == ()
    assert abs(float(one.log_prob - flat.log_prob[0])) < 1e-4


def test_images_are_vectors():
    x = points(5, BENT)
    image = log_likelihood(
        lambda y, s: BENT.score(y.flatten(-3), s).reshape(y.shape), x.reshape(5, 1, 3, 1), LOW, TOP, event=3
    )
    torch.testing.assert_close(image.log_prob, log_likelihood(BENT.score, x, LOW, TOP).log_prob, rtol=0, atol=1e-10)


def test_error_of_the_gaussian_prior_is_seen_without_knowing_the_data():
    """|log p_T - log N| at the points' ends, for which only the score is asked."""
    x = points(200)
    exact = log_likelihood(MIXTURE.score, x, LOW, 3.0, prior=lambda x: MIXTURE.log_prob(x, 3.0))
    for prior in (None, "gaussian"):
        found = log_likelihood(MIXTURE.score, x, LOW, 3.0, prior=prior)
        error = (found.log_prob - exact.log_prob).abs()
        assert float(error.max()) > 0.3
        assert bool((found.prior >= error).all())
        assert float((found.prior - error).max()) < 0.05


@pytest.mark.parametrize("top", [3.0, 10.0])
def test_prior_from_the_score_is_the_exact_one(top):
    x = points(200)
    found = log_likelihood(MIXTURE.score, x, LOW, top, prior="score")
    error = (found.log_prob - MIXTURE.log_prob(x, LOW)).abs()
    assert float(error.max()) < 0.01
    assert bool((found.solver + 4.5 * found.prior >= error).all())


def test_probes_are_unbiased_and_their_standard_error_is_theirs(assert_mean):
    """Over 3,000 draws of probes the error has mean 0, and the mean square of the standard error (z-tests). Rademacher
    probes see the off-diagonal curvature only, so the target is correlated."""
    x = points(1, BENT).expand(3000, 3)
    generator = torch.Generator().manual_seed(1)
    prior = lambda x: BENT.log_prob(x, TOP)  # noqa: E731
    found = log_likelihood(BENT.score, x, LOW, TOP, 1e-3, trace=5, prior=prior, generator=generator)
    assert found.probes == 5
    error = found.log_prob - BENT.log_prob(x, LOW)
    assert_mean(error, 0.0, within=0.015)
    assert_mean(error.square() - found.trace.square(), 0.0, within=0.03 * float(error.square().mean()))


def test_probes_of_a_replicate_do_not_depend_on_the_others():
    """Up to the step sizes, which the points of a call share: up to the tolerance."""
    x = points(6, BENT).reshape(3, 2, 3)
    few, many = (
        log_likelihood(BENT.score, x[:R], LOW, TOP, 1e-7, trace=3, generator=Streams(5, R).at("v")) for R in (1, 3)
    )
    torch.testing.assert_close(few.log_prob[0], many.log_prob[0], rtol=0, atol=1e-5)


def test_trace_is_exact_up_to_the_stated_dimension():
    for d, probes in ((EXACT_DIMENSION, 0), (EXACT_DIMENSION + 1, PROBES)):
        x = torch.randn(3, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        found = log_likelihood(lambda x, s: -x / (1 + s[..., None] ** 2), x, 0.0, 20.0, rtol=1e-4)
        assert found.probes == probes
        normal = -0.5 * (x.square().sum(-1) + d * math.log(2 * math.pi))
        torch.testing.assert_close(found.log_prob, normal, rtol=0, atol=0.05)


@pytest.mark.parametrize("kind", ["mlp", "energy"])
def test_replicates_of_a_network(kind):
    """Parameters of three networks and a batch of replicates: each gets its own likelihood and prior error."""
    built = network(kind, width=8, depth=1)
    parameters = {name: w.double() * 3 for name, w in built.initialise((2,), Streams(4, 3).at("initialise")).items()}
    x = points(5).expand(3, 5, 2)
    found = log_likelihood(built.score(parameters), x, 0.05, 5.0)
    for r in range(3):
        one = log_likelihood(built.score({name: w[r] for name, w in parameters.items()}), x[r], 0.05, 5.0)
        torch.testing.assert_close(found.log_prob[r], one.log_prob, rtol=0, atol=1e-3)
        torch.testing.assert_close(found.prior[r], one.prior, rtol=0, atol=1e-3)
    assert float((found.log_prob[0] - found.log_prob[1]).abs().min()) > 1e-3


def test_a_trained_density_integrates_to_one():
    """Any smooth score defines a density: here that of an untrained network, summed over a fine grid."""
    built = network("mlp", width=8, depth=1)
    score = built.score({name: w.double() * 2 for name, w in built.initialise((1,), None).items()})
    x = torch.linspace(-8, 8, 801, dtype=torch.float64)[:, None]
    density = log_likelihood(score, x, 0.1, 5.0).log_prob.exp()
    assert float(torch.trapezoid(density, x[:, 0])) == pytest.approx(1, abs=1e-3)


def test_a_point_without_a_finite_score_is_nan_and_the_others_are_not():
    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return MIXTURE.score(x, sigma).where(x[..., :1] < 50, torch.nan)

    x = torch.cat([points(4), torch.tensor([[100.0, 0.0]])])
    found = log_likelihood(score, x, LOW, TOP, prior=exact_prior).log_prob
    assert found.isnan().tolist() == [False] * 4 + [True]
    torch.testing.assert_close(found[:4], MIXTURE.log_prob(x[:4], LOW), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sigma_min": 2.0, "sigma_max": 1.0}, "sigma_min < sigma_max; given: 2.0 and 1.0"),
        ({"sigma_max": math.inf}, "sigma_min < sigma_max"),
        ({"rtol": 0.0}, "rtol must be above 0"),
        ({"trace": 1}, "at least 2; given: 1"),
        ({"trace": "hutchinson"}, "number of probes, at least 2; given: 'hutchinson'"),
        ({"prior": "normal"}, "given: 'normal'"),
        ({"event": 3}, "no event of 3 axes"),
    ],
)
def test_bad_input(options, text):
    with pytest.raises(ValueError, match=text):
        log_likelihood(MIXTURE.score, **({"x": points(3), "sigma_min": LOW, "sigma_max": TOP} | options))


def test_a_score_that_can_not_be_differentiated():
    with pytest.raises(ValueError, match="no graph"):
        log_likelihood(lambda x, s: MIXTURE.score(x.detach(), s), points(3), LOW, TOP)


def test_a_tolerance_that_can_not_be_met():
    with pytest.raises(Unsolved, match="rtol 1e-05"):
        log_likelihood(lambda x, s: 1e200 * x.sin(), points(3), LOW, TOP)
