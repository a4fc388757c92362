"""Gradient moments against per-sample loops, closed forms and an honest leave-one-out."""

from __future__ import annotations

import pytest
import torch

from scorebench.metrics.gradients import GradientMoments, gradient_moments, per_sample_gradients
from scorebench.networks import network
from scorebench.objectives import Batch, objective


def batch_of(n: int, d: int, sigma: float, tau: float = 1.0, seed: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    clean, noise = torch.randn(2, n, d, dtype=torch.float64, generator=generator)
    return Batch(tau * clean, noise, torch.full((n,), sigma, dtype=torch.float64))


def linear(parameters):
    """s = -a y."""
    return lambda y, sigma: -parameters["a"][..., None, None] * y


@pytest.mark.parametrize("name", ["dsm", "ism", "antithetic_dsm"])
@pytest.mark.parametrize("net", ["mlp", "energy"])
def test_per_sample_gradients_are_those_of_each_sample_alone(name, net):
    net = network(net, width=5, depth=2, activation="tanh")
    parameters = {k: p.double() for k, p in net.initialise((3,), torch.Generator().manual_seed(1)).items()}
    batch, loss = batch_of(6, 3, 0.4), objective(name)
    together = per_sample_gradients(loss, net.score, parameters, batch)
    assert together.shape == (6, sum(p.numel() for p in parameters.values()))
    for i in range(6):
        weights = {k: p.clone().requires_grad_() for k, p in parameters.items()}
        alone = Batch(batch.clean[i : i + 1], batch.noise[i : i + 1], batch.sigma[i : i + 1])
        loss(net.score(weights), alone).sum().backward()
        flat = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights.values()]
        torch.testing.assert_close(together[i], torch.cat([g.flatten() for g in flat]), rtol=1e-9, atol=1e-12)
    assert not any(p.requires_grad for p in parameters.values())


def test_moments_are_those_of_the_gradients_whatever_the_chunk():
    net = network("mlp", width=4, depth=1)
    parameters = net.initialise((2,), torch.Generator().manual_seed(1))
    batch = batch_of(50, 2, 0.5)
    batch = Batch(batch.clean.float(), batch.noise.float(), batch.sigma.float())
    losses = {"dsm": objective("dsm"), "ism": objective("ism")}
    g = [per_sample_gradients(loss, net.score, parameters, batch).double() for loss in losses.values()]
    for chunk in (50, 7):
        moments = gradient_moments(losses, net.score, parameters, batch, torch.Generator().manual_seed(0), chunk)
        for a in range(2):
            torch.testing.assert_close(moments.mean[a], g[a].mean(0), rtol=1e-4, atol=1e-5)
            for b in range(2):
                expected = sum(torch.cov(torch.stack([x, y]))[0, 1] for x, y in zip(g[a].T, g[b].T, strict=True))
                torch.testing.assert_close(moments.covariance[a, b], expected, rtol=1e-4, atol=1e-4)


def test_both_passes_draw_the_same_probes():
    """Then the products are taken off the mean of the very same gradients: those deviations sum to nothing."""
    batch, parameters = batch_of(40, 3, 0.7), {"a": torch.tensor(0.4, dtype=torch.float64)}
    losses = {"dsm": objective("dsm"), "ssm": objective("ssm", probe="gaussian")}
    generator = torch.Generator().manual_seed(9)
    moments = gradient_moments(losses, linear, parameters, batch, generator, chunk=11)
    generator.manual_seed(9)
    g = []
    for i in range(0, 40, 11):
        part = Batch(batch.clean[i : i + 11], batch.noise[i : i + 11], batch.sigma[i : i + 11])
        g.append([per_sample_gradients(f, linear, parameters, part, generator)[:, 0] for f in losses.values()])
    rows = torch.stack([torch.cat([x[a] for x in g]) for a in range(2)])
    torch.testing.assert_close(moments.covariance, torch.cov(rows), rtol=1e-12, atol=0)


