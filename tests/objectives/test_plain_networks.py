"""Objectives on plain modules of torch.nn, which take (B, *event) and (B,) and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from scorebench import parts
from scorebench.metrics.diagnostics import diagnostics
from scorebench.metrics.fisher import scale_errors
from scorebench.objectives import Batch, objective
from scorebench.parts import PointwiseScore, Unsuitable
from scorebench.targets import GaussianMixture

NAMES = parts.names("objective")
each_objective = pytest.mark.parametrize("name", NAMES)
SEVERAL = [n for n in NAMES if n not in ("dsm", "esm", "tsm", "stf")]
"""Those that take derivatives of the network, or compare several of its values."""
EVENTS = [(3,), (1,), (1, 4, 4)]


class Plain(nn.Module):
    """A network as people write them: for (B, *event) and (B,) alone, with sigma[:, None]."""

    def __init__(self, event: tuple[int, ...], *more: nn.Module) -> None:
        super().__init__()
        self.image = len(event) == 3
        inner: list[nn.Module] = [nn.Conv2d(2, 8, 3, padding=1)] if self.image else [nn.Linear(event[0] + 1, 8)]
        last = nn.Conv2d(8, 1, 3, padding=1) if self.image else nn.Linear(8, event[0])
        self.layers = nn.Sequential(*inner, *more, nn.Tanh(), last)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        assert x.ndim == (4 if self.image else 2)
        assert sigma.shape == x.shape[:1]
        noise = sigma[:, None, None, None].expand_as(x) if self.image else sigma[:, None]
        found: Tensor = self.layers(torch.cat([x, noise], 1))
        return found


class Gaussian:
    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        return -x / (1 + sigma.square()).reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))


def batch_of(event: tuple[int, ...], n: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(5)
    clean, noise = torch.randn(2, n, *event, dtype=torch.float64, generator=generator)
    sigma = torch.tensor([1.4, 0.2, 0.9, 0.5, 2.0, 0.3], dtype=torch.float64)[:n]
    return Batch(clean, noise, sigma, Gaussian(), reference=clean)


def plain(event: tuple[int, ...], *more: nn.Module) -> Plain:
    torch.manual_seed(3)
    return Plain(event, *more).double()


def of_any_axes(net: nn.Module) -> PointwiseScore:
    """The same network for any batch axes, which says so: then objectives stack points and sort samples."""

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return net(x.reshape(-1, *x.shape[sigma.ndim :]), sigma.reshape(-1)).reshape(x.shape)

    return PointwiseScore(score)


@each_objective
@pytest.mark.parametrize("event", EVENTS, ids=str)
@pytest.mark.parametrize("n", [1, 6])
def test_a_plain_module_gives_what_one_for_any_axes_gives(name, event, n):
    """Losses and gradients: points one by one in the order of the batch, or stacked and sorted."""
    net, batch = plain(event), batch_of(event, n)
    found = []
    for score in (net, of_any_axes(net)):
        loss = objective(name)(score, batch, 7)
        found.append((loss.detach(), *torch.autograd.grad(loss.sum(), list(net.parameters()), allow_unused=True)))
    assert found[0][0].shape == (n,)
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-10)


@each_objective
def test_scores_that_hold_labels_of_the_samples_get_them_in_order(name):
    """A sample with label c has the loss that it has where all labels are c."""
    net, batch = plain((3,)), batch_of((3,))
    labels = torch.tensor([0, 1, 1, 0, 1, 0])

    def under(labels: Tensor) -> Tensor:
        return objective(name)(lambda x, sigma: net(x, sigma) * (1 + labels[:, None]), batch, 7)

    expected = torch.where(labels == 0, under(0 * labels), under(0 * labels + 1))
    torch.testing.assert_close(under(labels), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("layer", [nn.BatchNorm1d(8), nn.Dropout(0.3)], ids=["batch_norm", "dropout"])
def test_modules_in_training_mode_that_would_make_it_wrong_are_refused(name, layer):
    net, batch = plain((3,), layer).train(), batch_of((3,))
    for score in (net, lambda x, sigma: net(x, sigma)):
        with pytest.raises(Unsuitable, match=rf"{name} .*a {type(layer).__name__} in training mode .* eval\(\)"):
            objective(name)(score, batch, 7)
    net.eval()
    loss = objective(name)(net, batch, 7)
    torch.testing.assert_close(loss, objective(name)(of_any_axes(net), batch, 7), rtol=1e-10, atol=1e-10)


def test_a_batch_norm_without_running_statistics_is_refused_in_either_mode():
    net = plain((3,), nn.BatchNorm1d(8, track_running_stats=False)).eval()
    with pytest.raises(Unsuitable, match="BatchNorm1d"):
        objective("ism")(net, batch_of((3,)))


@pytest.mark.parametrize("name", ["dsm", "esm", "tsm", "stf"])
def test_one_evaluation_without_derivatives_may_have_batch_statistics(name):
    """They are regressions: the network is trained as it stands, on the batch as it stands."""
    net, batch = plain((3,), nn.BatchNorm1d(8)).train(), batch_of((3,))
    y = batch.clean + batch.sigma[:, None] * batch.noise
    loss = objective("dsm")(net, batch)
    residual = net(y, batch.sigma) + batch.noise / batch.sigma[:, None]
    torch.testing.assert_close(loss, 0.5 * residual.square().sum(-1), rtol=1e-12, atol=1e-12)
    assert objective(name)(net, batch).isfinite().all()


def test_measures_of_a_score_take_plain_modules():
    """The network is -a y, so D(sigma) = sigma^2 (1 / v - a)^2 E||y||^2, v = 1 + sigma^2, and alpha = 1 / (a v)."""

    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

        def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
            assert x.ndim == 2
            return -self.a * x * torch.ones_like(sigma[:, None])

    target, n = GaussianMixture([1.0], [[0.0, 0.0]], stds=[1.0]), 20_000
    sigmas = torch.tensor([0.3, 2.0], dtype=torch.float64)
    v = 1 + sigmas.square()
    D = scale_errors(Linear(), target, sigmas, n, 1)
    torch.testing.assert_close(D[0], sigmas.square() * (1 / v - 0.5).square() * 2 * v, rtol=0.05, atol=0)
    found = diagnostics(Linear(), target.sample(n, 2), target.sample(500, 3), sigmas, 4)
    torch.testing.assert_close(found.stein_alpha[0].detach(), 1 / (0.5 * v), rtol=0.05, atol=0)
    balance = sigmas.square() * (0.25 * 2 * v - 0.5 * 2)
    torch.testing.assert_close(found.divergence_balance[0].detach(), balance, rtol=0.05, atol=0.02)
    for measure in (
        lambda score: scale_errors(score, target, sigmas, 10, 1),
        lambda score: diagnostics(score, target.sample(10, 2), target.sample(20, 3), sigmas, 4),
    ):
        with pytest.raises(Unsuitable, match="BatchNorm1d in training mode"):
            measure(plain((2,), nn.BatchNorm1d(8)).train())


def test_diagnostics_keep_the_order_of_the_points():
    points = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scale = torch.linspace(0.5, 2, 50, dtype=torch.float64)[:, None]
    sigmas = torch.tensor([0.5], dtype=torch.float64)
    held = diagnostics(lambda x, sigma: -scale * x, points, points, sigmas, 4)
    both = PointwiseScore(lambda x, sigma: -torch.cat([scale, scale]) * x)
    torch.testing.assert_close(held, diagnostics(both, points, points, sigmas, 4), rtol=1e-12, atol=1e-12)
