"""The judge: its closed forms are right, correct losses pass, losses with a known mistake fail."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from scorebench import parts
from scorebench.conformance import ALPHA, LOOKS, PROPERTIES, Report, WrongReturn, check, from_energy, mean_loss
from scorebench.conformance._claims import claims_of
from scorebench.conformance._families import FIELDS, FamilyEnergy, LinearModel, Model, families
from scorebench.conformance._judge import Outcome, look
from scorebench.conformance._report import judge_property
from scorebench.conformance._statistics import Measurement, measure
from scorebench.conformance._trials import Trials
from scorebench.conformance.controls import CONTROLS
from scorebench.objectives import Batch, objective

QUICK = ("law in sigma", "E[v v'] = I", "batch layout", "determinism", "sigma to 0")
CHEAP_CONTROLS = {
    "unit sphere": "E[v v'] = I",
    "hidden weight": "law in sigma",
    "first sigma": "batch layout",
    "centred batch": "batch layout",
    "one probe M times": "variance 1/M in the probes",
    "global generator": "determinism",
    "epsilon / sigma^2": "sigma to 0",
    "unguarded": "sigma to 0",
}


def estimates_the_score_error(name: str) -> bool:
    return getattr(parts.find("objective", name), "changes_objective", None) is None


# The truth it judges by


def random_theta(seed: int = 3) -> Tensor:
    return torch.randn(FIELDS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.0, 0.8, 6.0])
@pytest.mark.parametrize("name", list(families()))
def test_score_is_minus_the_gradient_of_the_energy(name, sigma):
    family = families()[name]
    level = torch.full((5,), sigma, dtype=torch.float64)
    model = Model(family, level[:1], random_theta()[None])
    x = family.batch(level, torch.Generator().manual_seed(1)).noisy.requires_grad_()
    (gradient,) = torch.autograd.grad(model.energy(x, level).sum(), x)
    torch.testing.assert_close(model(x, level), -gradient, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(FamilyEnergy(model, sigma)(x), model.energy(x, level))


def test_linear_model_is_the_gradient_of_its_energy():
    model = LinearModel(torch.arange(9, dtype=torch.float64).reshape(3, 3))
    x, sigma = torch.ones(2, 3, dtype=torch.float64, requires_grad=True), torch.zeros(2)
    (gradient,) = torch.autograd.grad(model.energy(x, sigma).sum(), x)
    torch.testing.assert_close(model(x, sigma), -gradient)


@pytest.mark.parametrize("sigma", [0.0, 0.8, 6.0])
@pytest.mark.parametrize("name", ["isotropic, d = 1", "shifted, d = 1", "mixture, d = 1"])
def test_exact_objective_is_the_integral_of_the_squared_error(name, sigma):
    """1/2 theta'G theta against quadrature of 1/2 (s_theta - s*)^2 p_sigma, to nine digits."""
    family, theta = families()[name], random_theta()
    ladder = torch.tensor([sigma], dtype=torch.float64)
    model = Model(family, ladder, theta[None])

    def integrand(y: float) -> float:
        point = torch.tensor([[y]], dtype=torch.float64)
        error = (model(point, ladder) - family.target.score(point, ladder)).detach()
        return float(0.5 * error.square().sum() * family.target.log_prob(point, ladder).exp())

    centre, reach = float(family.centre), 12 * math.hypot(2.0, sigma)
    found, _ = integrate.quad(integrand, centre - reach, centre + reach, epsabs=1e-12, limit=400)
    assert float(0.5 * theta @ family.fields(sigma).gram @ theta) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("name", ["anisotropic and rotated, d = 10", "mixture, d = 2", "images 2 x 3 x 2, anisotropic"])
def test_exact_objective_is_the_mean_squared_error(name, assert_mean):
    family, theta = families()[name], random_theta()
    sigma = torch.full((40_000,), 0.8, dtype=torch.float64)
    batch = family.batch(sigma, torch.Generator().manual_seed(2))
    model = Model(family, sigma[:1], theta[None])
    error = (model(batch.noisy, sigma) - family.target.score(batch.noisy, sigma)).detach()
    exact = float(theta @ family.fields(0.8).gram @ theta)
    assert_mean(error.square().flatten(1).sum(1), exact, within=0.01 * exact)


def test_fields_have_unit_size():
    for family in families().values():
        torch.testing.assert_close(family.fields(0.8).gram.diagonal(), torch.ones(FIELDS, dtype=torch.float64))
        assert float(torch.linalg.eigvalsh(family.fields(0.8).gram)[0]) > -1e-12


def test_families_cover_what_is_asked():
    vectors = {(f.name.split(", d")[0], f.dimension) for f in families().values() if len(f.event) == 1}
    for kind in ("isotropic", "mixture"):
        assert {d for name, d in vectors if name == kind} == {1, 2, 10, 50}
    assert {"anisotropic and rotated", "shifted"} <= {name for name, _ in vectors}
    assert any(len(f.event) == 3 for f in families().values())


# Its tests


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


# Its verdicts


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


