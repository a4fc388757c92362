"""Score networks: preconditioning, replicates as a batch axis, and energies that are energies."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from scorebench import parts
from scorebench.networks import Network, network
from scorebench.objectives._terms import divergence, slices
from scorebench.parts import BadOptions, UnknownPart

NETWORKS = pytest.mark.parametrize("name", parts.names("network"))
SMALL = {"width": 8, "depth": 2}


def double(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.double() for name, value in parameters.items()}


def made(name: str, event: tuple[int, ...] = (3,), **options) -> tuple[Network, dict[str, Tensor]]:
    """A small network in float64 whose field is not small: its last layer is as large as the others."""
    net = network(name, **SMALL, **options)
    parameters = double(net.initialise(event, torch.Generator().manual_seed(1)))
    last = max(key for key in parameters if key.endswith("weight"))
    parameters[last] = 10 * parameters[last]
    return net, parameters


def inputs(batch: tuple[int, ...], event: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(*batch, *event, generator=generator, dtype=torch.float64)
    return x, 0.05 + 3 * torch.rand(*batch, generator=generator, dtype=torch.float64)


@NETWORKS
@given(sigma=st.just(0.0) | st.floats(1e-6, 100.0), scale=st.floats(0.05, 5.0))
def test_zero_parameters_are_the_score_of_a_gaussian(name, sigma, scale):
    """F = 0: s(y, sigma) = -y / (sigma^2 + sigma_data^2), the score of N(0, (sigma^2 + sigma_data^2) I)."""
    net = network(name, **SMALL, sigma_data=scale)
    zero = {key: torch.zeros_like(value) for key, value in double(net.initialise((3,), None)).items()}
    y, _ = inputs((5,), (3,))
    s = net.score(zero)(y, torch.full((5,), sigma, dtype=torch.float64))
    torch.testing.assert_close(s, -y / (sigma**2 + scale**2), rtol=1e-14, atol=0)


@NETWORKS
def test_preconditioning_is_that_of_edm(name):
    """The denoiser y + sigma^2 s is c_skip y + c_out F(c_in y, c_noise) (Karras et al. 2022, Table 1)."""
    sd = 0.5
    net, parameters = made(name, sigma_data=sd)
    y, sigma = inputs((20,), (3,))
    s2, column = sigma[:, None].square(), sigma[:, None]
    c_skip, c_out = sd**2 / (s2 + sd**2), column * sd / (s2 + sd**2).sqrt()
    c_in, c_noise = 1 / (s2 + sd**2).sqrt(), sigma.log() / 4
    F = net.field(parameters, c_in * y, c_noise)
    assert F.abs().mean() > 0.01
    denoised = y + s2 * net.score(parameters)(y, sigma)
    torch.testing.assert_close(denoised, c_skip * y + c_out * F, rtol=1e-12, atol=1e-12)


@NETWORKS
def test_clean_data(name):
    """sigma = 0: s = -y / sd^2 + F(y / sd, 0) / sd, also beside noised samples, with gradients that are finite."""
    sd = 0.7
    net, parameters = made(name, sigma_data=sd)
    y, sigma = inputs((6,), (3,))
    sigma[::2] = 0
    weights = {key: value.requires_grad_() for key, value in parameters.items()}
    s = net.score(weights)(y, sigma)
    expected = -y / sd**2 + net.field(parameters, y / sd, torch.zeros(6).double()) / sd
    torch.testing.assert_close(s[::2], expected[::2], rtol=1e-12, atol=1e-12)
    s.square().sum().backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in weights.values())
    assert sum(value.grad.abs().sum() for value in weights.values() if value.grad is not None) > 0


@NETWORKS
@pytest.mark.parametrize("event", [(3,), (1, 2, 2)])
def test_replicates_are_separate_networks(name, event):
    net = network(name, **SMALL)
    seeds = (5, 6, 7)
    together = double(net.initialise(event, [torch.Generator().manual_seed(s) for s in seeds]))
    x, sigma = inputs((3, 11), event)
    extra, extra_sigma = inputs((2, 3, 11), event)
    for r, seed in enumerate(seeds):
        alone = double(net.initialise(event, torch.Generator().manual_seed(seed)))
        assert all(torch.equal(together[key][r], value) for key, value in alone.items())
        one = net.score(alone)(x[r], sigma[r])
        torch.testing.assert_close(net.score(together)(x, sigma)[r], one, rtol=1e-12, atol=1e-12)
        more = net.score(together)(extra, extra_sigma)[:, r]
        torch.testing.assert_close(more, net.score(alone)(extra[:, r], extra_sigma[:, r]), rtol=1e-12, atol=1e-12)


@NETWORKS
@pytest.mark.parametrize("batch", [(), (12,), (3, 4), (2, 3, 2)])
def test_any_batch_shape(name, batch):
    net, parameters = made(name, (1, 2, 2))
    x, sigma = inputs((12,), (1, 2, 2))
    flat = net.score(parameters)(x, sigma)
    if batch == ():
        torch.testing.assert_close(net.score(parameters)(x[0], sigma[0]), flat[0], rtol=1e-12, atol=1e-12)
    else:
        shaped = net.score(parameters)(x.reshape(*batch, 1, 2, 2), sigma.reshape(batch))
        torch.testing.assert_close(shaped.reshape(flat.shape), flat, rtol=1e-12, atol=1e-12)


@NETWORKS
@pytest.mark.parametrize("activation", ["silu", "softplus", "tanh"])
def test_first_and_second_derivatives_against_finite_differences(name, activation):
    """ISM and SSM differentiate the score in y, and then the loss in the parameters."""
    net, parameters = made(name, activation=activation)
    y, sigma = inputs((2,), (3,))
    key = "layer1.weight"

    def score(y: Tensor, weight: Tensor) -> Tensor:
        return net.score({**parameters, key: weight})(y, sigma)

    arguments = (y.requires_grad_(), parameters[key].clone().requires_grad_())
    assert torch.autograd.gradcheck(score, arguments)
    assert torch.autograd.gradgradcheck(score, arguments)


def jacobians(net: Network, parameters: dict[str, Tensor], sigma: float) -> Tensor:
    y, _ = inputs((5,), (3,))
    at = torch.tensor(sigma, dtype=torch.float64)
    return torch.stack([torch.autograd.functional.jacobian(lambda u: net.score(parameters)(u, at), p) for p in y])


@pytest.mark.parametrize("sigma", [0.0, 0.1, 2.0])
def test_energy_is_conservative_and_mlp_is_not(sigma):
    J = jacobians(*made("energy"), sigma)
    torch.testing.assert_close(J, J.mT, rtol=1e-11, atol=1e-12)
    assert (J - torch.diag_embed(J.diagonal(dim1=-2, dim2=-1))).abs().max() > 1e-3  # symmetric, yet not diagonal
    J = jacobians(*made("mlp"), sigma)
    assert (J - J.mT).abs().max() > 1e-3


def test_energy_without_gradients_is_the_same():
    net, parameters = made("energy")
    y, sigma = inputs((7,), (3,))
    with torch.enable_grad():
        expected = net.score(parameters)(y, sigma)
    with torch.no_grad():
        silent = net.score(parameters)(y, sigma)
        of_leaf = net.score(parameters)(y.clone().requires_grad_(), sigma)
    assert not silent.requires_grad
    with torch.no_grad():
        assert not net.field(parameters, y, sigma).requires_grad  # no graph is kept
    torch.testing.assert_close(silent, expected.detach(), rtol=1e-13, atol=1e-13)
    assert torch.equal(of_leaf, silent)


def test_relu_energy_loses_its_second_derivatives_and_says_so():
    """ds/dy of a piecewise linear energy is only that of the Gaussian part, -1 / (sigma^2 + sigma_data^2)."""
    net, parameters = made("energy", activation="relu")
    assert not net.second_derivatives
    expected = -torch.eye(3, dtype=torch.float64) / (0.3**2 + 1)
    torch.testing.assert_close(jacobians(net, parameters, 0.3), expected.expand(5, 3, 3), rtol=1e-12, atol=1e-12)
    y, sigma = inputs((5,), (3,))
    sigma = torch.full_like(sigma, 0.3)
    assert (net.score(parameters)(y, sigma) + y / (0.3**2 + 1)).abs().max() > 0.1  # though it is not that score
    assert all(network("energy", activation=a).second_derivatives for a in ("silu", "softplus", "tanh"))
    assert network("mlp", activation="relu").second_derivatives


@NETWORKS
def test_untrained_network_is_near_the_gaussian(name):
    """The last layer has a tenth of the usual size: ||F|| is well below the ||y / c|| that the Gaussian part gives."""
    net = network(name)
    parameters = net.initialise((2,), torch.Generator().manual_seed(3))
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(4))
    F = net.field(parameters, x, torch.zeros(1000))
    assert float(F.detach().square().mean().sqrt()) < 0.25 * float(x.square().mean().sqrt())


@NETWORKS
def test_initial_weights_have_variance_one_over_inputs(name, assert_mean):
    parameters = network(name, width=200, depth=2).initialise((4,), torch.Generator().manual_seed(1))
    weight = parameters["layer1.weight"]
    assert weight.shape == (200, 200)
    assert_mean((weight.square() * 200).flatten(), 1.0, within=0.01)
    assert all((value == 0).all() for key, value in parameters.items() if key.endswith("bias"))


def test_options_are_checked():
    with pytest.raises(UnknownPart, match="there are: energy, mlp"):
        network("transformer")
    with pytest.raises(BadOptions, match="width"):
        network("mlp", width=0)
    with pytest.raises(BadOptions, match="sigma_data"):
        network("energy", sigma_data=-1.0)
    with pytest.raises(BadOptions, match="activation"):
        network("mlp", activation="sigmoid")


CURVED = pytest.mark.parametrize("activation", ["silu", "softplus", "tanh"])


def by_autograd(net: Network, parameters: dict[str, Tensor], x: Tensor, sigma: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    """s, div s and v^T (ds/dx) v of the energy itself, differentiated once, twice, three times."""
    y = x.clone().requires_grad_()
    (minus,) = torch.autograd.grad(net.score(parameters).energy(y, sigma).sum(), y, create_graph=True)
    return -minus, divergence(-minus, y, sigma), slices(-minus, y, v, sigma)


@CURVED
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("batch", [(4,), (2, 3)])
def test_derivatives_of_an_energy_are_those_of_automatic_differentiation(activation, depth, batch):
    """Score, divergence and slices, and the gradients of each in the parameters."""
    net = network("energy", width=7, depth=depth, activation=activation)
    parameters = double(net.initialise((3, 1, 2), torch.Generator().manual_seed(1)))
    for value in parameters.values():
        value.requires_grad_()
    x, sigma = inputs(batch, (3, 1, 2))
    sigma = torch.where(torch.arange(sigma.numel()).reshape(batch) == 1, 0.0, sigma)  # one of them clean
    v = torch.randn(2, *x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    score = net.score(parameters)
    s, div = score.with_divergence(x, sigma)
    again, sliced = score.with_slices(x, sigma, v)
    assert torch.equal(s, again)
    torch.testing.assert_close(score(x, sigma), s)
    for found, exact in zip((s, div, sliced), by_autograd(net, parameters, x, sigma, v), strict=True):
        torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-9)

    def gradients(value: Tensor) -> tuple[Tensor, ...]:
        inputs = list(parameters.values())
        return torch.autograd.grad(value.sin().sum(), inputs, retain_graph=True, materialize_grads=True)

    for found, exact in zip((s, div, sliced), by_autograd(net, parameters, x, sigma, v), strict=True):
        for a, b in zip(gradients(found), gradients(exact), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("leading", [(), (4,)])
def test_derivatives_of_replicates_are_those_of_each(leading):
    net = network("energy", **SMALL)
    parameters = double(net.initialise((3,), [torch.Generator().manual_seed(r) for r in range(2)]))
    x, sigma = inputs((*leading, 2, 5), (3,))
    v = torch.randn(3, *x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    s, div = net.score(parameters).with_divergence(x, sigma)
    _, sliced = net.score(parameters).with_slices(x, sigma, v)
    for r in range(2):
        alone = net.score({key: value[r] for key, value in parameters.items()})
        one, level = x[..., r, :, :], sigma[..., r, :]
        torch.testing.assert_close((s[..., r, :, :], div[..., r, :]), alone.with_divergence(one, level))
        torch.testing.assert_close(sliced[..., r, :], alone.with_slices(one, level, v[..., r, :, :])[1])


def test_a_piecewise_linear_energy_has_a_score_and_no_second_derivatives():
    net, parameters = made("energy", activation="relu")
    x, sigma = inputs((4,), (3,))
    score = net.score(parameters)
    assert score.with_divergence is score.with_slices is None
    y = x.clone().requires_grad_()
    torch.testing.assert_close(score(x, sigma), -torch.autograd.grad(score.energy(y, sigma).sum(), y)[0])
    with pytest.raises(ValueError, match="kink"):
        net.derivatives(parameters, x, sigma, curved=True).laplacian()
