"""A training that was stopped goes on to the same bits, wherever it was stopped and whatever learns in it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from functools import partial

import pytest
import torch
from torch import Tensor

from scorebench.learning import BLOCK
from scorebench.networks import network
from scorebench.noise import schedule
from scorebench.objectives import Batch, Objective, objective
from scorebench.parts import Unsuitable
from scorebench.streams import Streams
from scorebench.targets import GaussianMixture
from scorebench.training.checkpoint import History, TrainState
from scorebench.training.loop import Fitted, Optimisation, Problem, fit

MIXTURE = GaussianMixture([0.5, 0.5], [[0.8, -0.5], [-0.3, 0.4]], stds=[0.4, 0.2])
TRAIN = MIXTURE.sample(500, torch.Generator().manual_seed(1)).float()
STEPS = 2 * BLOCK + 5
CASES = {
    "dsm": (partial(objective, "dsm"), partial(schedule, "log_uniform")),
    "probes": (partial(objective, "ssm_vr"), partial(schedule, "log_uniform")),
    "objective learns": (partial(objective, "hybrid", weighting="learned"), partial(schedule, "log_uniform")),
    "schedule learns": (partial(objective, "dsm"), partial(schedule, "minimax")),
    "both learn": (partial(objective, "hybrid", weighting="learned"), partial(schedule, "gradient_variance")),
}


class StoppedHere(Exception):
    pass


class Kept:
    """Checkpoints in memory, as a file would give them back: copies; stops the training at a step."""

    def __init__(self, stop: int) -> None:
        self.stop, self.steps, self.kept = stop, 0, None

    def load(self) -> TrainState | None:
        return self.kept

    def show(self, step: int, curve: list) -> None:
        pass

    def due(self) -> bool:
        self.steps += 1
        return self.steps == self.stop

    def save(self, state: TrainState) -> None:
        tensors = {name: tensor.detach().clone() for name, tensor in state.tensors().items()}
        self.kept = TrainState.of(tensors, json.loads(json.dumps(state.history.facts())))
        raise StoppedHere


def run(loss, noise, progress=None, net=None, steps=STEPS) -> Fitted:
    optimisation = Optimisation(steps=steps, batch=32, learning_rate=3e-3, ema=0.99, log_every=7)
    net = net or network("mlp", width=16, depth=2)
    return fit(Problem(loss, noise, net, TRAIN, TRAIN[:50], MIXTURE, Streams(5, 3)), optimisation, progress)


def in_pieces(make, stops, **options) -> Fitted:
    kept = None
    for stop in stops:
        before, kept = kept, Kept(stop)
        kept.kept = before and before.kept
        with pytest.raises(StoppedHere):
            run(*make(), kept, **options)
    last = Kept(-1)
    last.kept = kept.kept
    return run(*make(), last, **options)


def assert_same(a: Fitted, b: Fitted) -> None:
    for field in fields(Fitted):
        if field.name in ("parameters", "learned"):
            flat_a, flat_b = (dict(flattened(getattr(f, field.name))) for f in (a, b))
            assert flat_a.keys() == flat_b.keys()
            assert all(torch.equal(flat_a[k], flat_b[k]) for k in flat_a), field.name
        elif field.name not in ("seconds", "resumed_at"):
            assert getattr(a, field.name) == getattr(b, field.name), field.name


def flattened(tree, at=""):
    for name, value in tree.items():
        if isinstance(value, Tensor):
            yield f"{at}/{name}", value
        else:
            yield from flattened(value, f"{at}/{name}")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stops", [[1], [BLOCK], [BLOCK + 3], [STEPS], [3, 1, BLOCK, 9]], ids=str)
def test_the_end_is_the_same_bit_for_bit(case, stops):
    def make():
        return tuple(part() for part in CASES[case])

    fitted = in_pieces(make, stops)
    assert_same(fitted, run(*make()))
    assert fitted.resumed_at == [sum(stops[: i + 1]) for i in range(len(stops))]


def test_energy_network_goes_on_too():
    net = network("energy", width=16, depth=2)
    make = lambda: (objective("ism"), schedule("log_uniform"))  # noqa: E731
    assert_same(in_pieces(make, [BLOCK + 1], net=net), run(*make(), net=net))


class Poisoned(Objective):
    """DSM that is not finite for replicate 1 from a step on, told by its random numbers alone."""

    value: float = 1e38

    def __call__(self, score, batch: Batch, generator=None) -> Tensor:
        losses = objective("dsm")(score, batch)
        poison = torch.ones(3, 1)
        if float(batch.noise[1, 0, 0]) > 1.2:
            poison[1] = math.nan
        return losses * poison


def test_a_replicate_that_diverged_stays_so():
    make = lambda: (Poisoned(), schedule("log_uniform"))  # noqa: E731
    whole = run(*make())
    assert whole.status == ["trained", "diverged", "trained"]
    assert whole.reasons == [None, "the loss was not finite", None]
    at = whole.ended_at[1]
    assert 1 < at < STEPS - 2
    for stop in (at, at + 1, at + 2, STEPS):
        assert_same(in_pieces(make, [stop]), whole)


def test_seconds_add_up():
    make = lambda: (objective("dsm"), schedule("log_uniform"))  # noqa: E731
    kept = Kept(10)
    with pytest.raises(StoppedHere):
        run(*make(), kept)
    assert kept.kept.history.seconds > 0
    kept.kept.history.seconds += 1000
    again = Kept(-1)
    again.kept = kept.kept
    assert 1000 < run(*make(), again).seconds < 1100


# Trainings that come to nothing


class Refusing(Objective):
    """Can't be trained, or breaks down, or is wrong, from a step on."""

    from_step: int = 0
    error: str = "unsuitable"

    def __call__(self, score, batch: Batch, generator=None) -> Tensor:
        global calls
        calls += 1
        if calls > self.from_step:
            if self.error == "singular":
                torch.linalg.inv(torch.zeros(2, 2))
            raise {
                "unsuitable": Unsuitable("this network has no second derivatives"),
                "overflow": OverflowError("math range error"),
                "type": TypeError("loss() takes 2 positional arguments"),
                "value": ValueError("too many values to unpack"),
                "memory": torch.OutOfMemoryError("out of memory"),
            }[self.error]
        return objective("dsm")(score, batch)


