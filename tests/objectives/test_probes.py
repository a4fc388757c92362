"""Probes: E[v v'] = I over the event, and the fourth moments that tell the three kinds apart."""

from __future__ import annotations

import pytest
import torch

from scorebench.objectives._terms import draw_probe, draw_probes, orthogonal, slices

N = 200_000


def draw(probe: str, event: tuple[int, ...]) -> torch.Tensor:
    like = torch.zeros(N, *event, dtype=torch.float64)
    return draw_probe(probe, like, torch.zeros(N), torch.Generator().manual_seed(17))


@pytest.mark.parametrize("event", [(1,), (3,), (1, 2, 2)])
@pytest.mark.parametrize("probe", ["rademacher", "gaussian", "sphere", "orthogonal"])
def test_second_moment_is_the_identity(probe, event, assert_mean):
    v = draw(probe, event)
    assert v.shape == (N, *event)
    v = v.flatten(1)
    outer = v[:, :, None] * v[:, None, :]
    assert_mean(outer, torch.eye(v.shape[1], dtype=torch.float64), within=0.005)
    assert_mean(v, 0.0, within=0.005)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_fourth_moments(d, assert_mean):
    """E v_i^4: 1 for signs, 3 for normals, 3 d / (d + 2) on the sphere of radius sqrt d."""
    for probe, moment in (("rademacher", 1.0), ("gaussian", 3.0), ("sphere", 3 * d / (d + 2))):
        assert_mean(draw(probe, (d,)) ** 4, moment, within=0.03)


@pytest.mark.parametrize("event", [(5,), (2, 3, 1)])
def test_norms_of_signs_and_of_the_sphere_are_the_square_root_of_d(event):
    for probe in ("rademacher", "sphere"):
        v = draw(probe, event).flatten(1)
        radius = torch.full((N,), v.shape[1] ** 0.5, dtype=torch.float64)
        torch.testing.assert_close(v.norm(dim=1), radius, rtol=1e-12, atol=0)


def draw_many(probe: str, count: int, event: tuple[int, ...], n: int) -> torch.Tensor:
    like = torch.zeros(n, *event, dtype=torch.float64)
    return draw_probes(probe, count, like, torch.zeros(n), torch.Generator().manual_seed(23))


@pytest.mark.parametrize(("count", "event"), [(3, (3,)), (2, (4,)), (8, (3,)), (4, (1, 2, 2))])
def test_orthogonal_probes_come_in_orthogonal_blocks_of_d(count, event):
    v = draw_many("orthogonal", count, event, 100).flatten(2)
    d = v.shape[-1]
    for block in v.split(d):
        gram = torch.einsum("mni,lni->nml", block, block)
        expected = d * torch.eye(len(block), dtype=torch.float64).expand_as(gram)
        torch.testing.assert_close(gram, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("member", range(5))
def test_second_moment_of_every_orthogonal_probe_is_the_identity(member, assert_mean):
    v = draw_many("orthogonal", 5, (3,), 100_000)[member]
    assert_mean(v[:, :, None] * v[:, None, :], torch.eye(3, dtype=torch.float64), within=0.005)
    assert_mean(v, 0.0, within=0.005)


@pytest.mark.parametrize(("probe", "count"), [("rademacher", 4), ("gaussian", 4), ("sphere", 4), ("orthogonal", 3)])
def test_variance_of_the_trace_falls_with_the_number_of_probes(probe, count, assert_mean):
    """As 1 / M for independent probes; as (d - M) / ((d - 1) M) for orthogonal ones, whose sum over d is exact."""
    A = torch.tensor([[2.0, 1, 0, 0, 3], [0, 1, 0, 1, 0], [1, 0, 0, 4, 0], [0, 0, 0, -1, 2], [0, 1, 0, 0, 3]]).double()
    d, n = len(A), 100_000
    part = (d - count) / (d - 1) / count if probe == "orthogonal" else 1 / count
    S = (A + A.T) / 2
    total, square = S.trace(), S.square().sum()
    one = {  # the variance of v'A v
        "gaussian": 2 * square,
        "rademacher": 2 * (square - S.diagonal().square().sum()),
        "sphere": 2 * d / (d + 2) * (square - total**2 / d),
    }["sphere" if probe == "orthogonal" else probe]
    for M, variance in ((1, one), (count, one * part)):
        v = draw_many(probe, M, (d,), n)
        trace = torch.einsum("mni,ij,mnj->n", v, A, v) / M
        assert_mean(trace, float(total), within=0.05)
        assert_mean((trace - total).square(), float(variance), within=0.02 * float(variance))


def test_orthogonalised_normal_noise_is_normal_noise_still(assert_mean):
    """Each of the vectors keeps its norm, the first stays as it is, and all are N(0, I) on their own."""
    noise = torch.randn(3, N, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(29))
    v = orthogonal(noise, torch.zeros(N))
    torch.testing.assert_close(v[0], noise[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(v[2], noise[2], rtol=1e-12, atol=1e-12)  # a block of its own in two dimensions
    torch.testing.assert_close(v.norm(dim=-1), noise.norm(dim=-1), rtol=1e-12, atol=0)
    assert (v[0] * v[1]).sum(-1).abs().max() < 1e-12
    moments = torch.stack(
        [v[1, :, 0] ** 2, v[1, :, 0] ** 4, v[1, :, 0] * v[1, :, 1], v[1, :, 0] ** 2 * v[1, :, 1] ** 2]
    )
    assert_mean(moments.T, torch.tensor([1.0, 3.0, 0.0, 1.0], dtype=torch.float64), within=0.03)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_slices_taken_at_once_are_slices_taken_one_by_one(count):
    generator = torch.Generator().manual_seed(31)
    y = torch.randn(6, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    W = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    v = torch.randn(count, 6, 3, dtype=torch.float64, generator=generator)
    J = (1 - torch.tanh(y @ W).square())[:, None, :] * W  # J[n, j, i] = ds_i / dy_j
    expected = torch.einsum("mni,nji,mnj->mn", v, J, v)
    torch.testing.assert_close(slices(torch.tanh(y @ W), y, v, torch.zeros(6)), expected, rtol=1e-12, atol=1e-12)
