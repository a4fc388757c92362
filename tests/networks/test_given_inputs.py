"""Points and noise levels as people hand them to networks: what each point alone gives, or one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from given import assert_one_sentence, handed, values
from scorebench.networks import network

EVENT = (2,)


@pytest.mark.parametrize("kind", ["mlp", "energy"])
@settings(max_examples=60)
@given(n=st.integers(1, 4), hands=st.tuples(handed(3), handed(3)), double=st.booleans(), seed=st.integers(0, 99))
def test_points_as_people_hand_them_over(kind, n, hands, double, seed):
    net, random = network(kind, width=6, depth=2), np.random.default_rng(seed)
    start = {name: weight.double() for name, weight in net.initialise(EVENT, 1).items()}
    alone = net.score(start)
    x, sigma = hands[0](random.normal(size=(n, *EVENT))), hands[1](random.uniform(0.1, 1.5, n))
    try:
        found = net.score(start if double else {k: v.float() for k, v in start.items()})(x, sigma)
    except (TypeError, ValueError) as error:
        assert_one_sentence(error)
        return
    points, levels = torch.tensor(values(x)), torch.tensor(values(sigma))
    each = [alone(p, s) for p, s in zip(points.reshape(-1, *EVENT), levels.reshape(-1), strict=True)]
    expected = torch.stack(each).reshape(x.shape) if each else x.double()
    assert found.dtype == x.dtype
    tolerance = 1e-11 if double else 1e-5
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["mlp", "energy"])
def test_points_without_the_axis_of_replicates_are_refused(kind):
    net = network(kind, width=6, depth=2)
    score = net.score(net.initialise(EVENT, [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]))
    assert score(torch.zeros(3, 5, 2), torch.ones(3, 5)).shape == (3, 5, 2)
    for shape in ((5,), (2, 5)):
        with pytest.raises(ValueError, match=r"3 replicates take x \(\.\.\., 3, n, \*event\).*given: "):
            score(torch.zeros(*shape, 2), torch.ones(shape))
