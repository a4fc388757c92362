"""Every objective estimates 1/2 E||s - s*||^2 up to a constant: E[l(s)] - E[l(s*)] = 1/2 E||s - s*||^2.

Paired: the samples of l(s) - l(s*) - 1/2 ||s - s*||^2 have mean zero. Two classical mistakes serve as negative
controls: the check must find them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scorebench import parts
from scorebench.objectives import Batch, objective
from scorebench.objectives._posterior import posterior_score
from scorebench.objectives._terms import differentiable, half_square, sliced_divergence
from scorebench.targets import GaussianMixture

MIXTURE = GaussianMixture([0.5, 0.3, 0.2], [[1.0, 0.0, 0.5], [-1.0, 0.5, 0.0], [0.0, -1.0, -0.5]], stds=[0.6, 0.5, 0.7])
W = torch.tensor([[1.5, 0.5, 0.0], [-0.7, 1.8, 0.3], [0.4, 0.0, 1.6]], dtype=torch.float64)
N, BLOCKS = 60_000, 100
OTHER_OBJECTIVES = {name for name in parts.names("objective") if objective(name).changes_objective}
"""Those that do not estimate the score error, and say so: test_other_objectives has their truth."""
METHODS = [
    *[(name, {}) for name in parts.names("objective") if name not in OTHER_OBJECTIVES],
    *[(name, {"probe": probe}) for name in ("ssm", "ssm_vr") for probe in ("gaussian", "sphere")],
    ("ssm_vr", {"probes": 3, "probe": "orthogonal"}),
    ("ssm_vr", {"probes": 3}),
    ("antithetic_dsm", {"pairs": 4}),
    ("dsm_cv", {"beta": 0.5}),
    ("stf_ssm_vr", {"fixed": 0.5}),
    ("tsm", {"tau": 0.6}),
    ("hybrid", {"tau": 0.5}),
    ("hybrid", {"fixed": 0.5, "probe": "gaussian"}),
]


def exact(y: Tensor, sigma: Tensor) -> Tensor:
    return MIXTURE.score(y, sigma)


def wrong(y: Tensor, sigma: Tensor) -> Tensor:
    """Off by a field that is no gradient, is curved, and has a divergence."""
    return exact(y, sigma) + 1.5 * torch.tanh(y @ W)


def noised(sigma_min: float, sigma_max: float, seed: int = 5, n: int = N) -> Batch:
    """Points of the mixture with ln sigma uniform between the two, one sigma for every point; 3 points to refer to."""
    generator = torch.Generator().manual_seed(seed)
    clean = MIXTURE.sample(n, generator)
    noise = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    sigma = sigma_min * (sigma_max / sigma_min) ** u if sigma_max > 0 else 0 * u
    return Batch(clean, noise, sigma, MIXTURE, reference=MIXTURE.sample(3, generator))


def excess(loss, batch: Batch) -> tuple[Tensor, Tensor]:
    """Samples of l(s) - l(s*) with the same probes, and of 1/2 ||s - s*||^2."""
    values = []
    for score in (wrong, exact):
        values.append(loss(score, batch, torch.Generator().manual_seed(1)).detach())
    y = batch.noisy
    error = 0.5 * (wrong(y, batch.sigma) - exact(y, batch.sigma)).square().sum(-1)
    return values[0] - values[1], error


def refers(loss) -> bool:
    """Whether a loss needs reference points."""
    try:
        loss(exact, replace(noised(0.5, 1.0, n=4), reference=None), torch.Generator())
    except ValueError as error:
        return "reference=" in str(error)
    return False


def blockwise(loss, sigma_min: float, sigma_max: float) -> tuple[Tensor, Tensor]:
    """`excess`, as means of blocks with 3 reference points each: samples that share them are not independent."""
    blocks = [excess(loss, noised(sigma_min, sigma_max, seed, N // BLOCKS)) for seed in range(BLOCKS)]
    return torch.stack([b[0].mean() for b in blocks]), torch.stack([b[1].mean() for b in blocks])


@pytest.mark.parametrize(("name", "options"), METHODS, ids=str)
def test_excess_loss_is_the_score_error_on_noised_data(name, options, assert_mean):
    loss = objective(name, **options)
    difference, error = blockwise(loss, 0.3, 2.0) if refers(loss) else excess(loss, noised(0.3, 2.0))
    assert_mean(difference - error, 0.0, within=0.02 * float(error.mean()))


@pytest.mark.parametrize(("name", "options"), METHODS, ids=str)
def test_excess_loss_is_the_score_error_on_clean_data(name, options, assert_mean):
    loss = objective(name, **options)
    if loss.requires_noise:
        with pytest.raises(ValueError, match="sigma = 0"):
            loss(exact, noised(0.0, 0.0, n=4), torch.Generator())
        return
    difference, error = excess(loss, noised(0.0, 0.0))
    assert_mean(difference - error, 0.0, within=0.02 * float(error.mean()))


def sliced_vr_with(probe):
    """SSM-VR with a probe of one's own choice."""

    def loss(score, batch: Batch, generator: torch.Generator) -> Tensor:
        y = differentiable(batch)
        s = score(y, batch.sigma)
        return half_square(s, batch.sigma) + sliced_divergence(s, y, probe(batch, generator), batch.sigma)

    return loss


