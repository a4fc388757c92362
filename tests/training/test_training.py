"""Training: it learns, replicates do not disturb each other, and the same streams give the same bits."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from scorebench.learning import BLOCK
from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import Batch, objective
from scorebench.streams import Generators, Streams
from scorebench.targets import GaussianMixture
from scorebench.training.loop import Fitted, Optimisation, Problem, fit

TARGET = GaussianMixture([1.0], [[0.8, -0.5]], stds=[0.4])
TRAIN = TARGET.sample(4000, torch.Generator().manual_seed(1)).float()
VALIDATION = TARGET.sample(600, torch.Generator().manual_seed(2)).float()
SCHEDULE = schedule("log_uniform", sigma_max=3.0, sigma_min=0.1)
NETWORK = network("mlp", width=24, depth=2)
DSM = objective("dsm")


def run(
    loss=DSM,
    replicates: int = 1,
    steps: int = 30,
    batch: int = 32,
    rate: float = 3e-3,
    log_every: int = 10,
    noise=SCHEDULE,
    net=NETWORK,
    target: GaussianMixture | None = TARGET,
) -> Fitted:
    optimisation = Optimisation(steps=steps, batch=batch, learning_rate=rate, ema=0.99, log_every=log_every)
    return fit(Problem(loss, noise, net, TRAIN, VALIDATION, target, Streams(11, replicates)), optimisation)


def curve(fitted: Fitted, metric: str, replicate: int = 0) -> dict[int, float]:
    return {step: value for r, step, m, value in fitted.curve if (r, m) == (replicate, metric)}


def equal(a: Fitted, b: Fitted, of_a: int = 0, of_b: int = 0) -> bool:
    return all(torch.equal(a.parameters[key][of_a], b.parameters[key][of_b]) for key in a.parameters)


def score_error(net, parameters: dict[str, Tensor], n: int = 20_000) -> Tensor:
    """w(sigma) ||s - s*||^2 of replicate 0 at points of its own, (n,)."""
    generator = torch.Generator().manual_seed(77)
    clean = TARGET.sample(n, generator).float()
    sigma = SCHEDULE.sample((n,), generator)
    y = clean + sigma[:, None] * torch.randn(n, 2, generator=generator)
    with torch.no_grad():
        s = net.score({key: value[:1] for key, value in parameters.items()})(y[None], sigma[None])[0]
    return SCHEDULE.weight(sigma) * (s - TARGET.score(y, sigma)).square().sum(-1)


def gaussian_error() -> float:
    """E w(sigma) ||s - s*||^2 of the score -y / (1 + sigma^2), which a network that has learnt nothing is close to.

    y = mu + sqrt(v) z with v = 0.16 + sigma^2: s - s* = sqrt(v) (1 / v - 1 / (1 + sigma^2)) z - mu / (1 + sigma^2).
    """
    square = torch.logspace(math.log10(0.1), math.log10(3), 1001, dtype=torch.float64).square()  # even in ln sigma
    v, model = 0.16 + square, 1 + square
    return float((square * (2 * v * (1 / v - 1 / model) ** 2 + 0.89 / model**2)).mean())


@pytest.mark.parametrize("name", ["esm", "ism", "dsm", "ssm_vr", "hybrid", "antithetic_dsm"])
def test_training_finds_the_score(name):
    """Learning leaves a twentieth of the error of the untrained network, at new points."""
    fitted = run(objective(name), steps=400, batch=128, rate=1e-2, log_every=400)
    assert score_error(NETWORK, fitted.parameters).mean() < gaussian_error() / 20
    assert fitted.status == ["trained"]
    assert fitted.ended_at == [None]


def test_energy_network_is_trained_too():
    net = network("energy", width=24, depth=2)
    fitted = run(objective("ism"), steps=300, batch=128, rate=1e-2, log_every=300, net=net)
    assert score_error(net, fitted.parameters).mean() < gaussian_error() / 20


def test_two_fits_are_bitwise_equal():
    first, second = run(objective("ssm_vr"), replicates=2), run(objective("ssm_vr"), replicates=2)
    assert equal(first, second)
    assert equal(first, second, 1, 1)
    assert first.curve == second.curve
    assert not equal(first, first, 0, 1)


def recorder(seen: list[Batch], probes: list[float] | None = None):
    """DSM that writes down what it is given."""

    def loss(score, batch: Batch, generator: Generators) -> Tensor:
        seen.append(batch)
        if probes is not None:
            probes.append(torch.rand((), generator=generator[0]).item())
        return DSM(score, batch)

    return loss


def test_replicate_0_is_the_same_alone_and_beside_others():
    """The same data, noise, levels, probes and start, bit for bit; the weights up to the order of float32 sums."""
    alone, beside, probes_alone, probes_beside = [], [], [], []
    one = run(recorder(alone, probes_alone), replicates=1, steps=BLOCK + 4)
    three = run(recorder(beside, probes_beside), replicates=3, steps=BLOCK + 4)
    for a, b in zip(alone, beside, strict=True):
        assert torch.equal(a.clean[0], b.clean[0])
        assert torch.equal(a.noise[0], b.noise[0])
        assert torch.equal(a.sigma[0], b.sigma[0])
        assert not torch.equal(b.noise[0], b.noise[1])
    assert probes_alone == probes_beside
    for key, value in one.parameters.items():
        torch.testing.assert_close(value[0], three.parameters[key][0], rtol=1e-5, atol=1e-7)
        assert not torch.allclose(value[0], three.parameters[key][1], rtol=1e-2, atol=1e-3)


def test_methods_see_the_same_data_and_noise():
    """Paired comparisons: what an objective draws for itself changes nothing for the next step."""
    plain, drawing = [], []

    def greedy(score, batch: Batch, generator: Generators) -> Tensor:
        drawing.append(batch)
        return objective("ssm", probes=3)(score, batch, generator)

    run(recorder(plain), steps=2 * BLOCK + 1)
    run(greedy, steps=2 * BLOCK + 1)
    for a, b in zip(plain, drawing, strict=True):
        assert torch.equal(a.clean, b.clean)
        assert torch.equal(a.noise, b.noise)
        assert torch.equal(a.sigma, b.sigma)


def test_batches_are_training_points_and_fresh_standard_normals(assert_mean):
    seen: list[Batch] = []
    run(recorder(seen), steps=3 * BLOCK, batch=256)
    rows = {row.numpy().tobytes() for row in TRAIN}
    assert all(row.numpy().tobytes() in rows for batch in seen for row in batch.clean[0])
    noise = torch.cat([batch.noise[0] for batch in seen])
    assert len(noise.unique(dim=0)) == len(noise) == 3 * BLOCK * 256
    assert_mean(noise[:, :, None] * noise[:, None, :], torch.eye(2), within=0.02)
    index = torch.cat([batch.clean[0] for batch in seen])
    assert_mean(index, TRAIN.mean(0), within=0.005)
    assert all(batch.target is TARGET for batch in seen)


def poisoned(replicate: int, step: int, value: float = math.nan):
    """DSM whose loss for one replicate is not finite from a step on."""
    count = 0

    def loss(score, batch: Batch, generator: Generators) -> Tensor:
        nonlocal count
        losses = DSM(score, batch)
        if count >= step:
            factor = torch.ones(len(losses), 1)
            factor[replicate] = value
            losses = losses * factor
        count += 1
        return losses

    return loss


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_replicate_stops_and_the_others_go_on(value):
    undisturbed = run(replicates=3)
    fitted = run(poisoned(1, 5, value), replicates=3)
    assert fitted.status == ["trained", "diverged", "trained"]
    assert fitted.ended_at == [None, 5, None]
    for r in (0, 2):
        assert equal(fitted, undisturbed, r, r)
        assert curve(fitted, "loss", r) == curve(undisturbed, "loss", r)
    assert all(value[1].isfinite().all() for value in fitted.parameters.values())
    assert not equal(fitted, undisturbed, 1, 1)
    assert curve(fitted, "loss", 1) == {}  # its first mean would be over ten steps
    assert list(curve(fitted, "loss", 0)) == [10, 20, 30]


def test_all_replicates_diverge():
    """Training ends there, with the parameters of the last good step: those of five steps of undisturbed training."""
    fitted = run(poisoned(0, 5), replicates=1)
    assert fitted.status == ["diverged"]
    assert fitted.ended_at == [5]
    assert all(value.isfinite().all() for value in fitted.parameters.values())
    assert fitted.evaluations == 6 * 32


def test_a_gradient_that_is_not_finite_does_not_spoil_the_parameters():
    """sqrt at 0: a finite loss with an infinite gradient. What is kept of a diverged replicate must be finite."""
    count = 0

    def loss(score, batch: Batch, generator: Generators) -> Tensor:
        nonlocal count
        losses = DSM(score, batch)
        count += 1
        if count > 5:
            root = (losses[1:] * 0).sqrt()
            losses = torch.cat([losses[:1], losses[1:] + root])
        return losses

    fitted = run(loss, replicates=2)
    assert fitted.status == ["trained", "diverged"]
    assert equal(fitted, run(replicates=2))
    assert all(value.isfinite().all() for value in fitted.parameters.values())


def still(value: float):
    """A loss that is one number and teaches nothing."""
    return lambda score, batch, generator: value + 0 * score(batch.noisy, batch.sigma).sum(-1)


def test_training_curve_is_the_mean_since_the_last_entry():
    one = schedule("log_uniform", sigma_max=3.0, sigma_min=0.1, weighting="one")
    fitted = run(still(3.0), steps=25, noise=one, replicates=2)
    assert curve(fitted, "loss", 1) == {10: 3.0, 20: 3.0, 25: 3.0}


def test_training_loss_is_weighted():
    weighted = schedule("single", sigma=0.5)
    assert curve(run(still(3.0), noise=weighted), "loss")[30] == pytest.approx(0.75, rel=1e-6)


def test_held_out_errors_of_a_network_that_learns_nothing(assert_mean):
    """score_error is E w ||s - s*||^2, validation_dsm E w ||s + epsilon / sigma||^2 / 2, of 512 points, and

    the two differ by E w ||s* + epsilon / sigma||^2 / 2: sigma^2 (d / sigma^2 - d / v) / 2 = d / 2 E[tau^2 / v]."""
    fitted = run(still(1.0), steps=20, replicates=2)
    errors = curve(fitted, "score_error")
    assert len(set(errors.values())) == 1  # the same points every time
    assert errors[20] == pytest.approx(gaussian_error(), rel=0.3)  # the last layer is small, not zero
    samples = score_error(NETWORK, NETWORK.initialise((2,), Streams(11, 1).at("initialise")))
    assert errors[20] == pytest.approx(float(samples.mean()), abs=4.5 * float(samples.std()) / 512**0.5)
    ratio = 0.16 + torch.logspace(-1, math.log10(3), 1001, dtype=torch.float64) ** 2  # v, evenly in ln sigma
    irreducible = float((0.16 / ratio).mean())
    gap = curve(fitted, "validation_dsm")[20] - errors[20] / 2
    # its terms: w ||r||^2 / 2 with mean tau^2 / v and as much spread, and w (s - s*)'r with the spread sqrt(error)
    spread = math.sqrt(1 + errors[20])
    assert gap == pytest.approx(irreducible, abs=4.5 * spread / 512**0.5)


def test_held_out_errors_where_they_do_not_exist():
    clean = run(objective("ism"), noise=schedule("clean"), steps=5, log_every=5)
    assert {m for _, _, m, _ in clean.curve} == {"loss", "score_error"}
    unknown = run(steps=5, log_every=5, target=None)
    assert {m for _, _, m, _ in unknown.curve} == {"loss", "validation_dsm"}


def test_evaluations_are_counted():
    """Points per replicate at which the network was evaluated: A-DSM takes two for each."""
    for name, each in (("dsm", 1), ("ssm_vr", 1), ("antithetic_dsm", 2)):
        for replicates in (1, 3):
            assert run(objective(name), replicates=replicates, steps=7).evaluations == 7 * 32 * each


def test_parameters_are_the_moving_average():
    """A constant gradient moves Adam by its rate at every step; the average with weights 1 - (1 + k) / (10 + k)

    (at most ema) follows. Checked on a bias of the last layer, whose gradient is made 1."""

    def loss(score, batch: Batch, generator: Generators) -> Tensor:
        # ds/d(bias of the last layer) is 1 / (sigma total) > 0: a positive gradient of varying size, so compare signs
        return score(batch.noisy, batch.sigma).sum(-1)

    fitted = run(loss, steps=40, rate=1e-3, noise=schedule("single", sigma=1.0), log_every=40)
    key = max(k for k in fitted.parameters if k.endswith("bias"))
    # Adam with the same gradient at every step moves by exactly the rate: warm-up over 2 % (less than a step), cosine
    position = average = 0.0
    for k in range(40):
        position -= 1e-3 * min(1.0, (k + 1) / max(1, 0.02 * 40)) * 0.5 * (1 + math.cos(math.pi * k / 40))
        keep = min(0.99, (1 + k) / (10 + k))
        average = keep * average + (1 - keep) * position
    assert fitted.parameters[key].flatten().tolist() == pytest.approx([average] * 2, rel=1e-4)
