"""The one rule for what is told apart: Student's intervals on log ratios, families, collapsed runs; against scipy's."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy import stats

from scorebench.evidence.catalogue import metric
from scorebench.evidence.comparisons import Comparison, Measured, Ranking, compared, ranking
from scorebench.evidence.intervals import interval
from scorebench.evidence.sentences import runs, says
from scorebench.evidence.table import ResultTable
from scorebench.evidence.words import said

ERROR, SHARE, EXCESS = metric("D_integral"), metric("mode_coverage"), metric("excess_loss_integral")


def measured(*values: float, collapsed: tuple[int, ...] = ()) -> Measured:
    return Measured(dict(enumerate(values)), frozenset(collapsed))


def duel(a: Measured, b: Measured, name: str = "D_integral") -> Comparison:
    return compared({"pair": (a, b)}, metric(name))["pair"]


def rank(**contenders: Measured) -> Ranking:
    found = ranking(contenders, ERROR)
    assert found is not None
    return found


@pytest.mark.parametrize("family", [1, 13])
def test_interval_is_students(family: int) -> None:
    values = [0.48, 0.5, 0.533]
    found = interval(values, family)
    low, high = stats.t.interval(1 - 0.05 / family, 2, loc=np.mean(values), scale=stats.sem(values))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_ratios_are_compared_by_the_paired_t_test_of_their_logarithms() -> None:
    a, b = (1.0, 2.0, 4.0), (1.5, 2.2, 4.9)
    found = duel(measured(*a), measured(*b))
    expected = stats.ttest_rel(np.log(a), np.log(b)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)), rel=1e-9)
    assert found.estimate == pytest.approx(math.prod(x / y for x, y in zip(a, b, strict=True)) ** (1 / 3))


def test_a_family_shares_its_chance_of_an_error() -> None:
    pair = (measured(1.0, 1.1, 1.0, 1.2), measured(1.1, 1.2, 1.2, 1.25))
    alone, many = duel(*pair), compared(dict.fromkeys(range(20), pair), ERROR)[7]
    assert alone.sure
    assert not many.sure
    assert math.log(many.high / many.low) / math.log(alone.high / alone.low) == pytest.approx(
        stats.t.ppf(1 - 0.025 / 20, 3) / stats.t.ppf(0.975, 3)
    )


def test_two_replicates_that_differ_bound_nothing_in_a_large_family() -> None:
    """Student's quantile with one degree of freedom is 2,546 for 200 pairs: an interval of ratios beyond any number."""
    pair = (measured(1.0, 3.0), measured(1.0, 1.0))
    found = compared(dict.fromkeys(range(200), pair), ERROR)[0]
    assert stats.t.ppf(1 - 0.025 / 200, 1) * math.log(3) / 2 > math.log(sys.float_info.max)
    assert (found.low, found.high) == (0.0, pytest.approx(sys.float_info.max))
    assert not found.sure


def test_false_alarms_of_a_family_are_rare() -> None:
    """400 families of ten methods that are all alike: one is told apart in at most 5 % of them, +- 1.1 %."""
    generator = np.random.default_rng(3)
    wrong = 0
    for _ in range(400):
        first, *others = (measured(*np.exp(generator.normal(0, 0.3, 8))) for _ in range(11))
        wrong += any(c.sure for c in compared({i: (o, first) for i, o in enumerate(others)}, ERROR).values())
    assert 2 <= wrong <= 33


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [("mode_coverage", (0.5, 0.6, 0.5), (0.9, 1.0, 0.8)), ("excess_loss_integral", (0.3, 0.4, 0.3), (0.1, -0.2, 0.0))],
)
def test_where_logarithms_mean_nothing_differences_are_compared(name: str, a: tuple, b: tuple) -> None:
    found = duel(measured(*a), measured(*b), name)
    sign = -1 if name == "mode_coverage" else 1
    expected = stats.ttest_rel(sign * np.array(a), sign * np.array(b)).confidence_interval(0.95)
    assert not found.ratio
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert not duel(measured(0.1, 0.2), measured(0.3, 0.0)).ratio, "there is no logarithm of an error of 0"


def test_pairs_find_what_separate_intervals_would_miss() -> None:
    a, b = measured(1.0, 2.0, 3.0), measured(1.1, 2.21, 3.29)
    assert (rank(a=a, b=b).best, rank(a=a, b=b).tied) == ("a", [])
    assert rank(a=a, b=measured(1.1, 1.9, 3.1)).tied == ["b"]


