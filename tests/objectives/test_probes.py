"""Probes: E[v v'] = I over the event, and the fourth moments that tell the three kinds apart."""

from __future__ import annotations

import pytest
import torch

from scorebench.objectives._terms import draw_probe

N = 200_000


def draw(probe: str, event: tuple[int, ...]) -> torch.Tensor:
    like = torch.zeros(N, *event, dtype=torch.float64)
    return draw_probe(probe, like, torch.zeros(N), torch.Generator().manual_seed(17))


@pytest.mark.parametrize("event", [(1,), (3,), (1, 2, 2)])
@pytest.mark.parametrize("probe", ["rademacher", "gaussian", "sphere"])
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