def test_jackknife_is_leaving_out_one_sample_at_a_time():
    g = torch.randn(2, 30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    g[1] += 0.5 * g[0]

    def moments(g: torch.Tensor) -> GradientMoments:
        off = g - g.mean(1, keepdim=True)
        return GradientMoments(("a", "b"), g.mean(1), torch.einsum("anp,bnp->nab", off, off))

    def weight(C: torch.Tensor) -> float:
        return float((C[0, 0] - C[0, 1]) / (C[0, 0] + C[1, 1] - 2 * C[0, 1]))

    whole = weight(moments(g).covariance)
    left = torch.tensor([weight(moments(g[:, torch.arange(30) != i]).covariance) for i in range(30)]).double()
    estimate = moments(g).best_weight("a", "b")
    assert estimate.value == pytest.approx(30 * whole - 29 * float(left.mean()), rel=1e-6)
    assert estimate.error == pytest.approx(float((29 / 30 * (left - left.mean()).square().sum()).sqrt()), rel=1e-5)


def test_intervals_cover_the_truth():
    """V_DSM / V_ISM = tau^2 / (2 sigma^2) for the linear model at its optimum: 95 % intervals of 200 batches of 2,000.

    Of 200 intervals, 190 +- 3.1 hold it: fewer than 177 is 4.2 standard deviations off.
    """
    tau, sigma, n = 1.0, 0.5, 2000
    parameters = {"a": torch.tensor(1 / (tau**2 + sigma**2), dtype=torch.float64)}
    losses = {"dsm": objective("dsm"), "ism": objective("ism", max_dimension=3)}
    held = 0
    for seed in range(200):
        batch = batch_of(n, 3, sigma, tau, seed)
        estimate = gradient_moments(losses, linear, parameters, batch, chunk=n).variance_ratio("dsm", "ism")
        held += estimate.low <= tau**2 / (2 * sigma**2) <= estimate.high
        assert estimate.error < 0.3
    assert 177 <= held < 200


def test_the_best_mix_of_two_objectives_has_the_smallest_variance():
    parameters = {"a": torch.tensor(0.9, dtype=torch.float64)}
    losses = {"dsm": objective("dsm"), "ism": objective("ism")}
    C = (moments := gradient_moments(losses, linear, parameters, batch_of(500, 2, 0.6), chunk=500)).covariance

    def mixed(weight: float) -> float:
        w = torch.tensor([1 - weight, weight], dtype=torch.float64)
        return float(w @ C @ w)

    best = float((C[0, 0] - C[0, 1]) / (C[0, 0] + C[1, 1] - 2 * C[0, 1]))
    assert mixed(best) <= min(mixed(best - 0.01), mixed(best + 0.01))
    assert moments.best_weight("dsm", "ism").value == pytest.approx(best, abs=0.05)
    plain = float(C[0, 0] / (C[0, 0] + C[1, 1]))
    assert moments.weight_gap("dsm", "ism").value == pytest.approx(best - plain, abs=0.02)
    gain = min(float(C[0, 0]), float(C[1, 1])) / mixed(best)
    assert moments.mix_gain("dsm", "ism").value == pytest.approx(gain, abs=0.05)
    assert moments.correlation("dsm", "dsm").value == pytest.approx(1.0, abs=1e-9)
    assert moments.variance("dsm").value == pytest.approx(float(C[0, 0]), rel=1e-9)


def test_what_it_refuses():
    parameters = {"a": torch.tensor(1.0, dtype=torch.float64)}
    losses = {"dsm": objective("dsm")}
    with pytest.raises(ValueError, match="at least 3 samples, given: 2"):
        gradient_moments(losses, linear, parameters, batch_of(2, 2, 0.5))
    with pytest.raises(ValueError, match="there are: dsm"):
        gradient_moments(losses, linear, parameters, batch_of(5, 2, 0.5)).variance("ism")
    whole = batch_of(4, 2, 0.5)
    two_axes = Batch(whole.clean[None], whole.noise[None], whole.sigma[None])
    with pytest.raises(ValueError, match=r"one batch axis, sigma \(n,\); given: \(1, 4\)"):
        per_sample_gradients(objective("dsm"), linear, parameters, two_axes)