STF = (0.017, 0.019, 0.018, 0.018, 0.017, 0.018, 0.019, 0.018)
ENERGY = (0.11, 0.12, 0.13, 0.12, 0.12, 0.73, 0.11, 0.12)
"""ring8 of a default study: one of eight runs of energy_dsm stayed at the untrained network's error of 0.75."""


def test_one_collapsed_run_hides_no_difference() -> None:
    """By differences of means, 0.018 against 0.20 +- 0.18 was `no difference found`."""
    table = ResultTable("toy")
    for method, values in (("antithetic_stf", STF), ("energy_dsm", ENERGY)):
        for name, each in (("D_integral", values), ("D_integral_untrained", [0.75] * 8)):
            table.values["ring8", method, "log_uniform", "", name] = dict(enumerate(each))
    assert table.collapsed("ring8", "energy_dsm/log_uniform") == {5}
    assert not table.collapsed("ring8", "antithetic_stf/log_uniform")
    differences = np.subtract(ENERGY, STF)
    assert stats.ttest_1samp(differences, 0).pvalue > 0.05, "the case is one that a test of differences misses"

    sides = {m: table.measured("ring8", f"{m}/log_uniform", "D_integral") for m in ("antithetic_stf", "energy_dsm")}
    others = {f"other{i}": measured(*np.multiply(STF, 2 + i)) for i in range(12)}
    found = ranking(sides | others, ERROR)
    assert found is not None
    assert found.best == "antithetic_stf"
    assert "energy_dsm" not in found.tied
    assert found.collapsed == {"energy_dsm": (5,)}
    one = found.behind["energy_dsm"]
    logs = np.log(np.divide(ENERGY, STF))
    assert (one.lost, one.n) == ((5,), 7)
    assert one.estimate == pytest.approx(math.exp(np.delete(logs, 5).mean()))
    assert one.overall == pytest.approx(math.exp(logs.mean()))
    assert runs(found.collapsed["energy_dsm"], 8) == "1 of 8 runs collapsed (replicate 5)"
    said_ = says(one, "antithetic_stf")
    assert said_.startswith("has 6.6 times the error of antithetic_stf (ratio 6.58 [")
    assert said_.endswith("; without 1 of 8 runs that collapsed (replicate 5), with it 8.26)")


def test_one_collapsed_run_of_very_many_orders_hides_none_either() -> None:
    """At an error 10,000 times as large the interval of all logarithms would hold 1 too."""
    a, b = measured(1.0, 1.1, 0.9, 1.0, 1.0), measured(2.0, 2.1, 2.0, 1.9, 1e4, collapsed=(4,))
    logs = np.log([2.0, 2.1 / 1.1, 2 / 0.9, 1.9, 1e4])
    assert stats.ttest_1samp(logs, 0).pvalue > 0.05
    assert rank(a=a, b=b).tied == []


def test_who_collapses_in_most_runs_is_judged_by_these() -> None:
    a, b = measured(1.0, 1.1, 0.9, 1.0), measured(9.0, 0.5, 9.1, 9.2, collapsed=(0, 2, 3))
    found = duel(b, a)
    assert (found.n, found.lost, found.overall) == (4, (), None)
    assert found.estimate > 1


def test_of_two_runs_none_is_left_out() -> None:
    found = duel(measured(9.0, 1.0, collapsed=(0,)), measured(1.0, 0.5))
    assert (found.n, found.lost) == (2, ())
    assert found.low is not None


def test_a_run_that_collapsed_counts_where_the_best_is_chosen() -> None:
    """b is better in three runs of four, and not told from a; it is not called best."""
    a, b = measured(1.0, 1.1, 0.9, 1.0), measured(0.9, 1.0, 0.8, 50.0, collapsed=(3,))
    found = rank(a=a, b=b)
    assert (found.best, found.tied) == ("a", ["b"])


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.5, "has 50 % less error than DSM (ratio 0.50 ["), (1.3, "has 30 % more error than DSM (ratio 1.30 [")],
)
def test_words_follow_the_interval(ratio: float, text: str) -> None:
    base = (1.0, 1.1, 0.9, 1.0)
    near = [ratio * v * f for v, f in zip(base, (1.01, 0.99, 1.01, 0.99), strict=True)]
    assert says(duel(measured(*near), measured(*base)), "DSM").startswith(text)
    far = [ratio * v * f for v, f in zip(base, (4, 1 / 4, 4, 1 / 4), strict=True)]
    assert says(duel(measured(*far), measured(*base)), "DSM").startswith("can't be told from DSM (ratio ")
    assert "by one replicate" in says(duel(measured(ratio), measured(1.0)), "DSM")


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
    found = interval(values)
    assert found is not None
    assert said(found) == text
