"""Counted scores: the same values, and every point counted, in whichever way it is asked for."""

from __future__ import annotations

import pytest
import torch

from scorebench.networks import network
from scorebench.parts import EnergyScore
from scorebench.training.counting import counted

X, SIGMA = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)), torch.full((2, 5), 0.7)
V = torch.ones(4, 2, 5, 3)


def test_a_plain_score_is_counted():
    points: list[int] = []
    score = counted(lambda x, sigma: -x, points.append)
    assert torch.equal(score(X, SIGMA), -X)
    assert torch.equal(score(X[0], SIGMA[0]), -X[0])
    assert points == [10, 5]


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_an_energy_is_counted_in_each_of_its_ways_and_has_no_more(activation):
    """That of relu has no second derivatives, so no ways of its own."""
    net = network("energy", width=8, depth=1, activation=activation)
    plain = net.score(net.initialise((3,), torch.Generator().manual_seed(2)))
    points: list[int] = []
    score = counted(plain, points.append)
    assert isinstance(score, EnergyScore)
    assert torch.equal(score(X, SIGMA), plain(X, SIGMA))
    assert torch.equal(score.energy(X, SIGMA), plain.energy(X, SIGMA))
    assert points == [10]
    if activation == "relu":
        assert score.with_divergence is score.with_slices is None
        return
    for mine, other in zip(score.with_divergence(X, SIGMA), plain.with_divergence(X, SIGMA), strict=True):
        assert torch.equal(mine, other)
    for mine, other in zip(score.with_slices(X, SIGMA, V), plain.with_slices(X, SIGMA, V), strict=True):
        assert torch.equal(mine, other)
    assert points == [10, 10, 10]
