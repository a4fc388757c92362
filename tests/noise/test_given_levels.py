"""Noise levels, shapes and numbers of levels as people hand them to schedules: the right numbers, or one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from given import assert_one_sentence, handed, values
from scorebench import parts
from scorebench.noise import schedule

each_schedule = pytest.mark.parametrize("name", parts.names("schedule"))


@each_schedule
@settings(max_examples=25)
@given(hand=handed(1), seed=st.integers(0, 99))
def test_levels_as_people_hand_them_over(name, hand, seed):
    """The weight is sigma^2, and the density of a level does not depend on the levels around it."""
    sigma = hand(np.random.default_rng(seed).uniform(0.1, 3.0, 4))
    of = schedule(name)
    try:
        weight, density = of.weight(sigma), of.density(sigma)
    except (TypeError, ValueError) as error:
        assert_one_sentence(error)
        return
    levels = values(sigma)
    assert tuple(weight.shape) == tuple(density.shape) == levels.shape
    np.testing.assert_allclose(values(weight), np.where(levels > 0, levels**2, 1.0), rtol=1e-5)
    alone = [float(of.density(torch.tensor(level, dtype=torch.float64))) for level in levels.reshape(-1)]
    np.testing.assert_allclose(values(density), np.reshape(alone, levels.shape), rtol=1e-4, atol=1e-12)


@each_schedule
@pytest.mark.parametrize("shape", [3, (3,), [2, 2], torch.Size([2, 3]), (), 0, (np.int64(2),)], ids=str)
def test_shapes_of_draws(name, shape):
    of, wanted = schedule(name), (shape,) if isinstance(shape, int) else tuple(shape)
    like = torch.zeros((), dtype=torch.float64)
    drawn = of.sample(shape, 7, like)
    assert tuple(drawn.shape) == wanted
    assert drawn.dtype == torch.float64
    assert torch.equal(drawn, of.sample(wanted, torch.Generator().manual_seed(7), like))


@each_schedule
@pytest.mark.parametrize(
    "arguments", [(2.5,), ((2, -1),), (None,), ("ab",), ((2,), 0, torch.zeros(1, dtype=torch.int64)), ((2,), 0, 1.0)]
)
def test_draws_that_there_are_not(name, arguments):
    with pytest.raises(TypeError) as caught:
        schedule(name).sample(*arguments)
    assert_one_sentence(caught.value)


@each_schedule
@pytest.mark.parametrize("levels", [0, -1, 2.5, True, "ten"])
def test_numbers_of_levels_that_there_are_not(name, levels):
    """0 is not none given."""
    with pytest.raises(ValueError, match=rf"positive number of levels.*; given: {levels}$"):
        schedule(name).ladder(levels)


@pytest.mark.parametrize("name", [n for n in parts.names("schedule") if n not in ("clean", "single")])
def test_ladders_of_as_many_levels_as_are_asked_for(name):
    for levels in (2, np.int64(5)):
        ladder = schedule(name).ladder(levels)
        assert len(ladder) == levels
        assert (ladder.diff() < 0).all()
        torch.testing.assert_close(ladder[[0, -1]], schedule(name).ladder()[[0, -1]], rtol=1e-5, atol=0)
