"""Methods x schedules x networks is a plain product: every pair trains, or is refused with a reason."""

from __future__ import annotations

import pytest
import torch

from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import objective
from scorebench.parts import Setting, names
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture
from scorebench.training.loop import Optimisation, Problem, fit

TARGET = GaussianMixture([0.5, 0.5], [[0.8, -0.5], [-0.8, 0.5]], stds=[0.4, 0.3])
POINTS = TARGET.sample(300, torch.Generator().manual_seed(1)).float()
NETWORKS = {"mlp": network("mlp", width=8, depth=1), "energy": network("energy", width=8, depth=1)}
TWELVE = Optimisation(steps=12, batch=8, learning_rate=1e-3, ema=0.9, log_every=12)


def test_there_are_methods_and_schedules() -> None:
    assert len(names("objective")) >= 7
    assert len(names("schedule")) >= 4


PAIRS = [(noise, "mlp") for noise in names("schedule")] + [("log_uniform", "energy")]


@pytest.mark.parametrize(("noise", "net"), PAIRS)
@pytest.mark.parametrize("method", names("objective"))
def test_every_method_trains_on_every_schedule_or_says_why_not(method: str, noise: str, net: str) -> None:
    loss, levels = objective(method), schedule(noise)
    reason = loss.not_applicable(
        Setting(
            dimension=2,
            known_score=True,
            levels=levels.levels_trained,
            noise_free=levels.noise_free,
            second_derivatives=NETWORKS[net].second_derivatives,
        )
    )
    if reason is not None:
        assert levels.noise_free or levels.levels_trained == 1, f"{method} on {noise}: {reason}"
        assert len(reason) > 20
        return
    fitted = fit(Problem(loss, levels, NETWORKS[net], POINTS, POINTS[:50], TARGET, Streams(5, 2)), TWELVE)
    assert fitted.status == ["trained", "trained"], f"{method} on {noise}: {fitted.ended_at}"
    assert {metric for _, _, metric, _ in fitted.curve} >= {"loss", "score_error"}
    assert all(value.isfinite().all() for value in fitted.parameters.values())


@pytest.mark.parametrize("method", names("objective"))
def test_every_method_trains_on_images(method: str) -> None:
    loss = objective(method)
    if loss.requires_target:
        return  # there are no images whose score is known
    images = torch.rand(200, 1, 3, 3, generator=torch.Generator().manual_seed(2)) * 2 - 1
    problem = Problem(loss, schedule("log_uniform"), NETWORKS["mlp"], images, images[:40], None, Streams(5, 2))
    fitted = fit(problem, TWELVE)
    assert fitted.status == ["trained", "trained"], f"{method}: {fitted.ended_at}"
