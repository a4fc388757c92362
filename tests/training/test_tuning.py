"""Learning rates are chosen by held-out loss, in trials that share no random number with the replicates."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scorebench.data.ring import Ring
from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import objective
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture
from scorebench.training.loop import Optimisation, Problem
from scorebench.training.tuning import choose_rate, downhill, held_out_loss

SIGMA = 0.7


def points(target: GaussianMixture, n: int, seed: int) -> torch.Tensor:
    return target.sample(n, torch.Generator().manual_seed(seed)).float()


def test_held_out_loss_of_the_exact_score_is_the_posterior_variance():
    """E 1/2 ||s* + epsilon / sigma||^2 = tr Cov(x | y) / (2 sigma^4), by Tweedie's formula of second order.

    Times sigma^2 that is d tau^2 / (2 (tau^2 + sigma^2)) on N(0, tau^2 I), and another score has D / 2 more.
    """
    tau, d = 1.5, 3
    target = GaussianMixture([1.0], [[0.0] * d], stds=[tau])
    x, single = points(target, 4000, 1), schedule("single", sigma=SIGMA)
    exact = held_out_loss(target.score, single, x, Streams(1, 2))
    expected = d * tau**2 / (2 * (tau**2 + SIGMA**2))
    torch.testing.assert_close(exact, torch.full((2,), expected), rtol=0.02, atol=0)
    zero = held_out_loss(lambda y, sigma: 0 * y, single, x, Streams(1, 2))
    more = 0.5 * SIGMA**2 * d / (tau**2 + SIGMA**2)  # E||s*||^2 = d / (tau^2 + sigma^2)
    torch.testing.assert_close(zero - exact, torch.full((2,), more), rtol=0.05, atol=0)


def test_held_out_loss_is_an_average_over_ln_sigma_whatever_the_weights():
    """The average of d tau^2 / (2 (tau^2 + sigma^2)) over ln sigma."""
    tau, d, low, high = 0.4, 2, 0.05, 5.0
    target = GaussianMixture([1.0], [[0.0] * d], stds=[tau])
    span = math.log(high / low)
    expected = d / 2 * (1 - 0.5 * math.log((high**2 + tau**2) / (low**2 + tau**2)) / span)
    for name, options in (("log_uniform", {"weighting": "edm"}), ("edm", {})):
        noise = schedule(name, sigma_max=high, sigma_min=low, **options)
        found = held_out_loss(target.score, noise, points(target, 4000, 1), Streams(1, 1))
        torch.testing.assert_close(found, torch.tensor([expected]), rtol=0.03, atol=0)


def choice(rates, seed=1, replicates=2, steps=1500):
    target = Ring().target()
    parts = (objective("dsm"), schedule("log_uniform", weighting="edm"), network("mlp", width=32, depth=2))
    optimisation = Optimisation(steps=steps, batch=64, learning_rate=1.0, ema=0.9, log_every=1000)
    data = (points(target, 1000, 1), points(target, 400, 2))
    return choose_rate(rates, Problem(*parts, *data, target, Streams(seed, replicates)), optimisation)


@given(st.integers(1, 9), st.data())
def test_the_way_downhill_ends_at_the_bottom_of_the_one_valley(n, data):
    """Whatever falls and then rises, trials that were lost (infinite) on either side of it."""
    bottom = data.draw(st.integers(0, n - 1))
    left, right = data.draw(st.integers(0, bottom)), data.draw(st.integers(bottom, n - 1))
    losses = {2.0**i: (abs(i - bottom) if left <= i <= right else math.inf) for i in range(n)}
    calls = []
    rate, tried = downhill(list(losses)[::-1], lambda rate: calls.append(rate) or losses[rate])
    assert rate == 2.0**bottom
    assert len(calls) == len(set(calls)) == len(tried)
    assert tried == {rate: losses[rate] for rate in sorted(calls)}


@given(st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=9))
def test_the_neighbours_of_the_chosen_rate_were_tried_and_are_no_better(values):
    rate, tried = downhill(range(len(values)), values.__getitem__)
    for neighbour in {rate - 1, rate + 1} & set(range(len(values))):
        assert tried[neighbour] >= tried[rate]


def test_a_minimum_in_the_middle_leaves_the_ends_untried():
    assert set(downhill([1, 2, 3, 4, 5], lambda rate: abs(rate - 3))[1]) == {2, 3, 4}


def test_rates_that_train_nothing_or_break_everything_are_not_chosen():
    found = choice([1e-7, 0.03, 1e20])
    assert found.rate == 0.03
    assert found.losses[1e-7] > found.losses[0.03]
    worst = found.losses[1e20]
    assert worst is None or worst > found.losses[1e-7]
    assert found.evaluations == 3 * 2 * 1500 * 64 or worst is None
    assert set(found.losses) == {1e-7, 0.03, 1e20}


def test_a_choice_is_reproducible_and_its_trials_are_other_trainings():
    first, again, other = (
        choice([0.003, 0.01], steps=30),
        choice([0.003, 0.01], steps=30),
        choice([0.003, 0.01], 2, steps=30),
    )
    assert first.losses == again.losses
    assert first.losses != other.losses


def test_no_trial_shares_a_stream_with_a_replicate(monkeypatch):
    from scorebench.training import tuning

    seen = []
    fit = tuning.fit
    monkeypatch.setattr(tuning, "fit", lambda problem, *a: seen.append(problem.streams) or fit(problem, *a))
    choice([0.003, 0.01], seed=5, replicates=3, steps=2)
    reported = {g.initial_seed() for g in Streams(5, 1000).at("initialise")}
    for streams in seen:
        trials = {g.initial_seed() for g in streams.at("initialise")}
        assert len(trials) == 3
        assert not trials & reported


def test_clean_data_have_no_such_loss():
    with pytest.raises(ValueError, match="trains at sigma = 0"):
        choose_rate([0.1, 0.2], Problem(objective("ism"), schedule("clean"), *[None] * 4, Streams(1, 1)), None)


def test_all_rates_lost():
    with pytest.raises(ValueError, match="no trial of any learning rate came to its end"):
        choice([math.inf, math.inf], steps=5)
