"""Tests and intervals against scipy, by hand and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scorebench.evidence.testing import against, holm, log_ratios, of_moments

VALUES = [0.31, 0.12, 0.44, 0.27, 0.05, 0.38, 0.22, 0.61, 0.18, 0.33]


def test_p_and_students_interval_are_those_of_scipy():
    tested = against(VALUES, 0.2)
    told = stats.ttest_1samp(VALUES, 0.2)
    assert tested.p == pytest.approx(told.pvalue, rel=1e-9)
    interval = told.confidence_interval(0.95)
    assert (tested.low, tested.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_logarithms_are_tested_and_ratios_reported():
    a, b = {r: math.exp(v) for r, v in enumerate(VALUES)}, dict.fromkeys(range(12), 1.0)
    logs = log_ratios(a, b)
    assert logs == pytest.approx(VALUES)
    tested, plain = against(logs, 1.3, logarithms=True), against(VALUES, math.log(1.3))
    assert tested.estimate == pytest.approx(math.exp(np.mean(VALUES)))
    assert tested.p == pytest.approx(plain.p)
    assert (tested.low, tested.high) == pytest.approx((math.exp(plain.low), math.exp(plain.high)))


def test_pairs_are_by_replicate():
    assert log_ratios({0: 2.0, 2: 8.0, 3: 1.0}, {0: 1.0, 1: 5.0, 2: 4.0}) == pytest.approx([math.log(2)] * 2)


def test_intervals_cover_the_truth():
    """500 samples of ten normal values: 95 +- 1 %."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(500):
        tested = against(generator.normal(0.4, 0.2, 10).tolist(), 0.0)
        held += tested.low <= 0.4 <= tested.high
    assert 0.925 <= held / 500 <= 0.975


def test_few_or_equal_values():
    assert against([0.3], 0.0).p is None
    same = against([0.5, 0.5, 0.5], 0.5)
    assert (same.p, same.low, same.high) == (1.0, 0.5, 0.5)
    assert against([0.5, 0.5], 0.4).p == 0.0
    with pytest.raises(ValueError, match="no value"):
        against([], 0.0)


def test_moments_give_the_same_test_as_the_values():
    x = np.array(VALUES)
    from_moments, from_values = of_moments(x.mean(), x.std(ddof=1) / 10**0.5, 10, 0.2), against(VALUES, 0.2)
    assert from_moments.p == pytest.approx(from_values.p)
    assert from_moments.low == pytest.approx(from_values.low)
    assert of_moments(0.4, None, 1, 0.2).p is None


def test_holm_by_hand():
    """4 p values: 0.01 x 4, 0.02 x 3, then 0.03 x 2 = 0.06 which is not below its predecessor, 0.5 x 1."""
    assert holm({"c": 0.03, "a": 0.01, "d": 0.5, "b": 0.02}) == pytest.approx(
        {"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.5}
    )
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_holm_keeps_the_error_of_the_family():
    """1,000 families of five true null hypotheses: at least one below 0.05 in at most 5 % of them, +- 0.7 %."""
    generator = np.random.default_rng(5)
    wrong = sum(min(holm(dict(enumerate(generator.uniform(size=5)))).values()) < 0.05 for _ in range(1000))
    assert 25 < wrong < 72
