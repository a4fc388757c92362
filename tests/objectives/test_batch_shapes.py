"""A loss is one number per sample, whatever the shape of the batch and of the event."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from scorebench import parts
from scorebench.objectives import Batch, objective

BATCHES = [(24,), (4, 6), (2, 3, 4), (24, 1)]
EVENTS = [(4,), (1, 2, 2)]
METHODS = [
    *[(name, {}) for name in parts.names("objective")],
    ("ssm", {"probe": "sphere", "probes": 2}),
    ("ssm_vr", {"probe": "gaussian", "probes": 2}),
    ("ssm_vr", {"probe": "sphere"}),
    *[(name, {"probe": "orthogonal", "probes": 3}) for name in ("ssm", "ssm_vr", "fd_ssm", "second_order_dsm")],
    ("antithetic_dsm", {"pairs": 3}),
    ("antithetic_dsm", {"pairs": 6}),
    ("stf", {"references": 7}),
    ("tsm", {"tau": 0.8}),
]
each_method = pytest.mark.parametrize(("name", "options"), METHODS, ids=str)
W = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def score(x: Tensor, sigma: Tensor) -> Tensor:
    flat = x.flatten(sigma.ndim)
    return (torch.tanh(flat @ W) - flat / (1 + sigma.square())[..., None]).reshape(x.shape)


class Gaussian:
    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        return -x / (1 + sigma.square()).reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))


def make(batch: tuple[int, ...], event: tuple[int, ...]) -> Batch:
    generator = torch.Generator().manual_seed(9)
    n = math.prod(batch)
    clean, noise = torch.randn(2, n, 4, dtype=torch.float64, generator=generator)
    sigma = torch.linspace(0.1, 3.0, n, dtype=torch.float64)
    return Batch(
        clean.reshape(*batch, *event),
        noise.reshape(*batch, *event),
        sigma.reshape(batch),
        Gaussian(),
        reference=clean.reshape(n, *event),
    )


def probes() -> torch.Generator:
    return torch.Generator().manual_seed(4)


@each_method
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("shape", BATCHES)
def test_shape_of_batch_and_event_does_not_matter(name, options, shape, event):
    loss = objective(name, **options)
    flat = loss(score, make((24,), (4,)), probes())
    shaped = loss(score, make(shape, event), probes())
    assert shaped.shape == shape
    torch.testing.assert_close(shaped.flatten(), flat, rtol=1e-13, atol=1e-13)


@each_method
def test_loss_of_a_sample_does_not_depend_on_its_neighbours(name, options):
    loss, batch = objective(name, **options), make((24,), (4,))
    clean, noise, sigma = batch.clean.clone(), batch.noise.clone(), batch.sigma.clone()
    clean[1:], noise[1:], sigma[1:] = clean[1:] + 5, -noise[1:], 7.0
    other = Batch(clean, noise, sigma, batch.target, batch.reference)
    before, after = loss(score, batch, probes()).detach(), loss(score, other, probes()).detach()
    assert float(before[0]) == pytest.approx(float(after[0]), rel=1e-14)  # sums of another length may round otherwise
    assert (before[1:] != after[1:]).all()


@each_method
def test_a_list_of_generators_gives_every_replicate_its_own_probes(name, options):
    """(R, B) with R generators is R single runs."""
    loss, batch = objective(name, **options), make((4, 6), (4,))
    seeds = (31, 32, 33, 34)
    together = loss(score, batch, [torch.Generator().manual_seed(s) for s in seeds])
    for r, seed in enumerate(seeds):
        one = Batch(batch.clean[r], batch.noise[r], batch.sigma[r], batch.target, batch.reference)
        alone = loss(score, one, torch.Generator().manual_seed(seed))
        torch.testing.assert_close(together[r], alone, rtol=1e-13, atol=1e-13)


def test_a_wrong_number_of_generators_is_refused():
    with pytest.raises(ValueError, match="2 generators for a leading axis of 4"):
        objective("ssm_vr")(score, make((4, 6), (4,)), [probes(), probes()])


@pytest.mark.parametrize(("name", "options"), [m for m in METHODS if m[0] != "second_order_dsm"], ids=str)
def test_losses_can_be_trained_through(name, options):
    """The gradient in a parameter, on (C, H, W) events, against central differences."""
    loss, batch = objective(name, **options), make((4, 6), (1, 2, 2))

    def total(a: Tensor) -> Tensor:
        return loss(lambda y, sigma: score(y, sigma) + torch.sin(a * y), batch, probes()).sum()

    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(total(a), a)
    h = 1e-5
    with torch.enable_grad():
        difference = (total(a.detach() + h) - total(a.detach() - h)) / (2 * h)
    assert float(gradient) == pytest.approx(float(difference.detach()), rel=1e-7)
