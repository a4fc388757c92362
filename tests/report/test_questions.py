"""The two questions and the advice: what is said follows from the numbers, whichever way they fall."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made import UNTOLD
from scipy import stats

from scorebench import storage
from scorebench.report import hypotheses, questions
from scorebench.report.recommendation import recommendation
from scorebench.report.results import Results
from scorebench.report.summary import headline
from scorebench.report.tables import table
from scorebench.specs.advice import Advised, Proposal
from scorebench.specs.train import TrainFacts
from scorebench.stages.advice import advice as advice_stage
from scorebench.stages.prepare import prepare
from scorebench.study.plan import Job, Study

STUDY = """
title: Known numbers
seed: 1
replicates: 4
datasets:
  ring: {source: ring, sizes: {train: 3000, validation: 10, test: 10}}
networks:
  default: {network: mlp}
  wide: {network: mlp, options: {width: 128}}
methods:
  dsm: {objective: dsm}
  ssm: {objective: ssm_vr}
  both: {objective: hybrid}
  both_wide: {objective: hybrid, network: wide}
  pairs: {objective: antithetic_dsm}
schedules:
  even: {schedule: log_uniform}
  steps: {schedule: geometric}
  low: {schedule: single, options: {sigma: 0.02}}
  middle: {schedule: single, options: {sigma: 0.1}}
  high: {schedule: single, options: {sigma: 0.5}}
