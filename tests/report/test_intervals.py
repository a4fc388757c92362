"""Intervals and contests between methods, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scorebench.evidence.statistics import estimate, paired, said, standing


def test_interval_is_students() -> None:
    values = [0.48, 0.5, 0.533]
    found = estimate(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_paired_interval_is_that_of_the_paired_t_test() -> None:
    a, b = {0: 1.0, 1: 2.0, 2: 4.0}, {0: 1.5, 1: 2.2, 2: 4.9}
    found = paired(a, b)
    expected = stats.ttest_rel(list(a.values()), list(b.values())).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_pairs_find_what_separate_intervals_would_miss() -> None:
    a, b = {0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.1, 1: 2.11, 2: 3.09}
    contest = standing({"a": a, "b": b}, lambda v: v)
    assert contest is not None
    assert (contest.best, contest.tied) == ("a", [])
    tied = standing({"a": a, "b": {0: 1.1, 1: 1.9, 2: 3.1}}, lambda v: v)
    assert tied is not None
    assert tied.tied == ["b"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.1, 0.2, 0.3], "0.20 ± 0.25"),
        ([1234.0, 1250.0, 1239.0], "1,241 ± 20"),
        ([2e-9, 2e-9], "2.00e-09"),
        ([1.0, 1.0, 1.0], "1.00"),
        ([0.0, 0.0], "0"),
        ([-0.5], "-0.500"),
    ],
)
def test_numbers_have_the_digits_that_the_interval_is_worth(values: list[float], text: str) -> None:
    found = estimate(values)
    assert found is not None
    assert said(found) == text
