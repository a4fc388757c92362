"""Every metric takes what people hand over: the number of the same values in plain arrays, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from given import assert_one_sentence, handed, values
from scorebench.metrics import components, diagnostics, fisher, gradients, samples
from scorebench.networks import network
from scorebench.objectives import Batch, objective
from scorebench.targets import GaussianMixture

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.random.default_rng(1).normal(size=(15, 3)) + 0.3
LEVELS = np.array([0.1, 0.5, 2.0, 7.0])
TARGET = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], stds=[1.0])

PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "sliced_wasserstein": lambda x, y: samples.sliced_wasserstein(x, y, 20, 0),
    "energy_distance": samples.energy_distance,
    "mmd": lambda x, y: samples.PairDistances(y)(x).get("mmd", 0.0),
    "nearest_distance": samples.nearest_distance,
    "components": lambda x, y: list(components.Components(y, 10, 0)(x).values()),
    "marginals": lambda x, y: components.Marginals(y)(x),
    "c2st": lambda x, y: samples.c2st(x, y, 2, 0),
}
POINTS = handed()


def standard(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The score of N(0, (1 + sigma^2) I)."""
    return -x / (1 + sigma[..., None] ** 2)


def outcome(call: Callable[[], Any], good: bool) -> Any:
    """What comes of it, where it must come out; None where it must be refused in a sentence."""
    if good:
        return call()
    with pytest.raises((TypeError, ValueError)) as raised:
        call()
    assert_one_sentence(raised.value)
    return None


def is_points(given_: Any, columns: int | None = None) -> bool:
    if given_ is None or np.asarray(values(given_)).ndim != 2:
        return False
    return columns is None or values(given_).shape[1] == columns


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=20, deadline=None)
@given(x=POINTS, y=POINTS)
def test_distances_of_points_however_they_are_held(name: str, x, y) -> None:
    a, b = x(X), y(Y)
    good = is_points(a) and is_points(b, values(a).shape[1])
    found = outcome(lambda: PAIRS[name](a, b), good)
    if good:
        plain = PAIRS[name](np.array(values(a)), np.array(values(b)))
        np.testing.assert_allclose(found, plain, rtol=1e-6, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(x=POINTS)
def test_modes_of_points_however_they_are_held(x) -> None:
    a = x(X)
    found = outcome(lambda: samples.mode_statistics(a, TARGET), is_points(a, 3))
    if found is not None:
        expected = np.sqrt((values(a) ** 2).sum(1).mean() / 3)
        assert found["within_mode_std_ratio"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 3)), np.zeros((3, 0)), [[1.0, 2.0], [3.0]], [["a"]], X + 1j, np.where(X > 1, np.nan, X), X * np.inf],
    ids=["no rows", "no columns", "ragged", "text", "complex", "nan", "infinite"],
)
def test_what_are_no_points_is_refused(points: Any) -> None:
    for call in PAIRS.values():
        outcome(lambda call=call: call(points, Y), good=False)
        outcome(lambda call=call: call(Y, points), good=False)


@settings(max_examples=40, deadline=None)
@given(levels=handed(1), replicates=st.sampled_from([None, 1, 2, 0, -1, 1.5]))
def test_score_errors_at_levels_however_they_are_held(levels, replicates: Any) -> None:
    """Of the score 0 the error is E||s*||^2 = d / (1 + sigma^2), and its integral has a closed form."""
    held = levels(LEVELS)
    good = held is not None and values(held).ndim == 1 and replicates in (None, 1, 2)
    found = outcome(lambda: fisher.fisher_moments(lambda x, sigma: 0 * x, TARGET, held, 1000, 0, replicates), good)
    if found is not None:
        errors, norms, _ = found
        assert errors.shape == (replicates or 1, len(values(held)))
        expected = 3 / (1 + torch.as_tensor(values(held)) ** 2)
        torch.testing.assert_close(norms, expected, rtol=0.2, atol=0)
        torch.testing.assert_close(errors, norms.expand_as(errors), rtol=1e-6, atol=0)