samplers: {flow: {sampler: probability_flow}}
robustness: {longer: {methods: [pairs], datasets: [ring], schedules: [even], times_steps: 2}}
training: {steps: 10, batch: 8, learning_rate: 0.001}
sampling: {points: 100}
"""
NOISE = np.array([0.00, 0.01, -0.01, 0.02])


def results(
    tmp_path: Path,
    errors: dict[str, Any],
    clean: dict[str, float] | None = None,
    hypotheses: str = "",
    untrained: float | None = None,
) -> Results:
    """Results of four replicates: method/schedule -> error over all scales, schedule -> error of DSM on clean data.

    hypotheses: the section of the study file. untrained: the error of untrained networks.
    """
    file = tmp_path / "known.yaml"
    file.write_text(STUDY + hypotheses)
    spec = Study(file).spec(Job("report"))
    names = ("dataset", "method", "schedule", "replicate", "sampler", "metric", "sigma", "value", "status")
    rows = []
    for at, level in errors.items():
        method, schedule = at.split("/")
        for r, number in enumerate(np.broadcast_to(level, 4) * (1 + NOISE)):
            rows.append(("ring", method, schedule, r, None, "D_integral", None, float(number), "trained"))
            if untrained:
                rows.append(("ring", method, schedule, r, None, "D_integral_untrained", None, untrained, "trained"))
            for sigma, share in ((0.01, 0.1), (0.2, 1.0), (5.0, 0.01)):
                rows.append(("ring", method, schedule, r, None, "D", sigma, share * float(number), "trained"))
    for schedule, level in (clean or {}).items():
        sigma = {"low": 0.02, "middle": 0.1, "high": 0.5}[schedule]
        for r, noise in enumerate(NOISE):
            rows.append(("ring", "dsm", schedule, r, None, "D", sigma, level, "trained"))
            rows.append(("ring", "dsm", schedule, r, None, "clean_error", None, level * (1 + noise), "trained"))
    ends = {"status": ["trained"] * 4, "ended_at": [None] * 4, "reasons": [None] * 4}
    facts = TrainFacts(**ends, evaluations=1000, training_seconds=2.5, **UNTOLD)
    trained = {f"{c.dataset}/{c.method}/{c.schedule}": facts for c in spec.cells}
    return Results(spec, [dict(zip(names, row, strict=True)) | {"key": "0123"} for row in rows], trained)


def text(sentences: list[Any]) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", str(sentence)) for sentence in sentences)


def test_the_best_schedule_is_named_with_its_interval_and_its_worst_scale(tmp_path: Path) -> None:
    found = results(tmp_path, {"dsm/even": 1.0, "dsm/steps": 1.5, "ssm/steps": 0.1})
    said = text(questions.noise(found, "ring"))
    half = stats.t.ppf(0.975, 3) * np.std(1 + NOISE, ddof=1) / 2
    assert f"Of 2 schedules for dsm, even has the least error (1.005 ± {half:.3f} nats); behind it steps 1.50 [" in said
    assert "Its D(σ) is largest at σ = 0.20 (1.0), which is not the smallest scale." in said
    assert "even on 1." in text(questions.noise_overall(found))
    assert "steps" not in text(questions.noise_overall(found))


def test_no_difference_between_schedules_is_said(tmp_path: Path) -> None:
    found = results(tmp_path, {"dsm/even": [1.0, 1.2, 0.9, 1.1], "dsm/steps": [1.1, 1.0, 1.1, 1.1]})
    assert "no difference found to" in text(questions.noise(found, "ring"))
    assert text(questions.noise_overall(found)).count(" on 1") == 2


def test_the_best_single_level_is_found_and_held_against_the_advice(tmp_path: Path) -> None:
    found = results(tmp_path, {"dsm/even": 1.0}, {"low": 0.5, "middle": 0.2, "high": 0.9})
    assert "Of 3 single noise levels for dsm, σ = 0.100 has the least error (0.20" in text(
        questions.noise(found, "ring")
    )
    advice = recommendation(found, "ring", advised(tmp_path))
    assert advice is not None
    rows = {row.what: row for row in advice.rows}
    assert set(rows) == {"Lowest noise level", "Highest noise level", "One noise level for DSM", "Hardest scale"}
    single = rows["One noise level for DSM"]
    assert "0.100 of <b>middle</b>" in single.found
    assert "N = 80 gradient samples" in single.why, "10 steps of 8, which this study trains for"
    assert single.advised == rows["Hardest scale"].advised, "so few allow no less noise than the structure is wide"
    assert rows["Hardest scale"].agrees == "alike, within a factor of 2"
    assert 0.1 < float(rows["Hardest scale"].advised) < 0.2, "the components' standard deviation is 0.15"
    assert [(r.schedule, r.low, r.high, r.best) for r in advice.ranges[1:]] == [
        ("even", 0.01, 10.0, True),
        ("steps", 0.01, 10.0, False),
        ("low", 0.02, 0.02, False),
        ("middle", 0.1, 0.1, False),
        ("high", 0.5, 0.5, False),
    ]


def test_schedules_that_fall_short_of_the_data_are_named(tmp_path: Path) -> None:
    """Ladders from 10 to 0.01; points up to 16 apart, with a structure of 0.005. Of the ring itself nothing is said."""
    found = results(tmp_path, {"dsm/even": 1.0}, {"low": 0.5, "middle": 0.2, "high": 0.9})
    told = advised(tmp_path)
    assert told.proposals is not None
    ring = recommendation(found, "ring", told)
    assert ring is not None
    assert ring.warnings == told.warnings
    wide = {"sigma_max": Proposal(value=16, why=""), "sigma_local": Proposal(value=0.005, why="")}
    short = recommendation(found, "ring", told.model_copy(update={"proposals": told.proposals.model_copy(update=wide)}))
    assert short is not None
    above, below = short.warnings[len(told.warnings) :]
    assert "highest noise level of even (10.0), steps (10.0) is below the largest distance" in above
    assert "lowest noise level of even (0.0100), steps (0.0100) is above tau, 0.00500" in below


def advised(folder: Path) -> Advised:
    """What the real stages make of the data set."""
    study = Study(folder / "known.yaml")
    prepare(study.spec(Job("prepare", "ring")), {}, folder)
    advice_stage(study.spec(Job("advice", "ring")), {"data": folder}, folder)
    return Advised.model_validate(storage.read_json(folder / "advice.json"))


def test_nothing_is_advised_on_points_that_are_all_the_same(tmp_path: Path) -> None:
    found = results(tmp_path, {"dsm/even": 1.0})
    study = Study(tmp_path / "known.yaml")
    prepare(study.spec(Job("prepare", "ring")), {}, tmp_path)
    same = pa.table({"x": storage.points_column(np.ones((20, 2), np.float32))})
    storage.write_table(tmp_path / "train.parquet", same)
    facts = advice_stage(study.spec(Job("advice", "ring")), {"data": tmp_path}, tmp_path)
    assert not facts.advised
    told = Advised.model_validate(storage.read_json(tmp_path / "advice.json"))
    assert recommendation(found, "ring", told) is None


@pytest.mark.parametrize(
    ("dsm", "ssm", "both", "answer"),
    [
        (1.0, 2.0, 0.5, "here it helps, whichever it would replace"),
        (1.0, 2.0, 1.5, "here one of its parts alone is better"),
        (1.0, 2.0, [0.8, 1.3, 1.1, 0.9], "here it is not found to help over the better of its parts"),
    ],
)
def test_whether_the_combination_helps(tmp_path: Path, dsm: float, ssm: float, both: Any, answer: str) -> None:
    found = results(tmp_path, {"dsm/even": dsm, "ssm/even": ssm, "both/even": both, "both_wide/even": 0.01})
    rows = questions.combinations(found, "ring")
    assert [(row.method, row.part) for row in rows] == [("both", "dsm"), ("both", "ssm")], "the wide one has no parts"
    logs = np.log(np.broadcast_to(both, 4) / dsm)
    one = rows[0].comparison
    assert one.estimate == pytest.approx(np.exp(logs.mean()))
    if np.ptp(logs) > 0:
        low, high = stats.t.interval(1 - 0.05 / 2, 3, loc=logs.mean(), scale=stats.sem(logs))
        assert (one.low, one.high) == pytest.approx((np.exp(low), np.exp(high))), "the two parts are a family"
    assert answer in text(questions.hybrid(found, "ring"))
    counts = re.findall(r"\d+", text(questions.hybrid_overall(found)))
    assert counts[1] == "1"
    assert [int(n) for n in (counts[0], *counts[2:])] == [
        answer.startswith("here it helps"),
        "alone is better" in answer,
        "not found" in answer,
    ]


def test_the_best_rival_of_the_combination_is_named(tmp_path: Path) -> None:
    found = results(tmp_path, {"dsm/even": 1.0, "ssm/even": 2.0, "both/even": 0.5, "pairs/even": 0.3})
    said = text(questions.hybrid(found, "ring"))
    told = "both on even, has 67 % more error than the best method that combines nothing, pairs on even (ratio 1.67 ["
    assert f"The best combination, {told}" in said


def test_variants_of_a_referee_win_nothing(tmp_path: Path) -> None:
    found = results(tmp_path, {"dsm/even": 1.0, "pairs/even": 0.5, "pairs-longer/even": 0.1})
    shown = headline(found, "ring")
    assert shown.best == "<b>pairs</b>"
    assert not shown.tied
    assert shown.others == 1


def test_a_run_that_collapsed_is_named_and_hides_nothing(tmp_path: Path) -> None:
    """pairs are ten times as good as dsm, of which one run stayed where it began."""
    found = results(tmp_path, {"dsm/even": [1.0, 1.1, 1.0, 7.4], "pairs/even": [0.1, 0.11, 0.1, 0.1]}, untrained=7.5)
    shown = headline(found, "ring")
    assert (shown.best, shown.tied, shown.others) == ("<b>pairs</b>", [], 1)
    assert text(shown.collapsed) == "dsm: 1 of 4 runs collapsed (replicate 3)"
    said = text(shown.sentences)
    assert "Behind it: dsm ×10" in said
    assert "without 1 of 4 runs that collapsed (replicate 3), with it 16" in said
    assert "Collapsed, with an error above 0.9 of the untrained network's: dsm: 1 of 4 runs collapsed" in said
    (line,) = (line for line in table(found, "ring", "D_integral").lines if line.method == "dsm")
    assert "1 of 4 runs collapsed (replicate 3)" in line.entries[0].notes
    shares = {line.method: line.entries[0].text for line in table(found, "ring", "collapsed").lines}
    assert (shares["dsm"], shares["pairs"]) == ("1 of 4", "0 of 4")
    assert "collapsed" in found.metrics("ring")


def test_nothing_to_ask(tmp_path: Path) -> None:
    found = results(tmp_path, {"pairs/even": 1.0})
    assert questions.noise(found, "ring") == []
    assert questions.hybrid(found, "ring") == []
    assert questions.noise_overall(found) == questions.hybrid_overall(found) == []


HYPOTHESES = """
hypotheses:
  worse:
    statement: SSM-VR ends more than twice as bad as DSM.
    expected: "<true>"
    claims:
      - {kind: ratio, a: ssm/even, b: dsm/even, datasets: [ring], side: above, limit: 2}
  elsewhere:
    statement: So it does at other noise.
    claims:
      - {kind: ratio, a: ssm/steps, b: dsm/steps, datasets: [ring], side: above, limit: 2}
