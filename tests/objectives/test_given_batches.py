"""Batches as people hand them over: the loss that a plain evaluation in numpy gives, or one sentence.

The score is -a y, for which every objective has a value that no draw changes: v' (ds/dy) v = -a ||v||^2 = -a d for
probes on the sphere of radius sqrt(d), and d orthogonal ones add up to the whole space.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from given import assert_one_sentence, handed, values
from scorebench import parts
from scorebench.objectives import Batch, objective

A = 0.7


class Normal:
    """N(0, I)."""

    def score(self, x, sigma):
        return -x / (1 + sigma.square()).reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))


def options(name: str, d: int) -> dict[str, object]:
    """With which no draw changes the value."""
    if name in ("ssm", "ssm_vr", "fd_ssm", "second_order_dsm"):
        return {"probe": "orthogonal", "probes": d}
    return {"antithetic_stf": {"tau": 20.0}, "stf_ssm_vr": {"fixed": 0.5}}.get(name, {})


def expected(name: str, x: np.ndarray, e: np.ndarray, s: float, reference: np.ndarray | None) -> float:
    """The loss of one sample, event flat."""
    y, d = x + s * e, x.size
    target = np.zeros(d)

    def posterior(y: np.ndarray) -> np.ndarray:
        points = np.concatenate([x[None], reference])
        logits = -((y - points) ** 2).sum(1) / (2 * s**2)
        weights = np.exp(logits - logits.max())
        return (weights / weights.sum()) @ (points - y) / s**2

    def half(v: np.ndarray) -> float:
        return 0.5 * float(v @ v)

    dsm, ism = half(-A * y + e / s), half(-A * y) - A * d
    if name in ("stf", "stf_ssm_vr", "antithetic_stf"):
        target = posterior(y)
    mirrored = x - s * e
    lam = 1 / (1 + 2 * s**2)
    first = e - s * A * y
    return {
        "dsm": lambda: dsm,
        "esm": lambda: half(-A * y + y / (1 + s**2)),
        "tsm": lambda: half(-A * y + x),
        "dsm_cv": lambda: dsm - float(-A * x @ e) / s,
        "antithetic_dsm": lambda: (dsm + half(-A * mirrored - e / s)) / 2,
        "lcss": lambda: half(-A * x) + float(-A * y @ e) / s,
        "hybrid": lambda: (1 - lam) * dsm + lam * ism,
        "switch": lambda: ism if s < 0.5**0.5 else dsm,
        "stf": lambda: half(-A * y - target),
        "antithetic_stf": lambda: (half(-A * y - target) + half(-A * mirrored - posterior(mirrored))) / 2,
        "stf_ssm_vr": lambda: 0.5 * half(-A * y - target) + 0.5 * ism,
        "second_order_dsm": lambda: dsm + (-A * d * s**2 + d - first @ first) ** 2 / (2 * d * s**2),
    }.get(name, lambda: ism)()


@pytest.mark.parametrize("name", parts.names("objective"))
@settings(max_examples=40)
@given(
    n=st.integers(1, 4),
    event=st.sampled_from([(1,), (2,), (1, 2, 2)]),
    hands=st.tuples(*[handed(8)] * 4),
    seed=st.integers(0, 99),
)
def test_batches_as_people_hand_them_over(name, n, event, hands, seed):
    random = np.random.default_rng(seed)
    clean, noise, sigma, reference = (
        hand(part)
        for hand, part in zip(
            hands,
            [
                random.normal(size=(n, *event)),
                random.normal(size=(n, *event)),
                random.uniform(0.1, 1.5, n),
                random.normal(size=(3, *event)),
            ],
            strict=True,
        )
    )
    d = max(1, math.prod(np.shape(clean)[np.ndim(sigma) :]))
    try:
        batch = Batch(clean, noise, sigma, Normal(), reference)
        loss = objective(name, **options(name, d))(lambda x, s: -A * x, batch, 5)
    except (TypeError, ValueError) as error:
        if not (reference is None and "is missing" in str(error)):  # of posterior-mean targets, which need it
            assert_one_sentence(error)
        return
    levels = values(sigma)
    rows = [values(part).reshape(levels.size, d) for part in (clean, noise)]
    points = None if reference is None else values(reference).reshape(len(reference), d)
    found = [expected(name, x, e, s, points) for x, e, s in zip(*rows, levels.reshape(-1), strict=True)]
    tolerance = 1e-10 if str(clean.dtype) == "torch.float64" and str(loss.dtype) == "torch.float64" else 2e-3
    size = max(1.0, np.abs(found).max(initial=0))
    assert tuple(loss.shape) == levels.shape
    np.testing.assert_allclose(values(loss.detach()), np.reshape(found, levels.shape), rtol=0, atol=tolerance * size)
