"""What parts learn between steps, against closed forms for linear scores on a Gaussian (science, section 2.3)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from scorebench.learning import GAIN, average, begin, centres, interpolate
from scorebench.networks import Network
from scorebench.noise import schedule
from scorebench.objectives import antithetic_stf, objective
from scorebench.objectives._optimal_loss import optimal_denoising_loss
from scorebench.parts import BadOptions
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture
from scorebench.training.lessons import Lesson
from scorebench.training.problem import Problem

TAU, D = 0.5, 3
TRAIN = (TAU * torch.randn(50_000, D, generator=torch.Generator().manual_seed(1))).float()
RANGE = {"sigma_max": 5.0, "sigma_min": 0.05}
SCHEDULE = schedule("log_uniform", **RANGE)


class Linear(Network):
    """s = -theta y / (tau^2 + sigma^2): the score of N(0, tau^2 I) at theta = 1, whose gradient in theta is small."""

    theta: float = 1.0

    def initialise(self, event, generator):
        return {"theta": torch.full((len(generator), 1), self.theta)}

    def field(self, parameters, u, c):
        raise AssertionError("its score is written out")

    def score(self, parameters):
        def score(x: Tensor, sigma: Tensor) -> Tensor:
            v = TAU**2 + sigma.square()
            return -x * (parameters["theta"] / v)[..., None]

        return score


def lesson(step: int = 0, replicates: int = 64, samples: int = 400, theta: float = 1.0, loss=None, net=None) -> Lesson:
    net = net or Linear(theta=theta)
    streams = Streams(7, replicates)
    parameters = net.initialise((D,), streams.at("initialise"))
    problem = Problem(loss or objective("dsm"), SCHEDULE, net, TRAIN, TRAIN, None, streams)
    return Lesson(problem, step, parameters, samples)


def taught(part, steps: int = 40, replicates: int = 64, **options) -> dict[str, Tensor]:
    """The state of a part after lessons on the network as it is."""
    state = part.begin(replicates, SCHEDULE.ladder())
    for step in range(steps):
        state = part.learn(state, lesson(step, replicates, **options))
    return state


def levels(*sigma: float, replicates: int = 64) -> Tensor:
    return torch.tensor(sigma).expand(replicates, -1)


CLOSED_FORMS = {  # variance of the gradient in a of s = -a y at the optimum, rho = sigma^2 / tau^2
    ("dsm",): lambda rho: D / rho,
    ("ssm_vr", ("probe", "rademacher")): lambda rho: 2 * D + 0 * rho,
    ("ssm_vr", ("probe", "gaussian")): lambda rho: 4 * D + 0 * rho,
    ("ssm", ("probe", "rademacher")): lambda rho: 2 * D**2 + 0 * rho,
    ("antithetic_dsm",): lambda rho: 4 * D / (1 + rho).square(),
    ("hybrid", ("tau", TAU)): lambda rho: 2 * D / (1 + 2 * rho),
}


@pytest.mark.parametrize("method", CLOSED_FORMS, ids=str)
def test_gradient_variances_are_the_closed_forms(method, assert_mean):
    """theta = a v: V is that in a over v^2; and E g = 0 at the optimum."""
    name, *options = method
    sigma = levels(0.1, 0.3, 0.5, 1.0, 3.0, replicates=256)
    V, square = lesson(replicates=256, samples=2000).gradient_moments(objective(name, **dict(options)), sigma)
    exact = CLOSED_FORMS[method]((sigma[0] / TAU).square()) / (TAU**2 + sigma[0].square()).square()
    assert_mean(V / exact, 1.0, within=0.15)
    assert_mean(square / exact, 0.0, within=0.02)


def test_variance_of_the_mean_gradient_off_the_optimum(assert_mean):
    """E g = E f^T (s - s*) = (theta - 1) d / v for f = -y / v."""
    sigma = levels(0.1, 0.5, 3.0)
    _, square = lesson(samples=4000, theta=3.0).gradient_moments(objective("ism"), sigma)
    exact = (2 * D / (TAU**2 + sigma[0].square())).square()
    assert_mean(square / exact, 1.0, within=0.03)


def test_a_lesson_repeats_its_samples_and_differs_between_steps_and_from_training():
    sigma = levels(0.1, 1.0, replicates=2)
    one, again, later = (lesson(step, replicates=2).batch(sigma) for step in (0, 0, 16))
    assert torch.equal(one.noise, again.noise)
    assert torch.equal(one.clean, again.clean)
    assert not torch.isin(one.noise, later.noise).any()
    assert one.noise.shape == (2, 2, 2, 100, D)
    assert not torch.isin(one.noise[0], one.noise[1]).any()
    assert not torch.isin(one.noise[:, :, 0], one.noise[:, :, 1]).any()
    alone = lesson(replicates=1).batch(sigma[:1])
    assert torch.equal(alone.noise[0], one.noise[0])
    assert torch.equal(one.sigma[:, 1], torch.ones(2, 2, 100))


def test_denoising_loss_of_a_lesson(assert_mean):
    """For s = -theta y / v: d tau^2 / (2 sigma^2 v) + (theta - 1)^2 d / (2 v)."""
    sigma = levels(0.1, 0.5, 3.0)
    v = TAU**2 + sigma[0].square()
    for theta in (1.0, 3.0):
        exact = D * TAU**2 / (2 * sigma[0].square() * v) + (theta - 1) ** 2 * D / (2 * v)
        assert_mean(lesson(theta=theta).denoising_loss(sigma) / exact, 1.0, within=0.02)


@pytest.mark.parametrize("n", [500, 5000])
@pytest.mark.parametrize(("d", "within"), [(1, 0.06), (2, 0.06), (5, 0.12)])
def test_optimal_denoising_loss_is_that_of_the_exact_score(d, within, n):
    """E tr Cov(x | y) / (2 sigma^4) of a mixture, also where every noised point has one clean point near.

    Tolerance: 6 % is 2.5 standard errors of a mean over 1,024 noised points. In 5-D the estimate is too large in
    between, where pairs run out and the bound is not yet near; by how much is what the 12 % says."""
    generator = torch.Generator().manual_seed(4)
    mixture = GaussianMixture([0.5, 0.5], [[1.0] * d, [-1.0] * d], stds=[0.5, 0.3])
    sigma = torch.logspace(-2, 1, 7, dtype=torch.float64)
    found = optimal_denoising_loss(mixture.sample(n, generator), sigma, generator)
    for level, value in zip(sigma.tolist(), found.tolist(), strict=True):
        clean, noise = mixture.sample(20_000, generator), torch.randn(20_000, d, generator=generator).double()
        s = mixture.score(clean + level * noise, level)
        exact = 0.5 * float((s + noise / level).square().sum(1).mean())
        assert value == pytest.approx(exact, rel=within)


def test_optimal_denoising_loss_without_pairs_is_that_of_normal_data():
    """d = 50: every noised point has its own clean point alone near, and the bound d v / (2 sigma^2 v') is exact."""
    generator = torch.Generator().manual_seed(4)
    points = 2 * torch.randn(1000, 50, generator=generator)
    sigma = torch.tensor([0.01, 0.1, 1.0])
    exact = 50 * 4 / (2 * sigma.square() * (4 + sigma.square()))
    torch.testing.assert_close(optimal_denoising_loss(points, sigma, generator), exact, rtol=0.02, atol=0)


def test_lambda_of_hybrid_is_learned():
    """lambda* = tau^2 / (tau^2 + 2 sigma^2), from a start that is wrong everywhere."""
    part = objective("hybrid", weighting="learned", tau=50.0)
    state = taught(part)
    sigma = state["sigma"]
    exact = TAU**2 / (TAU**2 + 2 * sigma.square())
    learned = part.informed(state).weight(sigma)
    assert learned.shape == (64, 12)
    assert float((learned.mean(0) - exact[0]).abs().max()) < 0.03  # a ratio of averages over 39 lessons: bias of 1/39
    assert (part.weight(sigma) > 0.98).all()


def test_hybrid_before_anything_was_learned_is_the_closed_form():
    part, closed = objective("hybrid", weighting="learned", tau=0.3), objective("hybrid", tau=0.3)
    state = part.begin(2, SCHEDULE.ladder())
    torch.testing.assert_close(part.informed(state).weight(state["sigma"]), closed.weight(state["sigma"]))
    sigma = torch.tensor([0.01, 0.3, 8.0])
    assert torch.equal(part.weight(sigma), closed.weight(sigma))
    assert closed.begin(2, SCHEDULE.ladder()) == objective("hybrid", fixed=0.3).begin(2, SCHEDULE.ladder()) == {}


def test_the_switch_points_of_antithetic_stf_are_found(monkeypatch):
    """DSM targets, linear score on N(0, tau^2 I): mirrored pairs are better below .41 tau and above 2.41 tau."""
    monkeypatch.setattr(
        antithetic_stf, "posterior_score", lambda y, sigma, _, own, *__: (own - y) / sigma.square()[..., None]
    )
    part = objective("antithetic_stf", tau=30.0)
    state = {key: value.mean(0, keepdim=True) for key, value in taught(part, samples=800).items()}
    sigma = torch.logspace(math.log10(0.06), math.log10(4), 2000)[None]
    mirrored = part.informed(state).mirrored(sigma)[0]
    switches = sigma[0, 1:][mirrored.diff()] / TAU
    assert switches.tolist() == [
        pytest.approx(math.sqrt(2) - 1, rel=0.08),
        pytest.approx(math.sqrt(2) + 1, rel=0.08),
    ]
    assert mirrored[0]


def test_fixed_and_learned_exclude_each_other():
    with pytest.raises(BadOptions, match=r"either fixed, given: 0.5, or learned"):
        objective("hybrid", fixed=0.5, weighting="learned")
    for name in ("hybrid", "antithetic_stf"):
        with pytest.raises(BadOptions, match=r"bins: .*greater than or equal to 1; given: 0"):
            objective(name, bins=0)


def test_nothing_is_learned_on_clean_data_alone():
    with pytest.raises(ValueError, match="the only noise level is 0"):
        objective("hybrid", weighting="learned").begin(1, schedule("clean").ladder())


def test_centres_are_the_middles_in_ln_sigma():
    assert centres(torch.tensor([16.0, 2.0, 1.0]), 2, 3).tolist() == [[pytest.approx(2.0), pytest.approx(8.0)]] * 3
    assert centres(torch.tensor([16.0, 1.0, 0.0]), 2, 1).tolist() == [[pytest.approx(2.0), pytest.approx(8.0)]]
    assert centres(torch.tensor([0.3]), 12, 1).tolist() == [[pytest.approx(0.3)]]


def test_interpolation_is_linear_in_ln_sigma_and_constant_beyond():
    at = torch.tensor([[1.0, 4.0, 16.0], [1.0, 4.0, 16.0]])
    values = torch.tensor([[0.0, 2.0, 6.0], [1.0, 1.0, 5.0]])
    sigma = torch.tensor([0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 99.0])
    found = interpolate(values, at, torch.stack([sigma, sigma])[:, None])
    expected = torch.tensor([[0.0, 0.0, 1.0, 2.0, 4.0, 6.0, 6.0], [1.0, 1.0, 1.0, 1.0, 3.0, 5.0, 5.0]])
    torch.testing.assert_close(found, expected[:, None])
    assert interpolate(values[:, :1], at[:, :1], torch.ones(2, 4)).tolist() == [[0.0] * 4, [1.0] * 4]
    with pytest.raises(ValueError, match=r"learned by 2 replicates, .* shape \(3, 1\)"):
        interpolate(values, at, torch.ones(3, 1))


def test_moving_average_starts_as_the_mean_and_forgets_later():
    state = begin(torch.ones(1, 2), value=torch.full((1, 2), 99.0))
    for k in range(1, 6):
        state = average(state, value=torch.tensor([[1.0, 2.0]]) * k)
    torch.testing.assert_close(state["value"], torch.tensor([[3.0, 6.0]]))
    for _ in range(100):
        state = average(state, value=torch.zeros(1, 2))
    before = state["value"]
    assert float(before.max()) < 0.5
    torch.testing.assert_close(average(state, value=torch.ones(1, 2))["value"], before + GAIN * (1 - before))
