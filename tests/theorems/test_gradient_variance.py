"""The variance theorem: what each objective's gradient varies by at the optimum s = s*, for any fields f_k.

    V_D = sum_k E[||f_k||^2 / sigma^2 + f_k'H f_k]        DSM:  g_k = f_k'(s* + epsilon / sigma)
    V_I = sum_k E[-f_k'H f_k + tr(F_k F_k)]               ISM:  g_k = f_k's* + div f_k
    Cov(g_D, g_I) = 0 for every pair of parameters, because E[g_D | y] = 0 and g_I depends on y alone
    V_D + V_I = sum_k E[||f_k||^2 / sigma^2 + tr(F_k F_k)]
    V_V = V_I + P / M for M probes, P = sum_k E[2 (||S_k||^2 - ||diag S_k||^2)] (Rademacher), E[2 ||S_k||^2] (Gaussian),
          S_k = (F_k + F_k') / 2
    V_hybrid = V_D V_V / (V_D + V_V) at lambda = V_D / (V_D + V_V): better than the better by a factor in [1, 2]

On a mixture, with the fields of all parameters of a random network. Paired z-tests: per sample the squared gradient
less the integrand has mean zero. About 25 comparisons at 4.5 standard errors: a false alarm in 6,000 runs.
"""

from __future__ import annotations

import pytest
import torch
from random_fields import at_the_optimum, fields, hessian, noised, parameters
from torch import Tensor

from scorebench.metrics.gradients import gradient_moments, per_sample_gradients
from scorebench.objectives import objective

N, SIGMAS = 16_000, [0.15, 0.4, 1.5]  # below, near and above the width of the components
THETA = parameters(2)


class Setting:
    """Everything at one sigma: the parts of the theorem and the gradients."""

    def __init__(self, sigma: float) -> None:
        self.batch = noised(N, sigma, seed=11)
        y, scale = self.batch.noisy, self.batch.sigma
        f, F = fields(THETA, y, scale)
        S = (F + F.mT) / 2
        self.square = f.square().sum((1, 2)) / sigma**2
        self.curvature = torch.einsum("npi,nij,npj->n", f, hessian(y, scale), f)
        self.trace = torch.einsum("npij,npji->n", F, F)
        self.gaussian = 2 * S.square().sum((1, 2, 3))
        self.rademacher = self.gaussian - 2 * S.diagonal(dim1=-2, dim2=-1).square().sum((1, 2))

    def gradients(self, name: str, **options) -> Tensor:
        generator = torch.Generator().manual_seed(12)
        return per_sample_gradients(objective(name, **options), at_the_optimum(THETA), THETA, self.batch, generator)


@pytest.fixture(scope="module", params=SIGMAS)
def setting(request) -> Setting:
    return Setting(request.param)


def test_dsm(setting, assert_mean):
    square = setting.gradients("dsm").square().sum(1)
    assert_mean(square - setting.square - setting.curvature, 0.0, within=0.03 * float(square.mean()))


def test_ism(setting, assert_mean):
    square = setting.gradients("ism").square().sum(1)
    assert_mean(square + setting.curvature - setting.trace, 0.0, within=0.03 * float(square.mean()))


def test_their_sum_is_free_of_the_hessian(setting, assert_mean):
    square = setting.gradients("dsm").square().sum(1) + setting.gradients("ism").square().sum(1)
    assert_mean(square - setting.square - setting.trace, 0.0, within=0.03 * float(square.mean()))


def test_dsm_and_ism_are_uncorrelated_parameter_by_parameter(setting, assert_mean):
    """All 102 x 102 covariances, in standard errors: 6 would be a false alarm in 50,000 runs. And their trace."""
    a, b = (g / g.std(0) for g in (setting.gradients("dsm"), setting.gradients("ism")))
    product = a.T @ b / N
    error = ((a.square().T @ b.square() / N - product.square()) / N).sqrt()
    assert float(error.median()) < 0.01
    assert float((product / error).abs().max()) < 6.0
    assert_mean((a * b).sum(1), 0.0, within=0.01 * a.shape[1])


@pytest.mark.parametrize(("probe", "probes"), [("rademacher", 1), ("gaussian", 1), ("gaussian", 3)])
def test_probes_add_their_own_variance(setting, probe, probes, assert_mean):
    g = setting.gradients("ssm_vr", probe=probe, probes=probes) - setting.gradients("ism")
    added = getattr(setting, probe) / probes
    assert_mean(g.square().sum(1) - added, 0.0, within=0.04 * float(added.mean()))
    # given y the probe's part has mean zero, so it is uncorrelated with the rest and V_V = V_I + P
    assert_mean((g * setting.gradients("ism")).sum(1), 0.0, within=0.03 * float(added.mean() + setting.trace.mean()))


def test_hybrid_beats_the_better_of_the_two_by_one_to_two(setting, assert_mean):
    names = {"dsm": objective("dsm"), "ssm_vr": objective("ssm_vr")}
    V = {name: float(setting.gradients(name).square().sum(1).mean()) for name in names}
    best = V["dsm"] / (V["dsm"] + V["ssm_vr"])
    expected = V["dsm"] * V["ssm_vr"] / (V["dsm"] + V["ssm_vr"])
    square = setting.gradients("hybrid", fixed=best).square().sum(1)
    assert_mean(square, expected, within=0.03 * expected)
    gain = min(V.values()) / float(square.mean())  # of the hybrid as measured, whose error is 3 % at most
    assert 0.97 < gain < 2.06
    assert gain == pytest.approx(1 + min(V.values()) / max(V.values()), rel=0.06)


def test_the_best_weight_is_found_from_the_moments(setting):
    """lambda* = (V_D - C) / (V_D + V_V - 2 C) = V_D / (V_D + V_V) at the optimum."""
    moments = gradient_moments(
        {"dsm": objective("dsm"), "ssm_vr": objective("ssm_vr")},
        at_the_optimum(THETA),
        THETA,
        setting.batch,
        torch.Generator().manual_seed(1),
        chunk=4000,
    )
    V_D = float((setting.square + setting.curvature).mean())
    V_V = float((setting.trace - setting.curvature + setting.rademacher).mean())
    weight, correlation = moments.best_weight("dsm", "ssm_vr"), moments.correlation("dsm", "ssm_vr")
    assert weight.error < 0.02
    assert abs(weight.value - V_D / (V_D + V_V)) < 4.5 * weight.error
    assert correlation.error < 0.02
    assert abs(correlation.value) < 4.5 * correlation.error


def test_away_from_the_optimum_they_are_correlated():
    """The tests of zero covariance can fail: off the optimum all estimators share f'(s - s*)."""
    batch = noised(N, 0.4, seed=11)
    off = {name: p + (1.0 if name == "layer2.bias" else 0.0) for name, p in THETA.items()}
    moments = gradient_moments(
        {"dsm": objective("dsm"), "ism": objective("ism")}, at_the_optimum(THETA), off, batch, chunk=4000
    )
    correlation = moments.correlation("dsm", "ism")
    assert correlation.value > 10 * correlation.error