def test_a_loss_that_claims_nothing_may_refuse_sigma_zero_but_only_in_words():
    def refuses(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        return objective("dsm")(score, batch)

    def wordless(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        if not bool(batch.sigma.all()):
            raise ZeroDivisionError
        return refuses(score, batch, generator)

    assert "not defined at sigma = 0" in check(refuses, properties=["sigma to 0"])["sigma to 0"].note
    assert check(refuses, properties=["sigma to 0"]).passed
    assert "ZeroDivisionError" in check(wordless, properties=["sigma to 0"])["sigma to 0"].note
    assert not check(wordless, properties=["sigma to 0"]).passed
    assert not check(refuses, noise="clean", properties=["sigma to 0"]).passed


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


def test_wrong_returns_are_refused():
    with pytest.raises(WrongReturn, match="mean_loss"):
        check(lambda score, batch, generator: objective("dsm")(score, batch).mean(), noise="noised")
    with pytest.raises(WrongReturn, match="a float"):
        check(lambda score, batch, generator: 1.0)
    with pytest.raises(ValueError, match="did you mean 'determinism'"):
        check(objective("dsm"), properties=["determinsm"])


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


# Adapters


def energy_dsm(energy: Any, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    if sigma <= 0:
        raise ValueError("sigma must be positive")
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    y = (x + sigma * noise).requires_grad_()
    (gradient,) = torch.autograd.grad(energy(y).sum(), y, create_graph=True)
    return 0.5 * (-gradient + noise / sigma).square().flatten(1).sum(1).mean()


def energy_ssm(energy: Any, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    y = x.requires_grad_()
    (gradient,) = torch.autograd.grad(energy(y).sum(), y, create_graph=True)
    v = torch.randn_like(x)  # from the global generator
    (product,) = torch.autograd.grad(-(gradient * v).sum(), y, create_graph=True)
    return (0.5 * gradient.square() + product * v).flatten(1).sum(1)


ADAPTED = ("law in sigma", "batch layout", "sigma to 0", "determinism")


def test_an_energy_loss_that_draws_its_noise_and_returns_the_mean_passes():
    report = check(from_energy(energy_dsm, adds_noise=True), properties=ADAPTED)
    assert report.passed, report.to_json()
    assert report["determinism"].status == "pass"


def test_an_energy_loss_on_the_global_generator_passes_but_for_what_it_does_not_claim():
    loss = from_energy(energy_ssm, adds_noise=False, reduction="none", generator=False)
    before = torch.random.get_rng_state()
    report = check(loss, properties=ADAPTED)
    assert report.passed, report.to_json()
    assert report["determinism"].status == "not applicable"
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_mistake_in_an_energy_loss_is_found():
    def flipped(energy: Any, x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
        return energy_dsm(lambda y: -energy(y), x, sigma, generator)

    assert check(from_energy(flipped, adds_noise=True), properties=["minimum on mixtures"]).failed


def test_a_mean_passes_and_a_sum_does_not():
    def mean(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        return objective("dsm")(score, batch).mean()

    def total(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        return objective("dsm")(score, batch).sum()

    properties = ["sign and scale", "batch layout"]
    assert check(mean_loss(mean, noise="noised"), properties=properties).passed
    assert set(check(mean_loss(total, noise="noised"), properties=properties).failed) == set(properties)


# Blocks as one batch


@pytest.mark.parametrize("name", ["dsm", "ssm_vr", "antithetic_dsm", "stf"])
def test_blocks_judged_together_give_the_same(name):
    loss = objective(name, **({"probe": "gaussian"} if name == "ssm_vr" else {}))
    family, theta = families()["images 2 x 3 x 2, anisotropic"], random_theta().expand(2, FIELDS)
    together = Trials(loss, claims_of(loss), 7)
    one_by_one = Trials(loss, claims_of(loss, layout="flat"), 7)
    assert together.together == ("same" if name == "stf" else "all")
    assert one_by_one.together == "none"
    thetas = [theta, 0 * theta, -theta]
    found = [trials.blocks(family, [0.3, 2.0], thetas, range(4), 6) for trials in (together, one_by_one)]
    for a, b in zip(*found, strict=True):
        assert a.shape[:3] == (3, 4, 2)
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("title", ["global generator", "centred batch"])
def test_losses_that_look_at_their_batch_are_judged_block_by_block(title):
    loss = CONTROLS[title].loss
    assert Trials(loss, claims_of(loss), 0).together == "none"


@pytest.mark.parametrize("name", ["anisotropic and rotated, d = 10", "isotropic, d = 2"])
def test_the_short_way_to_the_score_of_one_gaussian_is_that_of_the_mixture(name):
    family = families()[name]
    sigma = torch.linspace(0, 5, 7, dtype=torch.float64)
    x = 3 * family.batch(sigma, torch.Generator().manual_seed(1)).noisy
    torch.testing.assert_close(family.target.score(x, sigma), family.mixture.score(x, sigma), rtol=1e-12, atol=1e-12)


def test_families_draw_what_their_mixtures_say(assert_mean):
    family = families()["anisotropic and rotated, d = 10"]
    drawn = family.batch(torch.zeros(200, 200, dtype=torch.float64), torch.Generator().manual_seed(2))
    assert drawn.clean.shape == (200, 200, 10)
    assert drawn.reference.shape == (40_000, 10)
    scale = family.covariances[0].diagonal()
    for i, j in ((0, 0), (0, 1), (3, 7)):
        product = (drawn.clean[..., i] * drawn.clean[..., j]).flatten()
        assert_mean(product, float(family.covariances[0, i, j]), within=0.05 * float((scale[i] * scale[j]).sqrt()))
