"""What is checked once, where batches, scores and losses come in: the right number, or one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from scorebench import parts
from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import Batch, Objective, objective
from scorebench.parts import EnergyScore, Unsuitable
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture
from scorebench.training.loop import Optimisation, Problem, fit

NAMES = parts.names("objective")
each_objective = pytest.mark.parametrize("name", NAMES)
TARGET = GaussianMixture([1.0], [[0.0, 0.0]], stds=[1.0])
N = 8
X, NOISE = torch.randn(2, N, 2, generator=torch.Generator().manual_seed(1))
SIGMA = torch.linspace(0.2, 2, N)
BATCH = Batch(X, NOISE, SIGMA, TARGET, X)


def score(x: Tensor, sigma: Tensor) -> Tensor:
    return torch.tanh(x @ torch.tensor([[0.5, 1.0], [-1.0, 0.3]]).to(x)) - x / (1 + sigma.square())[..., None]


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"sigma": SIGMA[:, None]}, ValueError, r"clean \(8, 2\), noise \(8, 2\), sigma \(8, 1\)$"),
        ({"noise": NOISE[:, :1]}, ValueError, r"given: clean \(8, 2\), noise \(8, 1\), sigma \(8,\)$"),
        ({"noise": NOISE[:1]}, ValueError, r"noise \(1, 2\)"),
        ({"sigma": SIGMA[:1]}, ValueError, r"sigma \(1,\)"),
        (
            {"clean": X[:, 0], "noise": NOISE[:, 0]},
            ValueError,
            r"such as \(n, d\), \(n, d\) and \(n,\); given: clean \(8,",
        ),
        ({"sigma": 0.5}, TypeError, "sigma of a Batch must be a tensor; given: a float .* one noise level for each"),
        ({"clean": X.numpy()}, TypeError, "clean of a Batch must be a tensor; given: a ndarray"),
        ({"noise": None}, TypeError, "noise of a Batch must be a tensor; given: None"),
        ({"clean": X.long()}, TypeError, r"such as clean\.float\(\); given: clean \(8, 2\) int64"),
        ({"noise": NOISE.to(torch.complex64)}, TypeError, "noise .* complex64"),
        ({"reference": X[:, :1]}, ValueError, r"\(m, \*event\) = \(m, 2\).*given: reference \(8, 1\)"),
        ({"reference": X[:0]}, ValueError, r"m at least 1; given: reference \(0, 2\)"),
        ({"reference": X.tolist()}, TypeError, "reference of a Batch must be a tensor; given: a list"),
        ({"sigma": SIGMA.to("meta")}, ValueError, "one device; given: clean on cpu, noise on cpu, sigma on meta"),
    ],
)
def test_batches_that_are_none(changed, error, text):
    with pytest.raises(error, match=text):
        replace(BATCH, **changed)


@each_objective
def test_noise_and_sigma_take_the_dtype_of_the_points(name):
    """Also whole numbers: sigma = 1 for every sample."""
    ones = torch.ones(N, dtype=torch.int64)
    for dtype in (torch.float32, torch.float64):
        mixed = Batch(X.to(dtype), NOISE.double(), SIGMA.double(), TARGET, X.double())
        assert mixed.noise.dtype == mixed.sigma.dtype == dtype
        same = Batch(X.to(dtype), NOISE.to(dtype), SIGMA.to(dtype), TARGET, X.to(dtype))
        assert torch.equal(objective(name)(score, mixed, 3), objective(name)(score, same, 3))
    whole, real = replace(BATCH, sigma=ones), replace(BATCH, sigma=ones.float())
    assert torch.equal(objective(name)(score, whole, 3), objective(name)(score, real, 3))


@each_objective
@pytest.mark.parametrize("dtypes", [(torch.float32, torch.float64), (torch.float64, torch.float32)], ids=str)
def test_networks_of_another_dtype_are_asked_in_their_own(name, dtypes):
    """The samples of a mixture are float64, networks are float32: the loss is in the dtype of the points."""
    points, network_s = dtypes
    torch.manual_seed(1)
    net = nn.Linear(2, 2).to(network_s)
    batch = Batch(X.to(points), NOISE.to(points), SIGMA.to(points), TARGET, X.to(points))
    loss = objective(name)(lambda x, sigma: net(x).tanh(), batch, 3)
    weight, bias = net.weight.double(), net.bias.double()
    exact = objective(name)(lambda x, sigma: (x.double() @ weight.mT + bias).tanh().to(x), batch, 3)
    assert loss.dtype == points
    torch.testing.assert_close(loss, exact, rtol=1e-3, atol=1e-3)


@each_objective
@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (
            lambda x, s: x[:, 0],
            ValueError,
            r"score must return the shape \(8, 2\) for x \(8, 2\) and sigma \(8,\); it returned \(8,\)$",
        ),
        (lambda x, s: x[:, :1], ValueError, r"returned \(8, 1\)$"),
        (lambda x, s: x[None], ValueError, r"returned \(1, 8, 2\)$"),
        (lambda x, s: (x, s), TypeError, "must return a tensor of real numbers; it returned a tuple$"),
        (lambda x, s: x.detach().numpy(), TypeError, "it returned a ndarray$"),
        (lambda x, s: x.long(), TypeError, r"it returned torch\.int64$"),
        ("score", TypeError, r"called as .*given: a str and a Batch$"),
    ],
)
def test_scores_that_are_none(name, wrong, error, text):
    with pytest.raises(error, match=text):
        objective(name)(wrong, BATCH, 3)


def test_ways_of_an_energy_are_checked():
    """The score beside a divergence has the shape of x, too."""
    energy = lambda x, s: x.square().sum(-1) / 2  # noqa: E731
    right = EnergyScore(lambda x, s: -x, energy, lambda x, s: (-x, torch.full_like(s, -2.0)))
    expected = 0.5 * BATCH.noisy.square().sum(-1) - 2
    torch.testing.assert_close(objective("ism")(right, BATCH), expected)
    with pytest.raises(ValueError, match=r"returned \(8, 1\)"):
        objective("ism")(replace(right, with_divergence=lambda x, s: (-x[:, :1], -2 + 0 * s)), BATCH)


@pytest.mark.parametrize("name", ["esm", "tsm"])
def test_a_target_whose_score_has_another_shape_is_named(name):
    class Wrong:
        def score(self, x: Tensor, sigma: Tensor) -> Tensor:
            return -x[..., 0]

    with pytest.raises(ValueError, match=r"the target's score must return the shape \(8, 2\) .* it returned \(8,\)"):
        objective(name)(score, replace(BATCH, target=Wrong()))


@each_objective
def test_arguments_in_another_order_are_named(name):
    for given in ((BATCH, score), (score, X), (None, BATCH)):
        with pytest.raises(TypeError, match=rf"called as {name}\(score, batch, generator\).*given: "):
            objective(name)(*given)


@each_objective
def test_a_seed_is_a_generator(name):
    of = objective(name)
    assert torch.equal(of(score, BATCH, 5), of(score, BATCH, torch.Generator().manual_seed(5)))


@each_objective
def test_a_batch_of_no_samples_has_no_losses(name):
    empty = Batch(X[:0], NOISE[:0], SIGMA[:0], TARGET, X)
    assert objective(name)(score, empty, 1).shape == (0,)


class Mean(Objective):
    """An own objective that ends in the mean."""

    def __call__(self, score: object, batch: Batch, generator: object = None) -> Tensor:
        return objective("dsm")(score, batch).mean()


def test_a_training_refuses_a_loss_that_is_not_one_per_sample():
    """Its weights w(sigma) would be lost."""
    points = TARGET.sample(50, 1).float()
    problem = Problem(Mean(), schedule("log_uniform"), network("mlp", width=4), points, points, TARGET, Streams(0, 2))
    text = (
        r"objective test_border must return one loss for each sample, of the shape of sigma \(2, 8\).*it returned \(\)"
    )
    with pytest.raises(ValueError, match=text):
        fit(problem, Optimisation(steps=2, batch=8, learning_rate=1e-3, ema=0.9, log_every=1))


@each_objective
def test_losses_without_a_graph(name):
    """Under no_grad and inference_mode: the same numbers, and nothing is kept for a backward pass."""
    net = nn.Linear(2, 2)
    of = lambda x, sigma: net(x).tanh() / (1 + sigma[:, None])  # noqa: E731
    expected = objective(name)(of, BATCH, 3)
    assert expected.requires_grad
    for quiet in (torch.no_grad, torch.inference_mode):
        with quiet():
            found = objective(name)(of, Batch(X.clone(), NOISE.clone(), SIGMA.clone(), TARGET, X.clone()), 3)
        assert not found.requires_grad
        torch.testing.assert_close(found, expected.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in NAMES if parts.find("objective", n).differentiates_score])
def test_scores_without_derivatives_are_refused(name):
    bias = torch.zeros(2, requires_grad=True)
    for flat in (lambda x, s: torch.zeros_like(x), lambda x, s: bias.expand_as(x)):
        with pytest.raises(Unsuitable, match="the score can't be differentiated in x: what it returns "):
            objective(name)(flat, BATCH, 3)


@pytest.mark.parametrize("name", ["stf", "antithetic_stf", "stf_ssm_vr"])
def test_reference_points_of_any_make(name):
    """In column order as pandas hands them out, in float64, every third number in memory: the same losses."""
    wide = torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).float().double()
    reference = torch.cat([X.double(), wide])
    columns = torch.tensor(np.asfortranarray(reference.numpy()))
    spread = torch.zeros(17, 2, 3, dtype=torch.float64)
    spread[..., 1] = reference
    expected = objective(name)(score, replace(BATCH, reference=reference.float()), 3)
    assert columns.stride() == (1, 17)
    for given in (columns, spread[..., 1]):
        torch.testing.assert_close(objective(name)(score, replace(BATCH, reference=given), 3), expected)
        own = replace(BATCH, clean=torch.tensor(np.asfortranarray(X.numpy())), reference=given)
        torch.testing.assert_close(objective(name)(score, own, 3), expected)


def test_copies_in_half_precision_are_found():
    """A copy of the own point in the reference set counts once: with itself alone, the target is that of DSM."""
    one = Batch(X[:1].bfloat16(), NOISE[:1].bfloat16(), SIGMA[:1].bfloat16(), reference=X[:1].bfloat16())
    torch.testing.assert_close(objective("stf")(score, one), objective("dsm")(score, one), rtol=0.1, atol=0)


@each_objective
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch maps some of its operations in a loop
def test_gradients_and_maps_of_torch_func(name):
    """grad over parameters, and vmap over samples where nothing is drawn, against a batch and its backward pass."""
    W = torch.tensor([[0.5, 1.0], [-1.0, 0.3]], dtype=torch.float64)
    d64 = Batch(X.double(), NOISE.double(), SIGMA.double(), TARGET, X.double())

    def loss(W: Tensor, batch: Batch, seed: int | None = 3) -> Tensor:
        more = {"probes": 2, "probe": "orthogonal"} if "probes" in parts.find("objective", name).model_fields else {}
        return objective(name, **more)(lambda x, sigma: torch.tanh(x @ W) * (1 + sigma[..., None]), batch, seed)

    leaf = W.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf, d64).sum(), leaf)
    torch.testing.assert_close(torch.func.grad(lambda W: loss(W, d64).sum())(W), expected, rtol=1e-9, atol=1e-9)

    def single(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return loss(W, Batch(clean, noise, sigma, TARGET, X.double()), None)

    mapped = torch.func.vmap(single, randomness="different")(d64.clean, d64.noise, d64.sigma)
    assert mapped.shape == (N,)
    if name not in ("ssm", "fd_ssm", "hybrid", "switch", "stf_ssm_vr", "antithetic_stf"):  # depend on the draw
        torch.testing.assert_close(mapped, loss(W, d64), rtol=1e-9, atol=1e-9)


def test_compiled_objectives():
    """Two orthogonal probes in two dimensions give the exact divergence, whatever is drawn."""

    def losses(clean: Tensor, noise: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        batch = Batch(clean, noise, sigma)
        return objective("ism")(score, batch), objective("ssm_vr", probes=2, probe="orthogonal")(score, batch)

    found = torch.compile(losses, backend="aot_eager")(X, NOISE, SIGMA)
    for each in found:
        torch.testing.assert_close(each, objective("ism")(score, BATCH), rtol=1e-4, atol=1e-4)
