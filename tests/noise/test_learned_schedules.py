"""Schedules that learn where to train and how much: fixed points, unbiasedness, and where the mass goes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from scorebench.networks import Network
from scorebench.noise import schedule
from scorebench.objectives import objective
from scorebench.parts import BadOptions
from scorebench.streams import Streams
from scorebench.training.lessons import Lesson
from scorebench.training.loop import Optimisation, Problem, fit

TAU, D, R, K = 0.5, 3, 32, 6
TRAIN = (TAU * torch.randn(50_000, D, generator=torch.Generator().manual_seed(1))).float()
RANGE = {"sigma_max": 8.0, "sigma_min": 0.125, "bins": K}  # edges 1/8, 1/4, ..., 8
SCHEDULE = schedule("log_uniform", sigma_max=8.0, sigma_min=0.125)
LIKE = torch.zeros((), dtype=torch.float64)


class Linear(Network):
    """The score of N(0, tau^2 I), times theta, and off by a factor more around sigma = 1.4 where `bump` is not 0."""

    bump: float = 0.0

    def initialise(self, event, generator):
        return {"theta": torch.ones(len(generator), 1)}

    def field(self, parameters, u, c):
        raise AssertionError("its score is written out")

    def score(self, parameters):
        def score(x: Tensor, sigma: Tensor) -> Tensor:
            wrong = 1 + self.bump * ((sigma > 1) & (sigma < 2))
            return -x * (parameters["theta"] * wrong / (TAU**2 + sigma.square()))[..., None]

        return score


def lesson(step: int, net: Network, loss=None, replicates: int = R, samples: int = 240) -> Lesson:
    streams = Streams(3, replicates)
    parameters = net.initialise((D,), streams.at("initialise"))
    problem = Problem(loss or objective("dsm"), SCHEDULE, net, TRAIN, TRAIN, None, streams)
    return Lesson(problem, step, parameters, samples)


def taught(part, steps: int = 40, net: Network | None = None, loss=None, replicates: int = R):
    """The part with what it learns from a network that stays as it is."""
    state = part.begin(replicates, part.ladder())
    for step in range(steps):
        state = part.learn(state, lesson(step, net or Linear(), loss, replicates))
        part = part.informed(state)
    return part, state


def per_bin(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_uncertainty_is_the_log_of_the_mean_loss(assert_mean):
    """e^u = E[w l | sigma]: for s = s* and w = sigma^2 that is d tau^2 / (2 (tau^2 + sigma^2))."""
    part, state = taught(schedule("uncertainty", **RANGE))
    sigma = state["sigma"]
    exact = 0.5 * D * TAU**2 / (TAU**2 + sigma[0].square())
    assert_mean(state["loss"] / exact, 1.0, within=0.01)
    torch.testing.assert_close(part.weight(sigma), sigma.square() / state["loss"])
    between = (sigma[:, :1] * sigma[:, 1:2]).sqrt()  # the middle of two centres
    u = state["loss"][:, :2].log().mean(1, keepdim=True)
    torch.testing.assert_close(part.weight(between), between.square() / u.exp())


def test_uncertainty_follows_the_other_weightings():
    part, state = taught(schedule("uncertainty", weighting="one", **RANGE), steps=2)
    sigma = state["sigma"]
    exact = 0.5 * D * TAU**2 / (TAU**2 + sigma[0].square()) / sigma[0].square()
    torch.testing.assert_close(state["loss"].mean(0) / exact, torch.ones(K), rtol=0.1, atol=0)
    torch.testing.assert_close(part.weight(sigma), 1 / state["loss"], rtol=1e-5, atol=0)  # logs in float32


def test_uncertainty_makes_the_loss_of_dsm_one_at_every_scale():
    """In training: the mean of w l / e^u over all scales is 1, over the last half."""
    part = schedule("uncertainty", **RANGE)
    optimisation = Optimisation(steps=640, batch=120, learning_rate=0.0, ema=0.9, log_every=320)
    problem = Problem(objective("dsm"), part, Linear(), TRAIN, TRAIN[:100], None, Streams(3, 4))
    fitted = fit(problem, optimisation)
    losses = [value for _, step, metric, value in fitted.curve if (step, metric) == (640, "loss")]
    assert sum(losses) / 4 == pytest.approx(1.0, abs=0.05)
    # what is held out is weighed by the schedule as it is given, so that it can be compared along a training
    held_out = [value for r, _, metric, value in fitted.curve if r == 0 and metric == "validation_dsm"]
    assert held_out[0] == held_out[1]


def informed(name: str, **values: Tensor):
    part = schedule(name, **RANGE)
    return part.informed({key: value.float() for key, value in values.items()})


def test_samples_have_the_learned_mass():
    """Chi-square over 24 quarters of bins, for two replicates: a false alarm in 10,000 each."""
    mass = torch.tensor([[0.05, 0.1, 0.4, 0.05, 0.2, 0.2], [0.5, 0.1, 0.1, 0.1, 0.1, 0.1]])
    sigma = informed("minimax", mass=mass).sample((2, 100, 300), Streams(1, 2).at("sigma"), LIKE)
    assert sigma.shape == (2, 100, 300)
    quarter = ((sigma / 0.125).log2() * 4).floor().long()
    for r in range(2):
        counts = torch.bincount(quarter[r].flatten(), minlength=24).numpy()
        expected = mass[r].double().repeat_interleave(4).numpy() / 4
        assert stats.chisquare(counts, 30_000 * expected / expected.sum()).pvalue > 1e-4
    assert sigma.min() >= 0.125
    assert sigma.max() <= 8.0


@pytest.mark.parametrize("name", ["gradient_variance", "minimax"])
def test_an_even_mass_draws_as_log_uniform(name):
    """From the same uniform numbers: schedules that have learned nothing are paired with the one that never does."""
    plain = schedule("log_uniform", sigma_max=8.0, sigma_min=0.125)
    part = schedule(name, **RANGE)
    even = part.informed(part.begin(2, part.ladder()))
    one, two, three = (s.sample((2, 500), Streams(1, 2).at("sigma"), LIKE) for s in (plain, part, even))
    assert torch.equal(one, two)
    torch.testing.assert_close(one, three, rtol=1e-5, atol=0)
    torch.testing.assert_close(even.weight(three), plain.weight(three), rtol=1e-5, atol=0)


def test_importance_sampling_does_not_change_the_mean(assert_mean):
    """E_p[w/p h(sigma)] = E_uniform[w h(sigma)], here with w = sigma^2 and h = 1 / sigma: (8 - 1/8) / ln 64."""
    square = per_bin(1.0, 9.0, 0.0, 100.0, 25.0, 4.0)
    part = informed("gradient_variance", square=square)
    sigma = part.sample((1, 400_000), Streams(1, 1).at("sigma"), LIKE)
    assert_mean((part.weight(sigma) / sigma)[0], (8 - 0.125) / math.log(64), within=0.02)
    assert float((part.weight(sigma) / sigma.square()).max()) <= 1 / part.floor * (1 + 1e-6)
    root = square.sqrt()
    torch.testing.assert_close(part.mass().double(), 0.9 * root / root.sum() + 0.1 / 6, rtol=1e-6, atol=0)


def size(sigma: Tensor) -> Tensor:
    """50 for 1 < sigma < 2, the bin 3 of 6, and 1 elsewhere."""
    return torch.where((sigma > 1) & (sigma < 2), 50.0, 1.0)


def steep(score, batch, generator) -> Tensor:
    """A loss whose gradient in theta is size(sigma) or -size(sigma)."""
    theta = -score(torch.ones_like(batch.clean), batch.sigma)[..., 0] * (TAU**2 + batch.sigma.square())
    return theta * size(batch.sigma) * batch.noise[..., 0].sign()


def test_importance_sampling_reduces_the_variance_as_the_theory_says():
    """w/p c has the second moment sum_k q_k^2 c_k^2 / p_k, q = 1/6: 417.5 for p = q, 87.4 for p ~ c and a floor."""
    part, state = taught(schedule("gradient_variance", weighting="one", **RANGE), loss=steep)
    c = torch.tensor([1.0, 1.0, 1.0, 50.0, 1.0, 1.0])
    torch.testing.assert_close(state["square"].mean(0) / c.square(), torch.ones(K), rtol=0.15, atol=0)
    ideal = 0.9 * c / c.sum() + 0.1 / K
    torch.testing.assert_close(part.mass().mean(0), ideal, rtol=0.05, atol=0.002)
    variances = []
    for s in (schedule("log_uniform", weighting="one", sigma_max=8.0, sigma_min=0.125), part):
        sigma = s.sample((R, 4000), Streams(8, R).at("sigma"), torch.zeros(()))
        variances.append(float((s.weight(sigma) * size(sigma)).square().mean()))
    assert variances[0] == pytest.approx(float(c.square().mean()), rel=0.05)
    assert variances[1] == pytest.approx(float((c.square() / (K**2 * ideal)).sum()), rel=0.05)
    assert variances[1] < 0.25 * variances[0]


def test_gradient_variance_learns_the_weighted_second_moment(assert_mean):
    """Of the trained objective: for DSM at s = s*, w^2 d tau^2 / sigma^2 / v^2 (science, section 2.3)."""
    _, state = taught(schedule("gradient_variance", **RANGE))
    sigma = state["sigma"]
    exact = sigma[0].square() * D * TAU**2 / (TAU**2 + sigma[0].square()).square()
    assert_mean(state["square"] / exact, 1.0, within=0.06)


def test_minimax_goes_where_the_excess_is():
    """A score that is right but for 1 < sigma < 2: the other bins keep the floor, whatever their loss."""
    part, state = taught(schedule("minimax", **RANGE), steps=80, net=Linear(bump=1.0), replicates=8)
    mass = part.mass()
    assert bool((mass.argmax(1) == 3).all())
    assert float(mass[:, 3].min()) > 0.85
    assert float(mass.min()) >= part.floor / K / (1 + part.floor)
    torch.testing.assert_close(mass.sum(1), torch.ones(8))
    # sigma^2 1/2 E||s - s*||^2 = sigma^2 d / (2 v)
    middle = state["sigma"][0, 3].square()
    assert float(state["excess"][:, 3].mean()) == pytest.approx(float(middle * D / 2 / (TAU**2 + middle)), rel=0.05)
    sigma = part.sample((8, 4000), Streams(1, 8).at("sigma"), torch.zeros(()))
    assert float(((sigma > 1) & (sigma < 2)).float().mean()) == pytest.approx(float(mass[:, 3].mean()), abs=0.01)
    assert torch.equal(part.weight(sigma), sigma.square())


def test_minimax_step_is_multiplicative_weights():
    """p_k exp(rate e_k / max e), normalised; an estimate below 0 counts as 0."""
    part = schedule("minimax", rate=0.5, floor=0.001, **RANGE)
    start = part.begin(R, part.ladder())
    state = part.learn(start, lesson(0, Linear(bump=1.0)))
    excess = state["excess"].clamp(min=0)
    gain = (0.5 * excess / excess.amax(1, keepdim=True)).exp()
    torch.testing.assert_close(state["mass"], gain / gain.sum(1, keepdim=True))


def test_minimax_returns_from_the_floor():
    """The place of the excess moves: the mass follows within some tens of lessons."""
    part = schedule("minimax", **RANGE)
    mass = torch.full((4, K), 0.1 / K)
    mass[:, 0] = 1 - 0.5 / K
    state = {**part.begin(4, part.ladder()), "mass": mass}
    for step in range(60):
        state = part.learn(state, lesson(step, Linear(bump=1.0), replicates=4))
    assert bool((state["mass"].argmax(1) == 3).all())


@pytest.mark.parametrize("name", ["uncertainty", "gradient_variance", "minimax"])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sigma_max": 0.1, "sigma_min": 0.1}, r"sigma_min 0.1 must be below sigma_max 0.1"),
        ({"sigma_min": 0.0}, r"sigma_min: .*greater than 0; given: 0.0"),
        ({"bins": 0}, r"bins: .*greater than or equal to 1; given: 0"),
    ],
)
def test_what_makes_no_sense_is_refused(name, options, text):
    with pytest.raises(BadOptions, match=text):
        schedule(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("minimax", {"floor": 0.0}, r"floor: .*greater than 0; given: 0.0"),
        ("gradient_variance", {"floor": 1.0}, r"floor: .*less than 1; given: 1.0"),
        ("minimax", {"rate": 0.0}, r"rate: .*greater than 0; given: 0.0"),
    ],
)
def test_so_are_a_floor_and_a_rate_without_a_meaning(name, options, text):
    with pytest.raises(BadOptions, match=text):
        schedule(name, **options)
