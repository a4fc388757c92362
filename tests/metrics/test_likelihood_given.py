"""What people hand to log_likelihood: points, noise levels, scores, priors; the right number or one sentence."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scorebench.metrics.likelihood import log_likelihood
from scorebench.parts import Unsuitable
from scorebench.targets import GaussianMixture

TOP, LOW = 10.0, 0.1
MIXTURE = GaussianMixture([0.5, 0.3, 0.2], [[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]], stds=[0.5, 0.5, 0.5])
POINTS = MIXTURE.sample(6, torch.Generator().manual_seed(2), LOW)


def prior(x: Tensor) -> Tensor:
    return MIXTURE.log_prob(x, TOP)


def found(x: object = POINTS, score: object = MIXTURE.score, **options: object) -> Tensor:
    return log_likelihood(
        score, x, **({"sigma_min": LOW, "sigma_max": TOP, "rtol": 1e-4, "prior": prior} | options)
    ).log_prob


EXACT = MIXTURE.log_prob(POINTS, LOW)


@pytest.mark.parametrize("low", [0.0, LOW])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("own", [None, "score"])
def test_no_score_is_asked_outside_the_two_levels(low, dtype, own):
    ends = torch.tensor([low, TOP], dtype=dtype)

    def inside(x: Tensor, sigma: Tensor) -> Tensor:
        assert bool((sigma.to(dtype) >= ends[0]).all() & (sigma.to(dtype) <= ends[1]).all()), f"asked at {sigma}"
        return MIXTURE.score(x, sigma)

    log_prob = found(POINTS.to(dtype), inside, sigma_min=low, prior=own)
    assert bool(log_prob.isfinite().all())
    assert log_prob.dtype == dtype


def test_nothing_has_a_graph_and_the_gradient_is_the_score():
    """Central differences of log p are s(x, sigma_min); autograd has nothing to say of it, and says nothing."""
    layer = torch.nn.Linear(2, 2, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
        layer.bias.zero_()
    x = POINTS.clone().requires_grad_()
    result = log_likelihood(lambda y, s: layer(MIXTURE.score(y, s)), x, LOW, TOP, prior="score")
    for values in (result.log_prob, result.solver, result.trace, result.prior):
        assert not values.requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        result.log_prob.sum().backward()
    step = 1e-3 * torch.eye(2, dtype=torch.float64)[:, None]
    up, down = (found(POINTS + sign * step, rtol=1e-9) for sign in (1, -1))
    gradient = ((up - down) / 2e-3).T
    torch.testing.assert_close(gradient, MIXTURE.score(POINTS, torch.full((6,), LOW)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "x",
    [
        POINTS.tolist(),
        POINTS.numpy(),
        POINTS.T.contiguous().T,
        POINTS.repeat_interleave(2, 0)[::2],
        POINTS.flip(0).numpy()[::-1],
        POINTS.expand(1, 6, 2)[0],
        POINTS.numpy().astype(">f8"),
        pd.DataFrame(POINTS.numpy(), index=range(1, 7)),
    ],
    ids=["lists", "array", "columns first", "every second", "turned round", "expanded", "other bytes", "table"],
)
def test_points_of_any_make(x):
    torch.testing.assert_close(found(x), EXACT, rtol=0, atol=1e-3)


def test_whole_numbers_are_points():
    whole = torch.tensor([[2, 0], [-2, 1]])
    for x in (whole, whole.int(), whole.tolist(), whole.numpy()):
        torch.testing.assert_close(found(x), MIXTURE.log_prob(whole.double(), LOW), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("own", "other"), [(torch.float32, torch.float64), (torch.float64, torch.float32)])
def test_networks_are_asked_in_their_own_dtype(own, other):
    """A layer refuses any other than its own; log p comes back in that of the points."""
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
        layer.bias.zero_()
    layer = layer.to(own)
    log_prob = found(POINTS.to(other), lambda x, s: layer(MIXTURE.score(x, s)))
    assert log_prob.dtype == other
    torch.testing.assert_close(log_prob.double(), EXACT, rtol=0, atol=2e-3)


def test_points_that_are_not_finite_are_nan_alone():
    x = torch.cat([POINTS, torch.tensor([[math.nan, 0.0], [math.inf, 0.0]])])
    log_prob = found(x)
    assert log_prob.isnan().tolist() == [False] * 6 + [True] * 2
    torch.testing.assert_close(log_prob[:6], EXACT, rtol=0, atol=1e-3)


def test_levels_of_any_make():
    levels = {"sigma_min": torch.tensor(LOW, dtype=torch.float64), "sigma_max": np.float64(TOP)}
    torch.testing.assert_close(found(**levels), found(), rtol=0, atol=0)


def test_a_seed_draws_the_probes_of_its_generator():
    probes = {"trace": 2, "rtol": 1e-2}
    assert torch.equal(found(generator=3, **probes), found(generator=torch.Generator().manual_seed(3), **probes))


@pytest.mark.parametrize(("trace", "probes"), [("exact", 0), (None, 16), (np.int64(2), 2)])
def test_exact_is_exact_in_any_dimension(trace, probes):
    """Above 128 values too; 16 probes are what it takes there where nothing is said."""
    x = torch.randn(2, 129, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    normal = lambda y: -0.5 * (y.square().sum(-1) / 26 + 129 * math.log(2 * math.pi * 26))  # noqa: E731
    result = log_likelihood(lambda y, s: -y / (1 + s[..., None] ** 2), x, 0.0, 5.0, 1e-2, trace, normal, generator=0)
    assert result.probes == probes
    assert bool((result.trace == 0).all()), "no Rademacher probe errs on a diagonal matrix"
    truth = -0.5 * (x.square().sum(-1) + 129 * math.log(2 * math.pi))
    torch.testing.assert_close(result.log_prob, truth, rtol=0, atol=0.5)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"x": "points"}, TypeError, r"x must be real numbers, as points \(\.\.\., \*event\) are; given: .*'points'"),
        ({"x": POINTS > 0}, TypeError, "x must be real numbers.* given: bool"),
        ({"x": POINTS + 0j}, TypeError, "x must be real numbers.* given: complex128"),
        ({"x": 1.0}, ValueError, r"x \(\) has no event of 1 axes"),
        ({"score": lambda x, s: x[..., 0]}, ValueError, r"return the shape \(6, 2\) for x \(6, 2\).* returned \(6,\)"),
        ({"score": 3}, TypeError, "score must be a function of x and sigma; given: an int"),
        ({"prior": lambda x: x[:, :1]}, ValueError, r"prior must return a tensor of shape \(6,\).* returned \(6, 1\)"),
        ({"trace": 2.5}, ValueError, r"at least 2; given: 2\.5"),
        ({"trace": True}, ValueError, "at least 2; given: True"),
        ({"sigma_min": math.nan}, ValueError, "sigma_min < sigma_max; given: nan"),
        ({"data_std": -1.0}, ValueError, r"data_std must be 0 or more; given: -1\.0"),
        ({"generator": 0.5, "trace": 2}, TypeError, r"generator must be a torch\.Generator"),
    ],
)
def test_one_sentence_says_what_is_wrong(options, error, text):
    with pytest.raises(error, match=text):
        found(**options)


@pytest.mark.parametrize("layer", [torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)], ids=["BatchNorm", "Dropout"])
def test_networks_in_training_mode_are_refused(layer):
    layer = layer.double()
    with pytest.raises(Unsuitable, match=r"log p of a point .*, so a \w+ in training mode .* call eval\(\)"):
        found(score=lambda x, s: MIXTURE.score(layer(x), s))
    layer.eval()
    torch.testing.assert_close(found(score=lambda x, s: MIXTURE.score(layer(x), s)), EXACT, rtol=0, atol=2e-3)


def test_a_score_with_labels_needs_a_prior_of_its_own():
    """Each point has its own mean: with the prior in closed form log p is right, without one a sentence says why."""
    means = torch.arange(6.0, dtype=torch.float64)[:, None]
    shifted = lambda x, s: MIXTURE.score(x - means, s)  # noqa: E731
    log_prob = found(POINTS + means, shifted, prior=lambda x: prior(x - means))
    torch.testing.assert_close(log_prob, EXACT, rtol=0, atol=1e-3)
    for own in ("gaussian", "score"):
        with pytest.raises(ValueError, match="as one with labels does, needs a function as prior"):
            found(POINTS + means, shifted, prior=own)


def test_no_points_have_no_densities():
    for own in (prior, "score"):
        assert found(torch.zeros(0, 2), prior=own).shape == (0,)


def test_two_solutions_that_agree_by_accident_are_not_the_error():
    """One point each: the solver's error holds in 19 of 20, and is never below ten tolerances."""
    generator, held = torch.Generator().manual_seed(7), []
    for _ in range(20):
        x = MIXTURE.sample(1, generator, LOW)
        result = log_likelihood(MIXTURE.score, x, LOW, TOP, 1e-3, prior=prior)
        assert float(result.solver) >= 1e-2
        held.append(bool((result.log_prob - MIXTURE.log_prob(x, LOW)).abs() <= result.solver))
    assert sum(held) >= 0.95 * len(held)


