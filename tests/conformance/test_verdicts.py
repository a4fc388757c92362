"""The judge's verdicts: correct losses pass, losses with a known mistake fail."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from scorebench import parts
from scorebench.conformance import ALPHA, PROPERTIES, Report, WrongReturn, check
from scorebench.conformance._judge import Outcome
from scorebench.conformance._report import judge_property
from scorebench.conformance.controls import CONTROLS
from scorebench.objectives import Batch, objective

QUICK = ("law in sigma", "E[v v'] = I", "batch layout", "plain networks", "determinism", "sigma to 0")
CHEAP_CONTROLS = {
    "unit sphere": "E[v v'] = I",
    "hidden weight": "law in sigma",
    "first sigma": "batch layout",
    "centred batch": "batch layout",
    "sorted samples": "plain networks",
    "stacked pairs": "plain networks",
    "one probe M times": "variance 1/M in the probes",
    "global generator": "determinism",
    "epsilon / sigma^2": "sigma to 0",
    "floor under sigma": "sigma to 0",
    "Huber": "minimum on mixtures",
}


def estimates_the_score_error(name: str) -> bool:
    return getattr(parts.find("objective", name), "changes_objective", None) is None


def test_dsm_passes_everything_that_it_claims():
    report = check(objective("dsm"))
    assert report.passed, report.failed
    assert report.alpha == ALPHA == 1e-6
    assert {r.name for r in report.results if r.status == "not applicable"} == {
        "variance 1/M in the probes",
        "E[v v'] = I",
    }
    assert report["sign and scale"].measured == pytest.approx(1.0, abs=0.1)
    assert "sigma^-2.0" in report["sigma to 0"].note
    assert "refuses sigma = 0" in report["sigma to 0"].note


@pytest.mark.parametrize("name", [n for n in parts.names("objective") if estimates_the_score_error(n)])
def test_correct_objectives_pass_the_cheap_properties(name):
    report = check(objective(name), properties=QUICK)
    assert report.passed, report.to_json()


@pytest.mark.slow
@pytest.mark.parametrize("name", parts.names("objective"))
def test_objectives_pass_unless_they_change_the_objective(name):
    report = check(objective(name))
    assert report.passed == estimates_the_score_error(name), report.failed
    assert report.seconds < 60


@pytest.mark.parametrize(("title", "finder"), CHEAP_CONTROLS.items())
def test_a_mistake_is_found_by_the_property_that_is_for_it(title, finder):
    report = check(CONTROLS[title].loss, properties=[finder])
    assert report[finder].status == "fail"


@pytest.mark.parametrize("title", ["noise as probe", "stf without own point"])
def test_a_bias_is_found_on_mixtures(title):
    assert check(CONTROLS[title].loss, properties=["minimum on mixtures"]).failed


@pytest.mark.slow
@pytest.mark.parametrize("title", list(CONTROLS))
def test_controls_fail_what_they_must(title):
    report = check(CONTROLS[title].loss)
    assert set(CONTROLS[title].fails) <= set(report.failed)


def test_missing_half_is_measured_as_two_with_the_minimum_in_place():
    report = check(CONTROLS["missing half"].loss, properties=["minimum on mixtures", "sign and scale"])
    assert report["minimum on mixtures"].status == "pass"
    assert report["sign and scale"].measured == pytest.approx(2.0, abs=0.2)


def test_a_declared_convention_passes():
    loss = CONTROLS["missing half"].loss
    report = check(loss, scale=2.0, properties=["sign and scale", "unbiased value"])
    assert report.passed
    assert report.convention == "2"
    hidden = check(CONTROLS["hidden weight"].loss, weight="sigma2", properties=["law in sigma", "sigma to 0"])
    assert hidden.passed
    assert hidden.convention == "1 sigma^2"


def test_orthogonal_looking_variance_reduction_passes_one_over_m():
    """Falling faster than 1/M is no fault."""

    def exact_from_four(score: Any, batch: Batch, generator: torch.Generator, probes: int = 1) -> Tensor:
        return objective("ism" if probes == 4 else "ssm_vr")(score, batch, generator)

    report = check(exact_from_four, properties=["variance 1/M in the probes"])
    assert report.passed


def test_the_same_seed_gives_the_same_verdict():
    one, two, other = (check(objective("ssm_vr"), seed=s, properties=["law in sigma"]).results for s in (1, 1, 2))
    assert one == two != other


def test_clean_losses_are_judged_at_sigma_zero():
    seen = []

    def clean(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        seen.append(float(batch.sigma.max()))
        return objective("ism")(score, batch, generator)

    report = check(clean, noise="clean", properties=["law in sigma", "sigma to 0", "determinism"])
    assert report.passed, report.failed
    assert report["law in sigma"].status == "not applicable"
    assert set(seen) == {0.0}


def dsm_that_says(at_zero: Any) -> Any:
    def loss(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        if not bool(batch.sigma.all()):
            return at_zero(score, batch)
        return objective("dsm")(score, batch)

    return loss


def half_the_norm(score: Any, batch: Batch) -> Tensor:
    """1/2 ||s||^2: its minimum is at the score 0."""
    return score(batch.noisy, batch.sigma).flatten(batch.sigma.ndim).square().sum(-1) / 2


def error_without_words(score: Any, batch: Batch) -> Tensor:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("at_zero", "note"),
    [
        (objective("dsm"), "not defined at sigma = 0"),
        (error_without_words, "ZeroDivisionError"),
        (lambda score, batch: math.inf * half_the_norm(score, batch), "not finite at sigma = 0"),
        (lambda score, batch: math.nan * half_the_norm(score, batch), "not finite at sigma = 0"),
    ],
)
def test_what_is_no_number_at_sigma_zero_is_a_note(at_zero, note):
    found = check(dsm_that_says(at_zero), properties=["sigma to 0"])
    assert found.passed
    assert note in found["sigma to 0"].note
    with pytest.raises(WrongReturn):
        check(dsm_that_says(at_zero), noise="clean", properties=["sigma to 0"])


def test_a_wrong_number_at_sigma_zero_is_a_failure():
    """At the truth s*, the gradient of 1/2 ||s||^2 in theta_k is E s*'f_k: not 0 for the linear field."""
    found = check(dsm_that_says(half_the_norm), properties=["sigma to 0"])["sigma to 0"]
    assert found.status == "fail"
    assert found.where.startswith("sigma = 0")
    assert check(dsm_that_says(objective("esm")), properties=["sigma to 0"]).passed


def test_an_exception_is_a_fault_of_its_property():
    def vectors_only(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        if batch.clean.ndim != 2:
            raise RuntimeError("no images, please")
        return objective("dsm")(score, batch, generator)

    report = check(vectors_only, noise="noised", layout="flat", properties=["images", "determinism"])
    assert report["images"].status == "fail"
    assert "RuntimeError: no images, please" in report["images"].note
    assert report["determinism"].status == "pass"
    assert check(vectors_only, images=False, properties=["images", "determinism"]).passed


def test_a_verdict_without_a_pass_is_no_pass():
    report = Report("x", "1", ALPHA, 0, 0.0, (judge_property("p", Outcome(not_applicable="so"), 0.1),))
    assert not report.passed


def test_report_is_plain_json():
    report = check(objective("esm"), properties=["determinism", "minimum on mixtures"])
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["passed"] is True
    assert [r["name"] for r in told["results"]] == ["determinism", "minimum on mixtures"]


def test_every_property_is_failed_by_some_control():
    assert {p for control in CONTROLS.values() for p in control.fails} == set(PROPERTIES)
