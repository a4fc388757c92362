"""Where an objective makes no sense, it says why."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from scorebench import parts
from scorebench.objectives import Batch, objective
from scorebench.parts import BadOptions, Setting, UnknownPart

FREE = Setting(dimension=2, known_score=True, levels=None, noise_free=False, second_derivatives=True)

KNOWN = [
    *["esm", "ism", "dsm", "ssm", "ssm_vr", "hybrid", "antithetic_dsm", "fd_ssm", "dsm_cv", "switch", "stf"],
    *["stf_ssm_vr", "tsm", "lcss", "second_order_dsm"],
]


def test_every_objective_applies_where_nothing_is_in_the_way():
    assert {name: objective(name).not_applicable(FREE) for name in parts.names("objective")} == dict.fromkeys(
        parts.names("objective")
    )


@pytest.mark.parametrize(
    ("change", "refused", "reason"),
    [
        (
            {"noise_free": True, "levels": 1},
            {"dsm", "hybrid", "antithetic_dsm", "dsm_cv", "lcss", "second_order_dsm", "stf", "stf_ssm_vr"},
            "sigma = 0",
        ),
        ({"known_score": False}, {"esm", "tsm"}, "exact score"),
        (
            {"second_derivatives": False},
            {"ism", "ssm", "ssm_vr", "hybrid", "second_order_dsm", "stf_ssm_vr", "switch"},
            "no second derivatives",
        ),
        ({"dimension": 64}, {"ism"}, "64 backward passes"),
    ],
)
def test_reasons(change, refused, reason):
    setting = dataclasses.replace(FREE, **change)
    reasons = {name: objective(name).not_applicable(setting) for name in KNOWN}
    assert {name for name, why in reasons.items() if why} == refused
    assert all(reason in reasons[name] for name in refused)


def test_ism_in_high_dimensions_on_request():
    setting = dataclasses.replace(FREE, dimension=64)
    assert objective("ism", max_dimension=64).not_applicable(setting) is None
    assert "max_dimension: 63" in objective("ism", max_dimension=63).not_applicable(setting)


@pytest.mark.parametrize("name", [name for name in parts.names("objective") if objective(name).requires_noise])
@pytest.mark.parametrize("sigma", [[0.0, 0.0], [0.5, 0.0], [0.5, float("nan")]])
def test_one_noise_free_sample_is_enough_to_refuse(name, sigma):
    batch = Batch(torch.ones(2, 3), torch.ones(2, 3), torch.tensor(sigma))
    with pytest.raises(ValueError, match="not defined at sigma = 0"):
        objective(name)(lambda x, _: -x, batch)


@pytest.mark.parametrize("name", [name for name in parts.names("objective") if objective(name).requires_target])
def test_without_the_exact_score(name):
    batch = Batch(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2))
    with pytest.raises(ValueError, match=rf"{name} needs .*target=.* is missing"):
        objective(name)(lambda x, _: -x, batch)


@pytest.mark.parametrize("name", ["stf", "stf_ssm_vr"])
def test_without_points_to_refer_to(name):
    batch = Batch(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2))
    with pytest.raises(ValueError, match=rf"{name} needs .*reference=.* is missing"):
        objective(name)(lambda x, _: -x, batch)


def test_options_are_checked():
    with pytest.raises(UnknownPart, match="did you mean 'ssm_vr'"):
        objective("ssm_vrr")
    with pytest.raises(BadOptions, match="probes"):
        objective("ssm_vr", probes=0)
    with pytest.raises(BadOptions, match="'rademacher'"):
        objective("ssm", probe="coin")
    with pytest.raises(BadOptions, match="did you mean 'probes'"):
        objective("ssm", probs=2)
    for fixed in (-0.1, 1.1):
        with pytest.raises(BadOptions, match="fixed"):
            objective("hybrid", fixed=fixed)


@pytest.mark.parametrize(("name", "option"), [("hybrid", "fixed"), ("stf_ssm_vr", "fixed"), ("switch", "threshold")])
def test_a_combination_says_what_it_is_made_of(name, option):
    """With all the weight on one of them it is that one."""
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2, 40, 3, generator=generator, dtype=torch.float64)
    batch = Batch(x, noise, torch.full((40,), 0.5, dtype=torch.float64), reference=x)
    ends = (1e-9, 1e9) if option == "threshold" else (0.0, 1.0)
    for part, value in zip(objective(name).combines, ends, strict=True):
        losses = [
            objective(each, **options)(lambda y, _: -y.sin(), batch, torch.Generator().manual_seed(2))
            for each, options in ((name, {option: value}), (part, {}))
        ]
        torch.testing.assert_close(*losses)


def test_only_combinations_are_made_of_others():
    made = {name: objective(name).combines for name in parts.names("objective")}
    assert {name for name, of in made.items() if of} == {"hybrid", "stf_ssm_vr", "switch"}
    assert set().union(*made.values()) <= set(parts.names("objective"))