@settings(max_examples=40, deadline=None)
@given(levels=handed(1), count=st.sampled_from([1, 2, 4]), ascending=st.booleans())
def test_an_integral_is_that_of_the_levels_in_order(levels, count: int, ascending: bool) -> None:
    """D = 1 has the integral ln(sigma_max / sigma_min), whichever way the levels run."""
    held = levels(LEVELS if ascending else LEVELS[::-1].copy())
    good = held is not None and values(held).shape == (count,)
    found = outcome(lambda: fisher.integral(held, torch.ones(3, count)), good)
    if found is not None:
        expected = np.log(values(held).max() / values(held).min())
        torch.testing.assert_close(found.double(), torch.full((3,), expected).double())


@pytest.mark.parametrize("levels", [[], [0.1, -1], [np.nan], [np.inf], ["a"], 3, None, [[0.1]]])
def test_what_are_no_levels_is_refused(levels: Any) -> None:
    points = torch.tensor(X)
    outcome(lambda: fisher.scale_errors(standard, TARGET, levels, 10, 0), good=False)
    outcome(lambda: fisher.integral(levels, torch.ones(1)), good=False)
    outcome(lambda: diagnostics.diagnostics(standard, points, points, levels, 0), good=False)


def test_a_level_of_0_has_a_score_and_no_logarithm() -> None:
    assert fisher.scale_errors(standard, TARGET, [0], 10, 0).tolist() == [[0.0]]
    outcome(lambda: fisher.integral([0, 1], torch.ones(2)), good=False)


@settings(max_examples=20, deadline=None)
@given(points=POINTS, reference=POINTS)
def test_diagnostics_of_points_however_they_are_held(points, reference) -> None:
    a, b = points(X), reference(Y)
    tensors = isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
    good = tensors and a.is_floating_point() and a.ndim >= 2 and b.shape[1:] == a.shape[1:] and b.ndim >= 2
    try:
        found = diagnostics.diagnostics(lambda x, sigma: -x, a, b, LEVELS, 0)
    except (TypeError, ValueError) as error:
        assert not (good and a.ndim == 2 and b.is_floating_point())
        assert_one_sentence(error)
        return
    assert tensors
    plain = diagnostics.diagnostics(
        lambda x, sigma: -x, torch.tensor(values(a)).to(a.dtype), torch.tensor(values(b)).to(b.dtype), LEVELS, 0
    )
    for one, other in zip(found, plain, strict=True):
        torch.testing.assert_close(one, other)


def test_diagnostics_refuse_points_that_are_none() -> None:
    points = torch.tensor(X)
    for bad in (points[:0], torch.where(points > 1, torch.nan, points)):
        outcome(lambda bad=bad: diagnostics.diagnostics(standard, bad, points, LEVELS, 0), good=False)


def test_gradients_say_what_they_want() -> None:
    net = network("mlp", width=4, depth=1)
    parameters = {name: p[0] for name, p in net.initialise((3,), [torch.Generator().manual_seed(0)]).items()}
    batch = Batch(torch.tensor(X).float(), torch.tensor(X[::-1].copy()), torch.full((12,), 0.5))
    dsm = objective("dsm")
    whole = gradients.gradient_moments({"dsm": dsm}, net.score, parameters, batch, 0)
    parts = gradients.gradient_moments({"dsm": dsm}, net.score, parameters, batch, 0, chunk=5)
    torch.testing.assert_close(parts.covariance, whole.covariance)
    for losses, more in (({}, {}), ({"dsm": dsm}, {"chunk": 0}), ({"dsm": dsm}, {"generator": "0"})):
        outcome(lambda losses=losses, more=more: gradients.gradient_moments(
            losses, net.score, parameters, batch, **more), good=False)  # fmt: skip
    outcome(lambda: fisher.cosines(torch.ones(2, 3), torch.ones(2), torch.ones(2, 3)), good=False)
