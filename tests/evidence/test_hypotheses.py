"""Verdicts on hypotheses from numbers whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scorebench.evidence.claims import BestLevel, BestOf, Curve, Nowhere, Peak, Ratio, Untested
from scorebench.evidence.hypotheses import verdicts
from scorebench.evidence.numbers import Numbers, Point, from_folder, from_rows
from scorebench.evidence.registered import REGISTERED, Hypothesis

GENERATOR = np.random.default_rng(11)


def study(size: str = "standard", **cells: float) -> Numbers:
    """D_integral of dsm about 1 on data `a` and `b`; that of other cells as given, to 5 % and paired, 10 replicates."""
    numbers = Numbers("toy", size)
    for dataset in ("a", "b"):
        shared = np.exp(0.3 * GENERATOR.standard_normal(10))
        for cell, mean in {"dsm": 1.0, **cells}.items():
            place = (dataset, cell, "ln", "", "D_integral")
            own = np.exp(0.05 * GENERATOR.standard_normal(10))
            numbers.values[place] = dict(enumerate((mean * shared * own).tolist()))
            numbers.keys[place] = f"key-{dataset}-{cell}"
    return numbers


def hypothesis(*claims) -> Hypothesis:
    return Hypothesis("T", 2, "A statement.", "nothing", claims)


def verdict(numbers: Numbers, *claims) -> dict:
    (record,) = verdicts([numbers], [hypothesis(*claims)])
    return record


def ratio(side: str, limit: float) -> Ratio:
    return Ratio("new/ln", "dsm/ln", ("a", "b"), side, limit)


@pytest.mark.parametrize(
    ("truth", "side", "expected"),
    [(0.5, "below", "supported"), (1.3, "below", "refuted"), (1.3, "above", "supported"), (0.5, "above", "refuted")],
)
def test_a_clear_ratio_is_seen_from_both_sides(truth, side, expected):
    record = verdict(study(new=truth), ratio(side, 0.9))
    assert record["verdict"] == expected
    assert [f["estimate"] for f in record["findings"]] == pytest.approx([truth] * 2, rel=0.1)
    assert {f["key"] for f in record["findings"]} == {"key-a-new", "key-b-new"}
    for f in record["findings"]:
        assert f["low"] < f["estimate"] < f["high"]
        assert f["t_low"] < f["estimate"] < f["t_high"]


def test_a_ratio_at_the_limit_is_undecided():
    numbers = study(new=0.9)
    for dataset in ("a", "b"):
        values = numbers.values[dataset, "new", "ln", "", "D_integral"]
        base = numbers.values[dataset, "dsm", "ln", "", "D_integral"]
        logs = np.log([values[r] / base[r] for r in range(10)])
        for r in range(10):  # the mean is exactly on the limit
            values[r] = base[r] * math.exp(logs[r] - logs.mean() + math.log(0.9) - 1e-4)
    assert verdict(numbers, ratio("below", 0.9))["verdict"] == "undecided"


def test_one_data_set_against_refutes_what_is_claimed_of_both():
    numbers = study(new=0.5)
    place = ("b", "new", "ln", "", "D_integral")
    numbers.values[place] = {r: 3 * v for r, v in numbers.values[place].items()}
    record = verdict(numbers, ratio("below", 0.9))
    assert record["verdict"] == "refuted"
    assert "1 of 2 findings" in record["why"]
    assert "on b" in record["why"]


def test_what_no_study_holds_is_not_tested():
    record = verdict(study(), ratio("below", 0.9))
    assert (record["verdict"], record["p"], record["size"]) == ("not tested", None, None)
    assert verdict(study(), Untested("too long"))["why"] == "too long"
    partly = verdict(study(new=0.5), ratio("below", 0.9), Ratio("other/ln", "dsm/ln", ("a",), "below", 1.0))
    assert partly["verdict"] == "supported"
    assert partly["untested"] == ["1 of its 2 claims: no study here holds their cells"]


def test_conclusions_from_quick_studies_are_marked():
    assert verdict(study("quick", new=0.5), ratio("below", 0.9))["size"] == "quick"


def test_false_verdicts_are_rare():
    """200 studies in which new is exactly as good as claimed: at most 5 % may be called either way, +- 1.5 %."""
    wrong = 0
    for _ in range(200):
        record = verdict(study(new=0.9), Ratio("new/ln", "dsm/ln", ("a",), "below", 0.9))
        wrong += record["verdict"] != "undecided"
    assert wrong <= 20


def microscope(values: dict[float, float], se: float = 0.01, metric: str = "gradient_ratio@end") -> Numbers:
    place = ("a", "new", "", "", metric)
    curve = {sigma: Point(mean, se, 6) for sigma, mean in values.items()}
    return Numbers("toy", curves={place: curve}, keys={place: "k"})


def test_curves_are_tested_at_every_level_of_the_range():
    claim = Curve("gradient_ratio@end", "new", ("a",), "below", 0.5, high=1.0)
    assert verdict(microscope({0.01: 0.1, 0.1: 0.2, 10.0: 0.9}), claim)["verdict"] == "supported"
    record = verdict(microscope({0.01: 0.1, 0.1: 0.7, 10.0: 0.9}), claim)
    assert record["verdict"] == "refuted"
    assert "sigma 0.1" in record["why"]
    assert verdict(microscope({0.01: 0.499}), claim)["verdict"] == "undecided"
    twice = Curve("gradient_ratio@end", "new", ("a",), "above", 1.0, factor=2.0)
    assert verdict(microscope({0.01: 0.6}), twice)["verdict"] == "supported"


def test_the_place_of_a_peak():
    inside = microscope({0.05: 1.1, 0.2: 1.9, 1.0: 1.2})
    assert verdict(inside, Peak("gradient_ratio@end", "new", ("a",), 0.1, 0.3))["verdict"] == "supported"
    assert verdict(inside, Peak("gradient_ratio@end", "new", ("a",), 0.5, 3.0))["verdict"] == "refuted"


def test_best_of_several_and_none_everywhere():
    numbers = study(first=0.95, second=0.6)
    best = BestOf(("first/ln", "second/ln"), "dsm/ln", {"a": 0.8, "b": 0.8}, "below")
    record = verdict(numbers, best)
    assert record["verdict"] == "supported"
    assert all("second" in f["statistic"] for f in record["findings"])
    everywhere = Nowhere(("dsm/ln", "second/ln"), ("a", "b"), 1.1)
    assert verdict(numbers, everywhere)["verdict"] == "refuted", "second is the best on both"
    for r, v in numbers.values["b", "second", "ln", "", "D_integral"].items():
        numbers.values["b", "second", "ln", "", "D_integral"][r] = 3 * v
    assert verdict(numbers, everywhere)["verdict"] == "supported"


def test_best_level_is_the_minimum_of_a_parabola():
    numbers, levels = Numbers("toy"), {"s1": 0.05, "s2": 0.1, "s3": 0.2, "s4": 0.4}
    for schedule, sigma in levels.items():
        place = ("a", "dsm", schedule, "", "clean_error")
        noise = np.exp(0.01 * GENERATOR.standard_normal(10))
        numbers.values[place] = {r: math.exp(math.log(sigma / 0.13) ** 2) * n for r, n in enumerate(noise)}
        numbers.keys[place] = "k"
    record = verdict(numbers, BestLevel("dsm", levels, {"a": 0.12}, "below", 1.25))
    assert record["findings"][0]["estimate"] == pytest.approx(0.13 / 0.12, rel=0.02)
    assert record["verdict"] == "supported"
    assert verdict(numbers, BestLevel("dsm", levels, {"a": 0.05}, "below", 1.25))["verdict"] == "refuted"


def test_the_registered_family_is_whole():
    assert [h.id for h in REGISTERED] == [f"H{i}" for i in range(1, 13)]
    records = verdicts([Numbers("empty")])
    assert {r["verdict"] for r in records} == {"not tested"}
    assert all(r["why"] for r in records)


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
    assert numbers.curve("a", "dsm/ln", "D") == {0.1: Point(2.0, 1.0, 2)}


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
