"""The judge's tests: as many false alarms as stated, looks that end, no pass where noise hides a mistake."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch
from scipy import stats
from torch import Tensor

from scorebench.conformance import LOOKS, Claims, Told
from scorebench.conformance._claims import claims_of
from scorebench.conformance._judge import Outcome, look
from scorebench.conformance._report import judge_property
from scorebench.conformance._statistics import Measurement, measure


def test_whatever_is_claimed_can_be_told():
    assert Told.__annotations__.keys() == {field.name for field in fields(Claims)}
    assert claims_of(lambda score, batch, generator: None, noise="clean", scale=2.0) == Claims("clean", scale=2.0)


def test_tolerance_is_students():
    m = Measurement("here", 1.0, 1.0, 0.1, 9)
    assert m.tolerance(0.02) == pytest.approx(0.1 * stats.t.ppf(0.99, 9), rel=1e-6)


def test_false_alarms_are_as_many_as_stated():
    """5,000 means of 32 normals at alpha = 1 %: 50 +- 7 false alarms; within 5 standard deviations."""
    samples = torch.randn(5000, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) + 3
    alarms = sum((m := measure(row, 3.0, "here")).deviation > m.tolerance(0.01) for row in samples)
    assert abs(alarms - 50) < 5 * (50 * 0.99) ** 0.5


def test_looking_again_raises_no_more_false_alarms_than_stated():
    """2,000 tests that take two to four looks, at alpha = 5 % shared out over LOOKS: at most 100 +- 10 false alarms."""
    generator, alarms, looks = torch.Generator().manual_seed(5), 0, []
    for _ in range(2000):
        ranges: list[range] = []

        def draw(blocks: range, ranges: list[range] = ranges) -> tuple[Tensor]:
            ranges.append(blocks)
            return (torch.randn(len(blocks), dtype=torch.float64, generator=generator),)

        ((m,),) = look(16, draw, lambda samples: [[measure(samples, 0.0, "here", resolution=1.0)]])
        assert [r.start for r in ranges[1:]] == [r.stop for r in ranges[:-1]]
        assert m.freedom + 1 == ranges[-1].stop
        looks.append(len(ranges))
        alarms += m.deviation > m.tolerance(0.05 / LOOKS)
    assert 1 < min(looks) <= max(looks) < LOOKS
    assert alarms < 100 + 5 * (100 * 0.95) ** 0.5


def test_looking_ends_after_so_many_looks_and_at_a_failure():
    def blocks_of(mean: float, resolution: float) -> int:
        def draw(blocks: range) -> tuple[Tensor]:
            return (mean + torch.randn(len(blocks), generator=torch.Generator().manual_seed(blocks.start)),)

        ((m,),) = look(16, draw, lambda samples: [[measure(samples, 0.0, "here", resolution=resolution)]])
        return m.freedom + 1

    assert blocks_of(0.0, 1e-3) == 16 * 2 ** (LOOKS - 1)
    assert blocks_of(50.0, 1e-3) == 16
    assert blocks_of(0.0, 50.0) == 16


def status(measurement: Measurement) -> str:
    return judge_property("p", Outcome([measurement]), 1e-6).status


def test_a_test_too_noisy_to_fail_is_no_pass():
    assert status(Measurement("here", 1.0, 1.0, 0.01, 30, resolution=0.2)) == "pass"
    assert status(Measurement("here", 1.0, 1.0, 0.1, 30, resolution=0.2)) == "undecided"
    assert status(Measurement("here", 2.0, 1.0, 0.01, 30, resolution=0.2)) == "fail"
    assert status(Measurement("here", math.nan, 1.0, 0.01, 30)) == "fail"
    assert status(Measurement("here", 1.0, 1.0, math.nan, 30)) == "fail"


def test_one_sided_tests_let_smaller_values_pass():
    assert status(Measurement("here", -5.0, 2.0, 0.01, 30, "above")) == "pass"
    assert status(Measurement("here", 3.0, 2.0, 0.01, 30, "above")) == "fail"
