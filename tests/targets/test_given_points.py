"""Points and noise levels as people hand them to a mixture: what numpy gives for each point alone, or one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from given import assert_one_sentence, handed, values
from scorebench.targets import GaussianMixture

WEIGHTS = np.array([0.25, 0.75])
COVARIANCES = {1: np.array([[[0.5]], [[0.2]]]), 2: np.array([[[0.5, 0.2], [0.2, 0.4]], [[0.3, 0.0], [0.0, 0.3]]])}
MEANS = {1: np.array([[-1.0], [0.5]]), 2: np.array([[-1.0, 0.2], [0.5, 1.0]])}


def densities(x: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w_k N(x; mu_k, S_k), S_k^-1 (mu_k - x) and the squared distance in units of S_k, for one point."""
    d = x.size
    total = COVARIANCES[d] + sigma**2 * np.eye(d)
    off = MEANS[d] - x
    pull = np.linalg.solve(total, off[..., None])[..., 0]
    square = (off * pull).sum(-1)
    return WEIGHTS * np.exp(-square / 2) / np.sqrt(np.linalg.det(2 * np.pi * total)), pull, square


def expected(method: str, x: np.ndarray, sigma: float) -> np.ndarray:
    weight, pull, square = densities(x, sigma)
    if method == "score":
        return (weight / weight.sum()) @ pull
    return {"log_prob": np.log(weight.sum()), "component_log_prob": np.log(weight), "mahalanobis": square}[method]


@pytest.mark.parametrize("method", ["score", "log_prob", "component_log_prob", "mahalanobis"])
@settings(max_examples=60)
@given(
    n=st.integers(1, 4),
    d=st.sampled_from([1, 2]),
    hands=st.tuples(handed(4), handed(2)),
    one_level=st.booleans(),
    seed=st.integers(0, 99),
)
def test_points_as_people_hand_them_over(method, n, d, hands, one_level, seed):
    random = np.random.default_rng(seed)
    mixture = GaussianMixture(WEIGHTS, MEANS[d], covariances=COVARIANCES[d])
    x = hands[0](random.normal(size=(n, d)))
    sigma = 0.3 if one_level else hands[1](random.uniform(0.1, 1.5, n))
    try:
        found = mixture.mahalanobis(x) if method == "mahalanobis" else getattr(mixture, method)(x, sigma)
    except (TypeError, ValueError) as error:
        assert_one_sentence(error)
        return
    given = values(x)
    levels = np.broadcast_to(0.0 if method == "mahalanobis" else values(sigma), given.shape[:-1])
    each = [expected(method, row, s) for row, s in zip(given.reshape(-1, d), levels.reshape(-1), strict=True)]
    shape = given.shape[:-1] + ({"score": (d,), "log_prob": ()}.get(method, (2,)))
    assert tuple(found.shape) == shape
    tolerance = 1e-9 if str(found.dtype) == "torch.float64" else 2e-4
    np.testing.assert_allclose(values(found), np.reshape(each, shape), rtol=tolerance, atol=tolerance)


def test_samples_at_a_level_each():
    """Point i has the noise level i: with one component, (x_i - mu) / sqrt(tau^2 + sigma_i^2) is the same draw."""
    one = GaussianMixture([1], [[0, 0]], stds=[0.5])
    levels = [0.0, 1.0]
    each, alike = one.sample(2, 3, sigma=levels), one.sample(2, 3)
    np.testing.assert_allclose(
        each.numpy() / np.sqrt(0.25 + np.square(levels))[:, None], alike.numpy() / 0.5, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n": 2.5}, r"n must be an integer .* given: 2\.5"),
        ({"n": 2, "sigma": [0.1, 0.2, 0.3]}, r"shape \(2,\); given: \(3,\)"),
        ({"n": 2, "sigma": -0.1}, r"not negative; given: -0\.1"),
        ({"n": 2, "sigma": "small"}, "sigma must be a tensor, an array or lists of real numbers"),
    ],
)
def test_samples_that_there_are_not(arguments, text):
    with pytest.raises((TypeError, ValueError), match=text):
        GaussianMixture([1.0], [[0.0, 0.0]], stds=[1.0]).sample(**arguments)
