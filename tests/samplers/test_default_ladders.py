"""Every sampler on every schedule's default ladder: N(0, I) comes back, whatever score is asked, at any batch.

A ladder that several schedules share is walked once.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scorebench import parts
from scorebench.noise import schedule
from scorebench.parts import EnergyScore
from scorebench.samplers import sampler

LADDERS = {tuple(ladder.tolist()): ladder for name in parts.names("schedule") for ladder in [schedule(name).ladder()]}
SAMPLERS = parts.names("sampler")
ONE_LEVEL = ("langevin", "mala")
QUICK = {name: {} if name == "probability_flow_dopri5" else {"steps": 6} for name in SAMPLERS}
each_sampler = pytest.mark.parametrize("name", SAMPLERS)


def exact(x: Tensor, sigma: Tensor) -> Tensor:
    """The score of N(0, I), noised."""
    return -x / (1 + sigma.square()).reshape(*sigma.shape, *[1] * (x.ndim - sigma.ndim))


def network(dtype: torch.dtype) -> EnergyScore:
    """N(0, I) again, by a linear layer of this dtype that is fed with ln sigma: nan at a noise level below 0."""
    layer = torch.nn.Linear(1, 1).to(dtype)
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(0.0)

    def rate(sigma: Tensor) -> Tensor:
        return 1 / (1 + layer(sigma.log()[..., None])[..., 0].exp())

    return EnergyScore(
        lambda x, s: -x * rate(s)[..., None],
        lambda x, s: 0.5 * x.square().sum(-1) * rate(s),
    )


SCORES = {
    "exact": EnergyScore(exact, lambda x, s: 0.5 * x.square().sum(-1) / (1 + s.square())),
    "network": network(torch.float32),
    "network in float64": network(torch.float64),
}


def ladders_of(name: str) -> list[Tensor]:
    """The default ladders on which a sampler of this name can walk."""
    return [ladder for ladder in LADDERS.values() if name in ONE_LEVEL or len(ladder) > 1]


@each_sampler
@pytest.mark.parametrize("kind", SCORES)
def test_normal_data_come_back(name, kind):
    """Means within 4.5 standard errors of 0; second moments of 1, up to the tenth that the samplers' own bias may be
    (annealed Langevin's largest: 1.05^2 by its recursion, `test_annealed_langevin_variance`). A sampler of one level
    leaves its noise on the samples."""
    options = {"steps": 50} if name in ONE_LEVEL else {}  # started from N(0, I), they are there
    for ladder in ladders_of(name):
        x = sampler(name, **options)(SCORES[kind], ladder, (1000, 1, 2), 3)
        left = 1 + float(ladder[-1]) ** 2 if name in ONE_LEVEL else 1.0
        assert abs(float(x.mean())) < 4.5 * (left / 2000) ** 0.5
        assert abs(float(x.square().mean()) - left) < left * (0.1 + 4.5 * (2 / 2000) ** 0.5)


@each_sampler
def test_samples_are_the_same_in_any_batch(name):
    """Batches of 1, 4 and 1,000 from the same noise: the same samples (the adaptive solver's, within its tolerance)."""
    ladder, built = schedule("edm").ladder().double(), sampler(name, **QUICK[name])
    flat = built(SCORES["exact"], ladder, (1000, 2), 5)
    tolerance = 1e-3 if name == "probability_flow_dopri5" else 1e-12
    for shape in ((1000, 1, 2), (250, 4, 2), (1, 1000, 2)):
        x = built(SCORES["exact"], ladder, shape, 5).reshape(1000, 2)
        torch.testing.assert_close(x, flat, rtol=0, atol=tolerance)


@each_sampler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_score_is_asked_outside_the_ladder(name, dtype):
    for ladder in ladders_of(name):
        levels = ladder.to(dtype)

        def inside(x: Tensor, sigma: Tensor, levels: Tensor = levels) -> Tensor:
            assert sigma.dtype == x.dtype == dtype
            assert bool((sigma <= levels[0]).all() & (sigma >= levels[-1]).all()), f"asked at {sigma}"
            return exact(x, sigma)

        energy = lambda x, s, inside=inside: -0.5 * (x * inside(x, s)).sum(-1)  # noqa: E731
        sampler(name, **QUICK[name])(EnergyScore(inside, energy), levels, (20, 2), 0)


def test_the_adaptive_flow_meets_the_closed_form_over_six_decades():
    """x(sigma) grows as sqrt(1 + sigma^2): from 1000 to 0.001 by a factor of about 1000, then the denoising step."""
    ladder = torch.logspace(3, -3, 20, dtype=torch.float64)
    calls = []

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        calls.append(sigma)
        return exact(x, sigma)

    x = sampler("probability_flow_dopri5")(score, ladder, (500, 2), 0)
    start = 1000 * torch.randn(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = start * ((1 + 1e-6) / (1 + 1e6)) ** 0.5 / (1 + 1e-6)
    torch.testing.assert_close(x, expected, rtol=0, atol=3e-4)
    assert len(calls) < 200
