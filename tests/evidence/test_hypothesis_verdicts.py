"""Verdicts on hypotheses from numbers whose truth is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from scorebench.evidence.table import Place, Point, ResultTable, from_folder, from_rows
from scorebench.evidence.verdicts import Verdict, verdicts
from scorebench.study.hypotheses import Hypothesis
from scorebench.study.params import load

ROOT = Path(__file__).parents[2]
GENERATOR = np.random.default_rng(11)


def study(size: str = "standard", **cells: float) -> ResultTable:
    """D_integral of dsm about 1 on data `a` and `b`; that of other cells as given, to 5 % and paired, 10 replicates."""
    numbers = ResultTable("toy", size)
    for dataset in ("a", "b"):
        shared = np.exp(0.3 * GENERATOR.standard_normal(10))
        for cell, mean in {"dsm": 1.0, **cells}.items():
            place = Place(dataset, cell, "ln", "", "D_integral")
            own = np.exp(0.05 * GENERATOR.standard_normal(10))
            numbers.values[place] = dict(enumerate((mean * shared * own).tolist()))
            numbers.keys[place] = f"key-{dataset}-{cell}"
    return numbers


Claim = dict[str, Any]
"""A claim as a study file has it."""


def verdict(numbers: ResultTable, *claims: Claim) -> Verdict:
    hypothesis = Hypothesis.model_validate({"statement": "A statement.", "claims": list(claims)})
    (found,) = verdicts([(numbers, {"T": hypothesis})])
    return found


def ratio(side: str, limit: float, a: str = "new/ln", datasets: str = "ab") -> Claim:
    return {"kind": "ratio", "a": a, "b": "dsm/ln", "datasets": list(datasets), "side": side, "limit": limit}


def curve(side: str, limit: float, **more: float) -> Claim:
    metric = "gradient_ratio@end"
    return {"kind": "curve", "metric": metric, "method": "new", "datasets": ["a"], "side": side, "limit": limit, **more}


def peak(low: float, high: float) -> Claim:
    place = {"metric": "gradient_ratio@end", "method": "new", "datasets": ["a"]}
    return {"kind": "peak", **place, "low": low, "high": high}


UNTESTED: Claim = {"kind": "untested", "why": "too long"}


@pytest.mark.parametrize(
    ("truth", "side", "expected"),
    [(0.5, "below", "supported"), (1.3, "below", "refuted"), (1.3, "above", "supported"), (0.5, "above", "refuted")],
)
def test_a_clear_ratio_is_seen_from_both_sides(truth, side, expected):
    record = verdict(study(new=truth), ratio(side, 0.9))
    assert record.verdict == expected
    assert [f.tested.estimate for f in record.findings] == pytest.approx([truth] * 2, rel=0.1)
    assert {f.key for f in record.findings} == {"key-a-new", "key-b-new"}
    for f in record.findings:
        assert f.tested.low < f.tested.estimate < f.tested.high


def test_a_ratio_at_the_limit_is_undecided():
    numbers = study(new=0.9)
    for dataset in ("a", "b"):
        values = numbers.values[dataset, "new", "ln", "", "D_integral"]
        base = numbers.values[dataset, "dsm", "ln", "", "D_integral"]
        logs = np.log([values[r] / base[r] for r in range(10)])
        for r in range(10):  # the mean is exactly on the limit
            values[r] = base[r] * math.exp(logs[r] - logs.mean() + math.log(0.9) - 1e-4)
    assert verdict(numbers, ratio("below", 0.9)).verdict == "undecided"


def test_one_data_set_against_refutes_what_is_claimed_of_both():
    numbers = study(new=0.5)
    place = Place("b", "new", "ln", "", "D_integral")
    numbers.values[place] = {r: 3 * v for r, v in numbers.values[place].items()}
    record = verdict(numbers, ratio("below", 0.9))
    assert record.verdict == "refuted"
    assert "1 of 2 findings" in record.why
    assert "on b" in record.why


def test_what_no_study_holds_is_not_tested():
    record = verdict(study(), ratio("below", 0.9))
    assert (record.verdict, record.p, record.size) == ("not tested", None, None)
    assert verdict(study(), UNTESTED).why == "too long"
    partly = verdict(study(new=0.5), ratio("below", 0.9), ratio("below", 1.0, "other/ln", "a"))
    assert partly.verdict == "supported"
    assert partly.untested == ("1 of its 2 claims: this study does not hold their cells",)


def test_conclusions_from_quick_studies_are_marked():
    assert verdict(study("quick", new=0.5), ratio("below", 0.9)).size == "quick"


def test_false_verdicts_are_rare():
    """200 studies in which new is exactly as good as claimed: at most 5 % may be called either way, +- 1.5 %."""
    wrong = 0
    for _ in range(200):
        record = verdict(study(new=0.9), ratio("below", 0.9, datasets="a"))
        wrong += record.verdict != "undecided"
    assert wrong <= 20


def microscope(values: dict[float, float], se: float = 0.01, metric: str = "gradient_ratio@end") -> ResultTable:
    place = Place("a", "new", "", "", metric)
    curve = {sigma: Point(mean, se, 6) for sigma, mean in values.items()}
    return ResultTable("toy", curves={place: curve}, keys={place: "k"})


def test_curves_are_tested_at_every_level_of_the_range():
    claim = curve("below", 0.5, high=1.0)
    assert verdict(microscope({0.01: 0.1, 0.1: 0.2, 10.0: 0.9}), claim).verdict == "supported"
    record = verdict(microscope({0.01: 0.1, 0.1: 0.7, 10.0: 0.9}), claim)
    assert record.verdict == "refuted"
    assert "sigma 0.1" in record.why
    assert verdict(microscope({0.01: 0.499}), claim).verdict == "undecided"
    twice = curve("above", 1.0, factor=2.0)
    assert verdict(microscope({0.01: 0.6}), twice).verdict == "supported"


def test_the_place_of_a_peak():
    inside = microscope({0.05: 1.1, 0.2: 1.9, 1.0: 1.2})
    assert verdict(inside, peak(0.1, 0.3)).verdict == "supported"
    assert verdict(inside, peak(0.5, 3.0)).verdict == "refuted"


def test_best_of_several_and_none_everywhere():
    numbers = study(first=0.95, second=0.6)
    best = {"kind": "best_of", "cells": ["first/ln", "second/ln"], "b": "dsm/ln", "side": "below"}
    best["limits"] = {"a": 0.8, "b": 0.8}
    record = verdict(numbers, best)
    assert record.verdict == "supported"
    assert all("second" in f.statistic for f in record.findings)
    everywhere = {"kind": "nowhere", "cells": ["dsm/ln", "second/ln"], "datasets": ["a", "b"], "factor": 1.1}
    assert verdict(numbers, everywhere).verdict == "refuted", "second is the best on both"
    for r, v in numbers.values["b", "second", "ln", "", "D_integral"].items():
        numbers.values["b", "second", "ln", "", "D_integral"][r] = 3 * v
    assert verdict(numbers, everywhere).verdict == "supported"


def test_best_level_is_the_minimum_of_a_parabola():
    numbers, levels = ResultTable("toy"), {"s1": 0.05, "s2": 0.1, "s3": 0.2, "s4": 0.4}
    for schedule, sigma in levels.items():
        place = Place("a", "dsm", schedule, "", "clean_error")
        noise = np.exp(0.01 * GENERATOR.standard_normal(10))
        numbers.values[place] = {r: math.exp(math.log(sigma / 0.13) ** 2) * n for r, n in enumerate(noise)}
        numbers.keys[place] = "k"
    claim = {"kind": "best_level", "method": "dsm", "levels": levels, "side": "below", "limit": 1.25}
    record = verdict(numbers, {**claim, "rule": {"a": 0.12}})
    assert record.findings[0].tested.estimate == pytest.approx(0.13 / 0.12, rel=0.02)
    assert record.verdict == "supported"
    assert verdict(numbers, {**claim, "rule": {"a": 0.05}}).verdict == "refuted"


def test_a_value_of_one_cell_against_a_limit():
    numbers = study(new=0.5)
    claim = {"kind": "value", "cell": "new/ln", "datasets": ["a"], "side": "below", "limit": 2.0}
    record = verdict(numbers, claim)
    assert record.verdict == "supported"
    logs = np.log(list(numbers.values["a", "new", "ln", "", "D_integral"].values()))
    assert record.findings[0].tested.estimate == pytest.approx(math.exp(logs.mean()))
    assert record.p == pytest.approx(stats.ttest_1samp(logs, math.log(2)).pvalue)
    assert verdict(numbers, {**claim, "side": "above"}).verdict == "refuted"


def test_curves_of_a_cell_are_no_numbers_of_the_microscope():
    numbers = microscope({0.1: 0.1})
    assert verdict(numbers, {**curve("below", 0.5), "schedule": "ln"}).verdict == "not tested"
    (place,) = numbers.curves
    moved = place._replace(schedule="ln")
    cell = ResultTable("toy", curves={moved: numbers.curves[place]}, keys={moved: "k"})
    assert verdict(cell, {**curve("below", 0.5), "schedule": "ln"}).verdict == "supported"


PUBLISHED = {
    "H1": ("supported", 0.0006594798393386338, 0.0034910909263346536),
    "H2": ("refuted", 0.00044965853773249365, 0.0034910909263346536),
    "H3": ("refuted", 0.0004363863657918317, 0.0034910909263346536),
    "H4": ("undecided", 1.0, 1.0),
    "H5": ("refuted", 0.0001355205310030888, 0.0012196847790277993),
    "H6": ("supported", 0.0011590047071917387, 0.004636018828766955),
    "H7": ("refuted", 5.961388455445653e-07, 6.557527300990219e-06),
    "H8": ("supported", 0.0004860358563541207, 0.0034910909263346536),
    "H9": ("refuted", 1.4685122035336741e-24, 1.762214644240409e-23),
    "H10": ("undecided", 0.4516770275210763, 1.0),
    "H11": ("supported", 2.38532055424863e-06, 2.38532055424863e-05),
    "H12": ("undecided", 0.5016301274647875, 1.0),
}
"""Verdict, p and Holm's p of the twelve on studies/results, as they were when they stood in the package's source."""


def test_the_twelve_registered_hypotheses_have_the_verdicts_that_they_had():
    tried = [
        (from_folder(ROOT / "studies/results" / name), load(ROOT / "studies" / f"{name}.yaml").hypotheses)
        for name in ("noise", "hybrid", "data")
    ]
    told = {v.id: v for v in verdicts(tried)}
    assert set(told) == set(PUBLISHED)
    for name, (word, p, p_holm) in PUBLISHED.items():
        assert told[name].verdict == word
        assert (told[name].p, told[name].p_holm) == pytest.approx((p, p_holm), rel=1e-9, abs=0)


@pytest.mark.parametrize("name", ["noise", "hybrid"])
def test_the_other_sizes_of_a_study_inherit_its_hypotheses(name):
    sizes = [load(ROOT / "studies" / f"{name}{size}.yaml").hypotheses for size in ("", "-quick", "-full")]
    assert [list(each) for each in sizes] == [list(sizes[0])] * 3
    assert sizes[1] == sizes[0]
    changed = [h for h in sizes[0] if sizes[2][h] != sizes[0][h]]
    assert changed == ([] if name == "noise" else ["H12"]), "the whole study runs the long trainings on few data"
    records = verdicts([(ResultTable("empty"), sizes[0])])
    assert {r.verdict for r in records} == {"not tested"}
    assert all(r.why for r in records)


ROW = {
    "dataset": "a",
    "method": "dsm",
    "schedule": "ln",
    "sampler": None,
    "sigma": None,
    "key": "k",
    "status": "trained",
}


def test_rows_of_lost_replicates_do_not_count():
    rows = [{**ROW, "metric": "D_integral", "replicate": r, "value": float(r + 1)} for r in range(3)]
    rows[1]["status"] = "diverged"
    rows += [{**ROW, "metric": "D", "sigma": 0.1, "replicate": r, "value": v} for r, v in enumerate([1.0, 3.0])]
    numbers = from_rows(rows, "toy")
    assert numbers.of("a", "dsm/ln", "D_integral") == {0: 1.0, 2: 3.0}
    assert numbers.curve("a", "dsm/ln", "D") == {0.1: Point(2.0, 1.0, 2, 1.0, 3.0)}


def test_published_numbers_are_read_back(tmp_path):
    from scorebench import storage
    from scorebench.commands.publish import COLUMNS, SCALES, as_csv, condensed, curves

    rows = [{**ROW, "metric": "D_integral", "replicate": r, "value": 0.25 * (r + 1)} for r in range(3)]
    rows[1]["status"] = "failed"
    rows += [
        {**ROW, "metric": "gradient_ratio@end", "schedule": None, "sigma": s, "replicate": r, "value": s + r}
        for s in (0.1, 1.0) for r in range(2)
    ]  # fmt: skip
    storage.write_text(tmp_path / "results.csv", as_csv(COLUMNS, condensed(rows)))
    storage.write_text(tmp_path / "scales.csv", as_csv(SCALES, curves(rows)))
    storage.write_json(tmp_path / "about.json", {"study": "toy", "size": "quick"})
    read, told = from_folder(tmp_path), from_rows(rows, "toy", "quick")
    assert read.values == told.values
    assert read.keys == told.keys
    assert (read.study, read.size) == ("toy", "quick")
    (place,) = read.curves
    assert read.curves[place].keys() == told.curves[place].keys()
    assert read.curves[place][0.1].mean == pytest.approx(0.6)
    assert read.curves[place][0.1].se == pytest.approx(0.5)
    assert read.curves[place][0.1].n == 2