def fresh_gaussian(batch: Batch, generator: torch.Generator) -> Tensor:
    return torch.randn(batch.noise.shape, generator=generator, dtype=batch.noise.dtype)


def test_control_a_fresh_probe_passes(assert_mean):
    difference, error = excess(sliced_vr_with(fresh_gaussian), noised(0.7, 0.8))
    assert_mean(difference - error, 0.0, within=0.02 * float(error.mean()))


def test_control_reusing_the_noise_as_probe_is_found(assert_mean):
    """E[eps' (ds/dy)(x + sigma eps) eps] = E[div s + sigma^2 Laplacian(div s)] (science, section 2.1)."""
    batch = noised(0.7, 0.8)
    difference, error = excess(sliced_vr_with(lambda batch, _: batch.noise), batch)
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(difference - error, 0.0, within=0.02 * float(error.mean()))
    # the bias is the stated one: sigma^2 sum_ij d^2/dy_j^2 d/dy_i (1.5 tanh(y W))_i, in closed form
    t = torch.tanh(batch.noisy @ W)
    third = -2 * (1 - t.square()) * (1 - 3 * t.square())
    bias = 1.5 * batch.sigma**2 * (third * W.diagonal() * W.square().sum(0)).sum(-1)
    assert float(bias.mean()) != pytest.approx(0.0, abs=0.1)
    assert_mean(difference - error - bias, 0.0, within=0.02 * float(error.mean()))


def test_control_unit_sphere_without_the_factor_d_is_found(assert_mean):
    def unit(batch: Batch, generator: torch.Generator) -> Tensor:
        v = fresh_gaussian(batch, generator)
        return v / v.norm(dim=-1, keepdim=True)

    difference, error = excess(sliced_vr_with(unit), noised(0.7, 0.8))
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(difference - error, 0.0, within=0.02 * float(error.mean()))


def test_control_a_sign_error_in_dsm_is_found(assert_mean):
    def flipped(score, batch: Batch, generator: torch.Generator) -> Tensor:
        return half_square(score(batch.noisy, batch.sigma) - batch.noise / batch.scale, batch.sigma)

    difference, error = excess(flipped, noised(0.7, 0.8))
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(difference - error, 0.0, within=0.1 * float(error.mean()))


def test_control_a_target_field_without_its_own_point_is_found(assert_mean):
    """The target of `stf` is unbiased with 3 reference points, if the point that made y is among them."""

    def without_own(score, batch: Batch, generator: torch.Generator) -> Tensor:
        assert batch.reference is not None
        first = batch.reference[:1].expand_as(batch.clean)
        target = posterior_score(batch.noisy, batch.sigma, batch.reference[1:], first)
        return half_square(score(batch.noisy, batch.sigma) - target, batch.sigma)

    difference, error = blockwise(without_own, 0.7, 0.8)
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(difference - error, 0.0, within=0.2 * float(error.mean()))


def test_control_a_long_finite_difference_is_found(assert_mean):
    difference, error = excess(objective("fd_ssm", step=1.0), noised(0.7, 0.8))
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(difference - error, 0.0, within=0.02 * float(error.mean()))
