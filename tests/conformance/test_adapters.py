"""Losses of other shapes, energies and means, are judged like the rest."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from scorebench.conformance import WrongReturn, check, from_energy, from_points, mean_loss
from scorebench.objectives import Batch, objective


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


def points_dsm(score: Any, x: Tensor, sigma: Any) -> Tensor:
    """With a sigma that is a number."""
    y = x + sigma * torch.randn_like(x)
    return 0.5 * (score(y, sigma) + (y - x) / sigma**2).square().flatten(1).sum(1)


def points_dsm_of_a_tensor(net: Any, x: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """With a sigma (n,)."""
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    scale = sigma.view(-1, *[1] * (x.ndim - 1))
    return 0.5 * (net(x + scale * noise, sigma) + noise / scale).square().flatten(1).sum(1).mean()


def points_ism(model: Any, x: Tensor) -> Tensor:
    """Implicit score matching of a score without sigma."""
    y = x.requires_grad_()
    s = model(y)
    flat, divergence = s.flatten(1), 0.0
    for i in range(flat.shape[1]):
        divergence = divergence + torch.autograd.grad(flat[:, i].sum(), y, create_graph=True)[0].flatten(1)[:, i]
    return (0.5 * flat.square().sum(1) + divergence).mean()


@pytest.mark.parametrize(
    ("loss", "adds_noise", "draws"),
    [
        (points_dsm, True, "not applicable"),
        (points_dsm_of_a_tensor, True, "pass"),
        (points_ism, False, "not applicable"),
    ],
)
def test_losses_on_points_are_judged_with_the_arguments_that_they_take(loss, adds_noise, draws):
    report = check(from_points(loss, adds_noise=adds_noise), properties=ADAPTED)
    assert report.passed, report.to_json()
    assert report["determinism"].status == draws


def test_a_mistake_in_a_loss_on_points_is_found():
    def doubled(score: Any, x: Tensor, sigma: float) -> Tensor:
        return 2 * points_dsm(score, x, sigma)

    found = check(from_points(doubled, adds_noise=True), properties=["sign and scale"])
    assert found["sign and scale"].measured == pytest.approx(2.0, abs=0.2)
    with pytest.raises(WrongReturn, match=r"shape \(8, 2\)"):
        check(from_points(lambda score, x, sigma: score(x, sigma), adds_noise=True))