MAKES = {
    "float64": lambda x: x,
    "float32": lambda x: x.float(),
    "whole": lambda x: x.round().long(),
    "array": lambda x: x.numpy(),
    "lists": lambda x: x.tolist(),
    "columns first": lambda x: x.movedim(-1, 0).contiguous().movedim(0, -1),
}


@settings(max_examples=25)
@given(
    batch=st.lists(st.integers(1, 3), max_size=2),
    d=st.integers(1, 3),
    make=st.sampled_from(sorted(MAKES)),
    seed=st.integers(0, 99),
)
def test_any_points_have_the_density_of_their_numbers(batch, d, make, seed):
    """N(0, I) in d dimensions, any batch shape down to one point: log p of the very numbers that were given."""
    x = MAKES[make](torch.randn(*batch, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
    numbers = torch.as_tensor(x).double()

    def log_normal(y: Tensor, sigma: float) -> Tensor:
        return -0.5 * (y.square().sum(-1) / (1 + sigma**2) + d * math.log(2 * math.pi * (1 + sigma**2)))

    result = log_likelihood(
        lambda y, s: -y / (1 + s.square())[..., None], x, LOW, 5.0, 1e-3, prior=lambda y: log_normal(y, 5.0)
    )
    torch.testing.assert_close(result.log_prob.double(), log_normal(numbers, LOW), rtol=0, atol=1e-2)
