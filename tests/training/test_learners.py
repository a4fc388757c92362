"""Parts that learn while a network trains: per replicate, for a purpose, and without disturbing it."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from scorebench.learning import BLOCK, LESSONS, Learner, average, begin, centres
from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import Batch, Objective, objective
from scorebench.streams import Streams
from scorebench.study import budgets
from scorebench.targets import GaussianMixture
from scorebench.training import lessons
from scorebench.training.lessons import Lesson
from scorebench.training.loop import Fitted, Optimisation, Problem, fit

MIXTURE = GaussianMixture([0.5, 0.5], [[0.8, -0.5], [-0.3, 0.4]], stds=[0.4, 0.2])
SCHEDULE = schedule("log_uniform", sigma_max=5.0, sigma_min=0.05)

LEARNERS = {
    "hybrid": (partial(objective, "hybrid", weighting="learned"), partial(schedule, "log_uniform")),
    "antithetic_stf": (partial(objective, "antithetic_stf", references=64), partial(schedule, "log_uniform")),
    "uncertainty": (partial(objective, "dsm"), partial(schedule, "uncertainty")),
    "gradient_variance": (partial(objective, "ssm_vr"), partial(schedule, "gradient_variance")),
    "minimax": (partial(objective, "ism"), partial(schedule, "minimax")),
    "both": (partial(objective, "hybrid", weighting="learned"), partial(schedule, "gradient_variance")),
}
each_learner = pytest.mark.parametrize("learner", LEARNERS)


def run(loss, noise, replicates: int = 1, steps: int = 3 * BLOCK + 4, batch: int = 64, rate: float = 3e-3) -> Fitted:
    optimisation = Optimisation(steps=steps, batch=batch, learning_rate=rate, ema=0.99, log_every=steps)
    train = MIXTURE.sample(1000, torch.Generator().manual_seed(1)).float()
    net = network("mlp", width=24, depth=2)
    return fit(Problem(loss, noise, net, train, train[:100], MIXTURE, Streams(11, replicates)), optimisation)


@each_learner
def test_replicates_learn_on_their_own(learner):
    loss, noise = (make() for make in LEARNERS[learner])
    one, two, three = (run(loss, noise, replicates) for replicates in (1, 2, 3))
    assert set(one.learned) == ({"objective", "schedule"} if learner == "both" else set(one.learned))
    assert one.learned
    for part, state in three.learned.items():
        for key, value in state.items():
            assert value.shape[0] == 3
            assert torch.equal(value[:2], two.learned[part][key])
            torch.testing.assert_close(value[:1], one.learned[part][key], rtol=2e-3, atol=1e-5)
        assert (state["count"] == 4).all()
        learned = next(value for key, value in state.items() if key not in ("sigma", "count"))
        assert not torch.allclose(learned[0], learned[1], rtol=1e-3)
    for key, value in three.parameters.items():
        assert torch.equal(value[:2], two.parameters[key])
        torch.testing.assert_close(value[:1], one.parameters[key], rtol=1e-3, atol=1e-5)
    assert one.evaluations == two.evaluations == three.evaluations


@each_learner
def test_what_is_learned_changes_the_training(learner):
    """And is plain tensors that a file of tensors can hold."""
    from safetensors.torch import save

    loss, noise = (make() for make in LEARNERS[learner])
    fitted, initial = run(loss, noise), run(_still(loss), _still(noise))
    assert not initial.learned
    assert any(not torch.equal(fitted.parameters[key], initial.parameters[key]) for key in fitted.parameters)
    for state in fitted.learned.values():
        save(state)


def _still(part):
    """The part, learning nothing."""
    if not isinstance(part, Learner):
        return part
    still = type("Still", (type(part),), {"begin": lambda self, replicates, ladder: {}, "__module__": __name__})
    return still(**part.model_dump())


class Looking(Objective, Learner):
    """DSM with lessons that change nothing."""

    def __call__(self, score, batch: Batch, generator=None) -> Tensor:
        return objective("dsm")(score, batch)

    def begin(self, replicates: int, ladder: Tensor):
        return begin(centres(ladder, 3, replicates))

    def learn(self, state, lesson: Lesson):
        lesson.gradient_moments(objective("ssm"), state["sigma"])
        lesson.denoising_loss(state["sigma"])
        return average(state)


def test_lessons_do_not_disturb_training():
    """Bit for bit the training without them; only the evaluations are more."""
    looking, plain = run(Looking(), SCHEDULE, replicates=2), run(objective("dsm"), SCHEDULE, replicates=2)
    assert all(torch.equal(looking.parameters[key], value) for key, value in plain.parameters.items())
    assert looking.curve == plain.curve
    assert not plain.learned
    # 4 lessons of 2 calls with 3 levels in 2 halves of 64 / 2 / 6 = 5 samples
    assert looking.evaluations == plain.evaluations + 4 * 2 * 3 * 2 * 5


def test_a_replicate_whose_lesson_is_not_finite_keeps_what_it_had():
    calls = 0

    def poisoned(score, batch: Batch, generator) -> Tensor:
        nonlocal calls
        calls += 1
        losses = objective("dsm")(score, batch)
        if calls > 2 + BLOCK:
            factor = torch.ones(3, *[1] * (losses.ndim - 1))
            factor[1] = math.nan
            losses = losses * factor
        return losses

    noise = schedule("gradient_variance")
    fitted, undisturbed = run(poisoned, noise, replicates=3), run(objective("dsm"), noise, replicates=3)
    assert fitted.status == ["trained", "diverged", "trained"]
    assert fitted.ended_at == [None, BLOCK, None]
    state = fitted.learned["schedule"]
    assert state["count"].flatten().tolist() == [4.0, 2.0, 4.0]
    assert all(value.isfinite().all() for value in state.values())
    for key, value in fitted.parameters.items():
        assert torch.equal(value[0], undisturbed.parameters[key][0])
        assert torch.equal(value[2], undisturbed.parameters[key][2])


def test_learning_is_off_where_no_part_learns():
    points = torch.zeros(1, 2)

    def learned(loss, noise=SCHEDULE) -> set[str]:
        return set(lessons.begin(Problem(loss, noise, network("mlp"), points, points, None, Streams(1, 2))))

    assert learned(objective("hybrid")) == set()
    assert learned(objective("hybrid", weighting="learned")) == {"objective"}
    assert learned(objective("dsm"), schedule("minimax")) == {"schedule"}
    assert learned(objective("antithetic_stf"), schedule("minimax")) == {"objective", "schedule"}


@pytest.mark.parametrize(
    ("loss", "points"), [(objective("hybrid", weighting="learned"), 1), (objective("antithetic_stf", references=8), 2)]
)
def test_lessons_take_the_share_that_budgets_count_with(loss, points):
    """LESSONS of the points of the steps: at 12 bins, 2 halves each, a batch of 48 gives every half one sample."""
    steps, batch = 3 * BLOCK, 48
    fitted = run(loss, SCHEDULE, replicates=2, steps=steps, batch=batch)
    assert fitted.evaluations == points * steps * batch * (1 + LESSONS)
    assert budgets.per_sample(loss, 2) == loss.evaluations(2) * (1 + LESSONS)
