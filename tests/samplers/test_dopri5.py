"""The probability-flow ODE by an adaptive method, and the progress bar that all samplers share."""

from __future__ import annotations

import io
import math
import sys

import pytest
import torch
from torch import Tensor

from scorebench import parts
from scorebench.noise import schedule
from scorebench.ode import Unsolved, integrate
from scorebench.parts import EnergyScore
from scorebench.samplers import progress, sampler
from scorebench.samplers._steps import reporter, steps_of
from scorebench.targets import GaussianMixture

LADDER = schedule("geometric", sigma_max=10.0, sigma_min=0.05, levels=12).ladder().double()
TARGET = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], stds=[0.3, 0.4])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(6)


def test_dopri5_is_where_heun_tends_to():
    flow = sampler("probability_flow_dopri5", rtol=1e-8, atol=1e-8)(TARGET.score, LADDER, (60, 2), seeded())
    coarse, fine = (sampler("probability_flow", steps=n)(TARGET.score, LADDER, (60, 2), seeded()) for n in (200, 400))
    error = float((fine - flow).abs().max())
    assert error < 1e-3
    assert float((coarse - flow).abs().max()) / error == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
def test_tolerance_governs_the_error(tolerance):
    tau, top, low = 0.6, float(LADDER[0]), float(LADDER[-1])
    built = sampler("probability_flow_dopri5", rtol=tolerance, atol=tolerance)
    x = built(lambda x, s: -x / (tau**2 + s.square())[..., None], LADDER, (50, 2), seeded())
    start = top * torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    scale = math.sqrt((tau**2 + low**2) / (tau**2 + top**2)) * tau**2 / (tau**2 + low**2)
    assert tolerance / 100 < float((x - scale * start).abs().max()) < 100 * tolerance


def test_one_hard_point_among_many_easy_ones_is_as_accurate():
    """The largest error of all values counts, not their mean: y' = -k y."""
    k = torch.tensor([50.0] + [0.01] * 999, dtype=torch.float64)
    y = integrate(lambda t, y: -k * y, torch.ones(1000, dtype=torch.float64), 0.0, 0.1, 1e-6, 1e-6)
    torch.testing.assert_close(y, (-0.1 * k).exp(), rtol=0, atol=1e-5)


def test_a_sample_whose_score_is_not_finite_is_nan_and_the_others_go_on():
    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return TARGET.score(x, sigma).where(torch.arange(4)[:, None] != 2, torch.inf)

    x = sampler("probability_flow_dopri5")(score, LADDER, (4, 2), seeded())
    assert (~x.isfinite()).any(-1).tolist() == [False, False, True, False]
    wild = sampler("probability_flow_dopri5")(lambda x, s: 1e200 * x.sin(), LADDER, (4, 2), seeded())
    assert bool(wild.isnan().all())
    with pytest.raises(Unsolved, match="within rtol"):
        integrate(lambda t, y: 1e200 * y.sin(), torch.ones(2, dtype=torch.float64), 0.0, 1.0, 1e-3, 1e-3)
    assert integrate(lambda t, y: y, torch.ones(0, 2), 0.0, 1.0, 1e-3, 1e-3).shape == (0, 2)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", parts.names("sampler"))
def test_every_sampler_reports_all_of_its_way(name, monkeypatch):
    told: list[float] = []
    monkeypatch.setattr("rich.progress.Progress.advance", lambda self, task, advance: told.append(advance))
    exact = EnergyScore(TARGET.score, lambda x, s: -TARGET.log_prob(x, s))
    options = {} if name == "probability_flow_dopri5" else {"steps": 4}
    with progress(name, show=True):
        shown = sampler(name, **options)(exact, LADDER, (5, 2), seeded())
    assert sum(told) == pytest.approx(1) if name != "probability_flow_dopri5" else 0.99 < sum(told) < 2.5
    assert len(told) > 2
    assert torch.equal(shown, sampler(name, **options)(exact, LADDER, (5, 2), seeded()))


def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch, capsys):
    assert reporter() is None
    with progress("flow"):
        assert reporter() is None, "stderr is not a terminal here"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("flow"):
        assert list(steps_of([1, 2, 3])) == [1, 2, 3]
    assert "flow" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    with progress("flow", show=False):
        assert reporter() is None
    assert reporter() is None
    assert capsys.readouterr().out == ""
