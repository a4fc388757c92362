"""A training's checkpoints: real signals end it, it goes on to the same bytes, damage is named and never loaded."""

from __future__ import annotations

import os
import pickle
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from trained import RESULTS, SPEC, attended, contents, stop

from scorebench.parts import Status
from scorebench.progress.checkpoints import Checkpoints
from scorebench.progress.scratch import CHECKPOINT, sweep
from scorebench.progress.stopping import SIGNALS
from scorebench.specs.train import ChosenRate, Trials
from scorebench.stages.train import train
from scorebench.training.checkpoint import History, TrainState


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_a_signal_ends_it_and_it_goes_on_to_the_same_bytes(data, undisturbed, tmp_path, capsys, number) -> None:
    told = [stop(data, tmp_path, number, step) for step in (500, 400)]
    assert not any((tmp_path / name).exists() for name in RESULTS)
    steps = [int(text.split("after step ")[1].split(" of")[0]) for text in told]
    assert steps == [500, 900]
    assert all(f"stopped by {number.name}" in text for text in told)
    facts = train(SPEC, data, tmp_path, attended(tmp_path))
    assert facts.resumed_at == tuple(steps)
    assert contents(tmp_path) == undisturbed
    assert f"going on from step {steps[1]}" in capsys.readouterr().err
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(RESULTS)


def test_the_choice_of_a_learning_rate_goes_on_too(data, tmp_path, capsys) -> None:
    """Stopped in the first trial, of the upper rate, in the second and after them: what was done is not done again."""
    given = SPEC.training.model_dump(exclude={"learning_rate"})
    chosen = ChosenRate(**given, learning_rates=(0.001, 0.003), trials=Trials(share=0.1, replicates=3))
    spec = SPEC.model_copy(update={"training": chosen})
    whole = train(spec, data, tmp_path / "whole")
    out, told = tmp_path / "stopped", []
    for step in (1, 200, 200):
        told.append(stop(data, out, signal.SIGTERM, step, spec))
    assert "of learning rate 0.003" in told[0]
    assert "of learning rate 0.001" in told[1]
    assert "of training" in told[2]
    facts = train(spec, data, out, attended(out))
    assert contents(out) == contents(tmp_path / "whole")
    assert facts.resumed_at
    assert facts.choice is not None
    assert whole.choice is not None
    assert facts.choice.model_copy(update={"seconds": whole.choice.seconds}) == whole.choice
    assert "going on from step" in capsys.readouterr().err


def test_saving_disturbs_nothing(data, undisturbed, tmp_path) -> None:
    train(SPEC, data, tmp_path, attended(tmp_path, 1e-6))
    assert (tmp_path / CHECKPOINT).exists()
    assert contents(tmp_path) == undisturbed


def sidecar(folder: Path, key: str = "k", device: str = "cpu") -> Checkpoints:
    return Checkpoints(folder, {"key": key, "device": device}, 60)


def small(folder: Path) -> TrainState:
    """A checkpoint, written."""
    status, ended_at, reasons = [Status.TRAINED, Status.DIVERGED], [None, 3], [None, "é"]
    history = History(status, ended_at, reasons, [(0, 4, "loss", 0.1)], step=5, seconds=1.25)
    weights, average = {"a": torch.arange(6.0).reshape(2, 3)}, {"c": torch.zeros(0, 4).double()}
    state = TrainState(torch.tensor(True), torch.zeros(2), history, weights, average)
    sidecar(folder).training("training").save(state)
    return state


def test_what_was_saved_is_loaded(tmp_path) -> None:
    assert sidecar(tmp_path).training("training").load() is None
    saved = small(tmp_path)
    loaded = sidecar(tmp_path).training("training").load()
    assert loaded is not None
    assert loaded.history == saved.history
    assert loaded.history.status[1] is Status.DIVERGED
    tensors = loaded.tensors()
    assert tensors.keys() == saved.tensors().keys() == {"alive", "losses", "weights/a", "average/c"}
    for name, tensor in saved.tensors().items():
        assert torch.equal(tensors[name], tensor)
        assert tensors[name].dtype == tensor.dtype


def test_any_flipped_byte_is_found(tmp_path, capsys) -> None:
    """Every one of them: in the header, in what is said, in the checksum, in the tensors."""
    small(tmp_path)
    path, aside = tmp_path / CHECKPOINT, tmp_path / f"{CHECKPOINT}.refused"
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= random.Random(place).randrange(1, 256)
        path.write_bytes(damaged)
        assert sidecar(tmp_path).training("training").load() is None, place
        assert f"not used: {path}: it" in capsys.readouterr().err
        assert aside.read_bytes() == damaged
        assert not path.exists()
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"half", pickle.dumps(Bomb())], ids=["empty", "json", "half", "pickle"]
)
def test_other_files_are_refused(tmp_path, capsys, monkeypatch, content) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(content)
    assert sidecar(tmp_path).training("training").load() is None
    assert "it can't be read" in capsys.readouterr().err
    assert not Path("exploded").exists()


@pytest.mark.parametrize("other", [{"key": "other"}, {"device": "cuda"}], ids=str)
def test_a_checkpoint_of_another_job_is_refused(tmp_path, capsys, other) -> None:
    small(tmp_path)
    assert sidecar(tmp_path, **other).training("training").load() is None
    said = capsys.readouterr().err
    assert "it is of another job" in said
    assert "device cpu, key k, this is" in said
    assert (tmp_path / f"{CHECKPOINT}.refused").exists()


def test_training_begins_anew_after_damage(data, undisturbed, tmp_path, capsys) -> None:
    stop(data, tmp_path, signal.SIGTERM)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-100])
    assert train(SPEC, data, tmp_path, attended(tmp_path)).resumed_at == ()
    assert contents(tmp_path) == undisturbed
    assert "training begins anew" in capsys.readouterr().err


def test_a_checkpoint_that_can_not_be_written_ends_nothing(data, undisturbed, tmp_path, capsys) -> None:
    """Here because a folder stands in its place."""
    (tmp_path / CHECKPOINT / "x").mkdir(parents=True)
    train(SPEC, data, tmp_path, attended(tmp_path))
    assert contents(tmp_path) == undisturbed
    assert "no checkpoint could be written" in capsys.readouterr().err
    assert "no checkpoint could be written" in stop(data, tmp_path, signal.SIGTERM)


def test_checkpoints_are_put_off_where_they_are_slow(tmp_path) -> None:
    slow = sidecar(tmp_path)
    slow.seconds, slow.cost = 0.0, 1.0
    assert not slow.due()
    slow.saved -= 99
    assert not slow.due()
    slow.saved -= 2
    assert slow.due()
