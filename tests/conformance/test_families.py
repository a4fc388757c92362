"""The truth that the judge judges by: its closed forms, and what is drawn from them."""

from __future__ import annotations

import math
from functools import partial
from typing import Unpack

import pytest
import torch
from scipy import integrate
from torch import Tensor

from scorebench.conformance import Loss, Told
from scorebench.conformance._calls import answer
from scorebench.conformance._claims import claims_of
from scorebench.conformance._families import FIELDS, families
from scorebench.conformance._models import FamilyEnergy, LinearModel, Model
from scorebench.conformance._runs import Runs
from scorebench.conformance.controls import CONTROLS
from scorebench.objectives import objective


def runs_of(loss: Loss, seed: int = 0, **claims: Unpack[Told]) -> Runs:
    told = claims_of(loss, **claims)
    return Runs(partial(answer, loss, told.with_probes), told, seed)


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


@pytest.mark.parametrize("name", ["dsm", "ssm_vr", "antithetic_dsm", "stf"])
def test_blocks_judged_together_give_the_same(name):
    loss = objective(name, **({"probe": "gaussian"} if name == "ssm_vr" else {}))
    family, theta = families()["images 2 x 3 x 2, anisotropic"], random_theta().expand(2, FIELDS)
    together = runs_of(loss, 7)
    one_by_one = runs_of(loss, 7, layout="flat")
    assert together.together == ("same" if name == "stf" else "all")
    assert one_by_one.together == "none"
    thetas = [theta, 0 * theta, -theta]
    found = [runs.blocks(family, [0.3, 2.0], thetas, range(4), 6) for runs in (together, one_by_one)]
    for a, b in zip(*found, strict=True):
        assert a.shape[:3] == (3, 4, 2)
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("title", ["global generator", "centred batch"])
def test_losses_that_look_at_their_batch_are_judged_block_by_block(title):
    loss = CONTROLS[title].loss
    assert runs_of(loss).together == "none"


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
