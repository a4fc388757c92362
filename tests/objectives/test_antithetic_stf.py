"""Antithetic STF: its formula, its mean, and where it switches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scorebench.objectives import Batch, antithetic_stf, objective
from scorebench.objectives._posterior import posterior_score
from scorebench.targets import GaussianMixture

MIXTURE = GaussianMixture([0.5, 0.3, 0.2], [[1.0, 0.0, 0.5], [-1.0, 0.5, 0.0], [0.0, -1.0, -0.5]], stds=[0.6, 0.5, 0.7])
B = 80


def curved(y: Tensor, sigma: Tensor) -> Tensor:
    return MIXTURE.score(y, sigma) + 0.7 * torch.tanh(1.5 * y.flip(-1))


def draw(sigma: float, references: int, generator: torch.Generator) -> Batch:
    """B points of the mixture, all at one noise level, and reference points of their own."""
    clean, reference = MIXTURE.sample(B, generator), MIXTURE.sample(references, generator)
    noise = torch.randn(B, 3, generator=generator, dtype=torch.float64)
    return Batch(clean, noise, torch.full((B,), sigma, dtype=torch.float64), reference=reference)


def relative_excess(sigma: float, references: int, replicates: int = 300) -> Tensor:
    """(l(s) - l(s*)) / (1/2 E||s - s*||^2), the means of batches that have nothing in common."""
    loss, generator = objective("antithetic_stf"), torch.Generator().manual_seed(3)
    means = []
    for _ in range(replicates):
        batch, probes = draw(sigma, references, generator), generator.get_state()
        losses = []
        for score in (curved, MIXTURE.score):
            generator.set_state(probes)
            losses.append(loss(score, batch, generator).mean())
        means.append(losses[0] - losses[1])
    y = MIXTURE.sample(400_000, torch.Generator().manual_seed(9), sigma)
    error = 0.5 * (curved(y, sigma) - MIXTURE.score(y, sigma)).square().sum(-1).mean()
    return torch.stack(means) / error


@pytest.mark.parametrize(("sigma", "references"), [(0.3, 64), (0.8, 8), (3.0, 8)])
def test_the_excess_loss_is_the_score_error(sigma, references, assert_mean):
    """E[t | y] = s*(y) for a reference of any size, the generating point being in it.

    The mirrored pair at 0.3 and 3, two samples at 0.8."""
    assert_mean(relative_excess(sigma, references), 1.0, within=0.04)


def test_control_a_reference_without_the_generating_point_is_found(assert_mean, monkeypatch):
    def strangers(y, sigma, reference, own, generator, size):
        return posterior_score(y, sigma, reference[1:], reference[:1].expand_as(own), generator, size)

    monkeypatch.setattr(antithetic_stf, "posterior_score", strangers)
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(relative_excess(0.3, 64, 100), 1.0, within=0.15)


def test_with_a_far_reference_it_is_antithetic_dsm():
    """Where no other point is near, t = -epsilon / sigma, and both halves are DSM."""
    batch = draw(0.2, 1, torch.Generator().manual_seed(4))
    far = Batch(batch.clean, batch.noise, batch.sigma, reference=torch.full((5, 3), 1e4, dtype=torch.float64))
    loss = objective("antithetic_stf")(curved, far, torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss, objective("antithetic_dsm")(curved, far), rtol=1e-9, atol=1e-9)


def test_two_samples_are_the_own_and_one_of_the_reference():
    """At sigma = tau the second sample is a reference point with noise of its own: half of the loss is the first's."""
    batch = draw(1.0, 1, torch.Generator().manual_seed(4))
    seen: list[Tensor] = []

    def score(y: Tensor, sigma: Tensor) -> Tensor:
        seen.append(y)
        return curved(y, sigma)

    reference = torch.full((1, 3), 50.0, dtype=torch.float64)
    objective("antithetic_stf")(score, Batch(batch.clean, batch.noise, batch.sigma, reference=reference))
    first, second = seen
    torch.testing.assert_close(first, batch.noisy)
    noise = second - 50.0
    assert float(noise.mean()) == pytest.approx(0.0, abs=4.5 / (B * 3) ** 0.5)
    assert float(noise.var()) == pytest.approx(1.0, abs=4.5 * (2 / (B * 3)) ** 0.5)
    assert abs(float((noise * batch.noise).mean())) < 4.5 / (B * 3) ** 0.5


def test_before_anything_was_learned_the_closed_forms_decide():
    sigma = torch.tensor([0.01, 0.82, 0.84, 4.7, 4.9, 100.0])  # tau = 2: 0.83 and 4.83
    assert objective("antithetic_stf", tau=2.0).mirrored(sigma).tolist() == [True, True, False, False, True, True]


def test_what_it_cannot_do_it_says():
    batch = draw(1.0, 1, torch.Generator().manual_seed(4))
    with pytest.raises(ValueError, match=r"reference=.* is missing"):
        objective("antithetic_stf")(curved, Batch(batch.clean, batch.noise, batch.sigma))
    with pytest.raises(ValueError, match="not defined at sigma = 0"):
        objective("antithetic_stf")(curved, Batch(batch.clean, batch.noise, 0 * batch.sigma, reference=batch.clean))
