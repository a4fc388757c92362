"""Objectives on what a study gives them: images, energy networks, float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scorebench import parts, streams
from scorebench.networks import network
from scorebench.objectives import Batch, objective

EACH = pytest.mark.parametrize("name", parts.names("objective"))
EVENT = (2, 2, 1)
W = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(71)) / 2


class Gaussian:
    """The target N(0, I)."""

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        return -x / (1 + sigma.square()).reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))


def images(dtype: torch.dtype = torch.float64) -> Batch:
    generator = torch.Generator().manual_seed(73)
    clean, noise = torch.randn(2, 2, 6, *EVENT, dtype=torch.float64, generator=generator).to(dtype)
    sigma = torch.linspace(0.2, 1.5, 12, dtype=torch.float64).reshape(2, 6).to(dtype)
    return Batch(clean, noise, sigma, Gaussian(), reference=clean.reshape(12, *EVENT))


def probes() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (3, 4)]


@EACH
def test_the_gradient_of_an_energy_is_as_good_as_a_formula(name):
    """s = grad of sum tanh(a y W), by autograd or written out: the same losses and gradients in a."""

    def by_autograd(a: Tensor):
        def score(y: Tensor, sigma: Tensor) -> Tensor:
            with torch.enable_grad():
                y = y if y.requires_grad else y.detach().requires_grad_()
                return torch.autograd.grad(torch.tanh(a * y.flatten(sigma.ndim) @ W).sum(), y, create_graph=True)[0]

        return score

    def written_out(a: Tensor):
        def score(y: Tensor, sigma: Tensor) -> Tensor:
            t = torch.tanh(a * y.flatten(sigma.ndim) @ W)
            return (a * (1 - t.square()) @ W.T).reshape(y.shape)

        return score

    results = []
    for make in (by_autograd, written_out):
        a = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
        loss = objective(name)(make(a), images(), probes())
        results.append((loss.detach(), torch.autograd.grad(loss.sum(), a)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-11, atol=1e-11)


@EACH
@pytest.mark.parametrize("kind", ["mlp", "energy"])
def test_float32_networks_lose_no_more_than_rounding(name, kind, monkeypatch):
    """Losses and gradients of a network on images in float32 against float64, on the same draws."""
    draw = streams._each

    def draw_then_round(what, shape, g, like, **k):
        drawn = draw(what, shape, g, None, **k)
        return drawn.to(like) if drawn.is_floating_point() else drawn

    monkeypatch.setattr(streams, "_each", draw_then_round)
    net = network(kind, width=16, depth=2)
    results = []
    for dtype in (torch.float32, torch.float64):
        weights = {k: v.to(dtype) for k, v in net.initialise(EVENT, torch.Generator().manual_seed(1)).items()}
        parameters = {k: v.requires_grad_() for k, v in weights.items()}
        loss = objective(name)(net.score(parameters), images(dtype), probes())
        assert loss.dtype == dtype
        loss.sum().backward()
        results.append(
            torch.cat([loss.detach().flatten(), *(p.grad.flatten() for p in parameters.values() if p.grad is not None)])
        )
    difference = (results[0] - results[1]).abs().max() / results[1].abs().max()
    assert float(difference) < 1e-5


@EACH
def test_an_energy_s_own_derivatives_are_those_of_its_score(name):
    """Losses and gradients by the ways that an energy network offers, and by differentiating its score alone."""
    net = network("energy", width=12, depth=2)
    start = net.initialise(EVENT, [torch.Generator().manual_seed(seed) for seed in (1, 2)])
    several = {"probes": 2} if "probes" in parts.find("objective", name).model_fields else {}
    results = []
    for own in (True, False):
        parameters = {k: (3 * v).double().requires_grad_() for k, v in start.items()}
        score = net.score(parameters)
        loss = objective(name, **several)(score if own else score.score, images(), probes())
        loss.sum().backward()
        gradients = [p.grad.flatten() for p in parameters.values() if p.grad is not None]
        results.append(torch.cat([loss.detach().flatten(), *gradients]))
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)


@EACH
def test_the_same_generator_gives_the_same_loss(name):
    score = lambda y, sigma: torch.sin(2 * y)  # noqa: E731
    first, again = (objective(name)(score, images(), probes()) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    "name", [n for n in parts.names("objective") if "probes" in parts.find("objective", n).model_fields]
)
def test_different_generators_give_different_probes(name):
    score = lambda y, sigma: torch.sin(2 * y + y.flip(-2))  # noqa: E731
    others = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    loss = objective(name)
    assert (loss(score, images(), probes()) != loss(score, images(), others)).any()


@pytest.mark.parametrize("name", ["ssm", "ssm_vr", "fd_ssm"])
def test_variance_falls_as_one_over_the_probes(name, assert_mean):
    """On one and the same batch, over the draws of the probes: Var of M probes = Var of one / M."""
    n, generator = 100_000, torch.Generator().manual_seed(79)
    x, noise, sigma = torch.tensor([0.3, -0.8, 0.5]), torch.tensor([1.0, 0.2, -0.6]), torch.tensor(0.4)
    batch = Batch(*(t.double().expand(n, *t.shape) for t in (x, noise, sigma)))
    V = torch.tensor([[0.9, -0.4, 0.3], [0.2, 0.7, -1.1], [-0.6, 0.5, 0.8]], dtype=torch.float64)
    score = lambda y, _: torch.tanh(y @ V)  # noqa: E731
    one, four = (objective(name, probe="gaussian", probes=M)(score, batch, generator).detach() for M in (1, 4))
    assert_mean(4 * (four - four.mean()).square(), float(one.var()), within=0.01 * float(one.var()))