"""


def test_the_hypotheses_of_the_study_are_tried_and_no_others(tmp_path: Path) -> None:
    worse = {"dsm/even": 1.0, "ssm/even": [2.9, 3.0, 3.1, 3.3]}
    shown = hypotheses.tried(results(tmp_path, worse, hypotheses=HYPOTHESES))
    assert [(each.verdict.id, each.verdict.verdict) for each in shown] == [
        ("worse", "supported"),
        ("elsewhere", "not tested"),
    ]
    assert shown[0].findings[0].startswith("ring: D_integral: ssm/even over dsm/even is 3.07 [")
    assert shown[0].findings[0].endswith("claimed above 2.00: as claimed")
    assert shown[1].verdict.why == "this study does not hold the cells that it is about"

    better = {"dsm/even": 1.0, "ssm/even": [0.9, 1.0, 1.1, 1.3]}
    shown = hypotheses.tried(results(tmp_path, better, hypotheses=HYPOTHESES))
    assert shown[0].verdict.verdict == "refuted"


def test_a_study_without_hypotheses_tries_none(tmp_path: Path) -> None:
    assert hypotheses.tried(results(tmp_path, {"dsm/even": 1.0, "ssm/even": 2.0})) == []


def test_what_was_expected_is_told_to_the_report_alone(tmp_path: Path) -> None:
    results(tmp_path, {"dsm/even": 1.0}, hypotheses=HYPOTHESES)
    study = Study(tmp_path / "known.yaml")
    jobs = [*study.inputs(Job("report")).values()]
    assert len(jobs) > 20
    assert not [job for job in jobs if "twice as bad" in str(study.ingredients(job))]
    assert "twice as bad" in str(study.ingredients(Job("report")))
