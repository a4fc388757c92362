"""The adapters of public libraries, and the page that is made of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from scorebench import parts
from scorebench.conformance import PROPERTIES, check
from scorebench.conformance.controls import CONTROLS
from scorebench.objectives import objective


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in ("peers", "judge", "judge_page")]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "package", "wrong"),
    [("ebmkit", "ebm", set()), ("torchebm", "torchebm", {"ScoreMatching (approx)"})],
)
def test_minimum_of_every_peer_but_one_is_at_the_truth(library, package, wrong):
    """torchebm's finite-difference trace is divided by the dimension."""
    pytest.importorskip(package)
    losses = importlib.import_module(f"peers.{library}").LOSSES
    failed = {name for name, peer in losses.items() if check(peer.loss, properties=["minimum on mixtures"]).failed}
    assert failed == wrong


def line(kind: str, title: str, failed: list[str]) -> dict:
    return {"kind": kind, "title": title, "seed": 0, "passed": not failed, "failed": failed, "seconds": 1.0}


def test_rates_count_what_is_expected():
    judge = importlib.import_module("judge")
    rows, right = judge.counts([line("objective", "dsm", []), line("control", "negated", ["sign and scale"])])
    assert right
    assert "| dsm | passes | 1 | 1 | 1 of 1 | 1.0 |" in rows
    rows, right = judge.counts([line("objective", "dsm", []), line("objective", "dsm", ["images"])])
    assert not right
    assert "| dsm | passes | 2 | 1 | 1 of 2 | 1.0 |" in rows
    assert not judge.counts([line("control", "negated", ["images"])])[1]  # for the wrong reason


def test_summary_tells_false_alarms_from_misses():
    """No false alarm in n verdicts: the rate is below 1 - 0.05^(1/n) with 95 % confidence (Clopper and Pearson)."""
    judge = importlib.import_module("judge")
    good, flawed = [line("objective", "dsm", [])] * 100, [line("objective", "lcss", ["images"])]
    said = judge.summary([*good, *flawed, line("control", "negated", ["images"])])
    assert f"Of 100 verdicts on correct losses 0 failed: a rate of false alarms below {1 - 0.05**0.01:.2g}" in said
    assert "Of 2 on losses with a mistake, or that change the objective, 0 passed; 1 of the 1 on negative" in said
    said = judge.summary([*good, line("objective", "dsm", ["images"]), line("control", "negated", [])])
    assert "Of 101 verdicts on correct losses 1 failed" in said
    assert "1 passed" in said


def test_verdicts_count_for_the_code_that_they_were_made_with():
    judge = importlib.import_module("judge")
    of = {title: judge.source("objective", title) for title in ("dsm", "ssm_vr", "ssm_vr, sphere probes")}
    assert of["dsm"] != of["ssm_vr"] == of["ssm_vr, sphere probes"]
    assert judge.source("control", "negated") not in of.values()


def test_every_objective_control_and_kind_of_probe_is_measured():
    judge = importlib.import_module("judge")
    assert {o["name"] for o in judge.objectives().values()} == set(parts.names("objective"))
    assert {"ssm_vr, gaussian probes", "ssm_vr, sphere probes"} <= set(judge.objectives())
    assert {title for kind, title, _ in judge.tasks(1, 1) if kind == "control"} == set(CONTROLS)


def test_page_has_a_column_for_every_property_and_says_why():
    page = importlib.import_module("judge_page")
    good = check(objective("dsm"), properties=["determinism"])
    bad = check(CONTROLS["global generator"].loss, properties=["determinism"])
    assert page.mark(good, "determinism") != page.mark(bad, "determinism")
    assert "differ by" in page.reasons({"bad": bad})[0]
    for name in PROPERTIES:
        assert f"| {name} |" in page.HEAD