calls = 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("unsuitable", "this network has no second derivatives"),
        ("overflow", "OverflowError: math range error"),
        ("singular", "LinAlgError: .*singular"),
    ],
)
@pytest.mark.parametrize("step", [0, 9])
def test_what_can_not_be_trained_is_a_result(error, reason, step, monkeypatch):
    monkeypatch.setitem(globals(), "calls", 0)
    fitted = run(Refusing(from_step=step, error=error), schedule("log_uniform"))
    assert fitted.status == ["failed"] * 3
    assert fitted.ended_at == [step] * 3
    assert all(re.match(reason, said) for said in fitted.reasons)
    assert all(value.isfinite().all() for value in fitted.parameters.values())
    assert {s for _, s, _, _ in fitted.curve} == ({7} if step else set())


@pytest.mark.parametrize("error", ["type", "value", "memory"])
def test_faults_of_a_program_or_machine_are_loud(error, monkeypatch):
    monkeypatch.setitem(globals(), "calls", 0)
    with pytest.raises((TypeError, ValueError, torch.OutOfMemoryError)):
        run(Refusing(error=error), schedule("log_uniform"))


def test_a_schedule_on_which_nothing_can_be_learned_is_a_result():
    fitted = run(objective("hybrid", weighting="learned"), schedule("clean"))
    assert fitted.status == ["failed"] * 3
    assert fitted.ended_at == [0] * 3
    assert "only noise level is 0" in str(fitted.reasons[0])


# What was learned


def test_learned_curves_are_the_parts_own_functions():
    hybrid = objective("hybrid", weighting="learned", bins=4)
    fitted = run(hybrid, schedule("gradient_variance", bins=6))
    rows = {
        name: [(r, s, v) for r, n, s, v in fitted.learned_curves if n == name]
        for name in {n for _, n, _, _ in fitted.learned_curves}
    }
    assert rows.keys() == {"lambda", "mass"}
    sigma = fitted.learned["objective"]["sigma"]
    lam = hybrid.informed(fitted.learned["objective"]).weight(sigma)
    assert rows["lambda"] == [(r, float(sigma[r, k]), float(lam[r, k])) for r in range(3) for k in range(4)]
    for r in range(3):
        assert sum(v for replicate, _, v in rows["mass"] if replicate == r) == pytest.approx(1, abs=1e-6)
    dsm, ssm = fitted.learned["objective"]["dsm"], fitted.learned["objective"]["ssm"]
    torch.testing.assert_close(lam, dsm / (dsm + ssm))


# What is kept


@pytest.mark.parametrize(
    "damage", [{"status": ["trained", "lost", "trained"]}, {"curve": [[0, 7, "loss"]]}, {"step": "x"}], ids=str
)
def test_facts_of_something_else_are_refused(damage):
    facts = json.loads(json.dumps(History.begun(3).facts()))
    assert History.of(facts) == History.begun(3)
    with pytest.raises(ValueError, match=next(iter(damage))):
        History.of(facts | damage)


def test_a_state_of_other_networks_is_not_taken():
    def state(*names: str) -> TrainState:
        made = TrainState.empty(2, torch.device("cpu"))
        made.begin({name: torch.ones(2, 3) for name in names})
        return made

    one = state("a")
    place = one.weights["a"].data_ptr()
    kept = state("a", "b")
    kept.weights["a"].detach().fill_(2)
    one.take(kept)
    assert one.weights["a"].data_ptr() == place, "products can depend on the alignment of memory"
    assert (one.weights["a"] == 2).all()
    with pytest.raises(KeyError, match="weights/b"):
        state("a", "b").take(one)
