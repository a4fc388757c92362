"""Stage functions: from files to files, without a study around them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

from scorebench import storage
from scorebench.evidence.floors import TELLING
from scorebench.specs.evaluate import EvaluateSpec, FloorSpec
from scorebench.specs.prepare import PrepareSpec
from scorebench.specs.sample import SampleSpec
from scorebench.specs.train import TrainFacts, TrainSpec
from scorebench.stages import set_up
from scorebench.stages._dataset import exact_target
from scorebench.stages.evaluate import evaluate
from scorebench.stages.floor import floor
from scorebench.stages.prepare import prepare
from scorebench.stages.sample import sample
from scorebench.stages.train import train

COMMON: dict[str, Any] = {
    "seed": 3,
    "replicates": 2,
    "network": {"kind": "network", "name": "mlp", "options": {"width": 8, "depth": 1}},
    "schedule": {"kind": "schedule", "name": "log_uniform", "options": {"levels": 3}},
}
RING = {"kind": "source", "name": "ring", "options": {}}
SIZES = {"train": 200, "validation": 50, "test": 150}
EVALUATION = {
    "sigmas": {"min": 0.1, "max": 10.0, "count": 3},
    "points": 200, "projections": 10, "energy_points": 100, "c2st_points": 100, "c2st_folds": 2,
    "diagnostic_points": 100, "likelihood": None,
}  # fmt: skip
METHOD = {
    "objective": {"kind": "objective", "name": "dsm", "options": {}},
    "training": {"steps": 30, "batch": 16, "learning_rate": 0.003, "ema": 0.9, "log_every": 10},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("stages")
    found = {role: top / role for role in ("data", "checkpoint")}
    prepare(PrepareSpec(source=RING, sizes=SIZES, seed=3, files={}), {}, found["data"])
    train(TrainSpec(**COMMON, **METHOD), found, found["checkpoint"])
    return found


def sampled(folders: dict[str, Path], out: Path, samplers: dict[str, Any]) -> dict[str, Path]:
    sample(SampleSpec(**COMMON, samplers=samplers, points=120), folders, out)
    return folders | {"samples": out}


FLOW = {"flow": {"kind": "sampler", "name": "probability_flow", "options": {"steps": 4}}}


def test_device_is_cuda_only_where_asked_and_there() -> None:
    assert set_up(1) == "cpu"
    assert set_up(1, gpu=False) == "cpu"
    assert set_up(1, gpu=True) == ("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_same_spec_gives_the_same_bytes(folders: dict[str, Path], tmp_path: Path) -> None:
    train(TrainSpec(**COMMON, **METHOD), folders, tmp_path)
    for name in ("model.safetensors", "training.parquet"):
        assert (tmp_path / name).read_bytes() == (folders["checkpoint"] / name).read_bytes()


def test_samples_do_not_depend_on_other_samplers(folders: dict[str, Path], tmp_path: Path) -> None:
    walk = {"walk": {"kind": "sampler", "name": "annealed_langevin", "options": {"steps": 2}}}
    one = storage.read_table(sampled(folders, tmp_path / "one", FLOW)["samples"] / "samples.parquet")
    two = storage.read_table(sampled(folders, tmp_path / "two", walk | FLOW)["samples"] / "samples.parquet")
    both = storage.points_of(two["x"])[np.array(two["sampler"].to_pylist()) == "flow"]
    assert np.array_equal(both, storage.points_of(one["x"]))


def test_scores_hold_every_metric_for_every_replicate(folders: dict[str, Path], tmp_path: Path) -> None:
    inputs = sampled(folders, tmp_path / "samples", FLOW)
    evaluate(EvaluateSpec(**COMMON, evaluation=EVALUATION), inputs, tmp_path)
    rows = storage.read_table(tmp_path / "scores.parquet").to_pylist()
    for replicate in (0, 1):
        here = [r for r in rows if r["replicate"] == replicate]
        D = {r["sigma"]: r["value"] for r in here if r["metric"] == "D"}
        assert sorted(D) == pytest.approx([0.1, 1.0, 10.0])
        value = {r["metric"]: r["value"] for r in here if r["sigma"] is None}
        assert value["D_max"] == pytest.approx(max(D.values()))
        low, middle, high = (D[s] for s in sorted(D))
        assert value["D_integral"] == pytest.approx(np.log(10) * (low / 2 + middle + high / 2), rel=1e-6)
        assert value["finite_share"] == 1
        assert value["D_small"] == pytest.approx(D[min(D)], rel=1e-6)
        assert {"clean_error", "clean_error_untrained", "c2st", "energy_distance", "mode_coverage", "mmd"} <= set(value)
        assert {"negative_log_density", "nearest_train_ratio", "excess_loss_integral"} <= set(value)
        for metric in ("cosine", "stein_alpha", "divergence_balance", "excess_loss"):
            assert len([r for r in here if r["metric"] == metric]) == 3


def test_likelihoods_where_they_are_asked_for(folders: dict[str, Path], tmp_path: Path) -> None:
    """nll less the entropy of the truth is kl; a rough network loses some nats, and the error budget stands beside."""
    evaluation = EVALUATION | {"likelihood": {"points": 40, "rtol": 1e-3}}
    evaluate(EvaluateSpec(**COMMON, evaluation=evaluation), sampled(folders, tmp_path / "none", {}), tmp_path)
    rows = storage.read_table(tmp_path / "scores.parquet").to_pylist()
    value = {(r["metric"], r["replicate"]): r["value"] for r in rows if r["sigma"] is None}
    target = exact_target(folders["data"])
    assert target is not None
    truth = target.log_prob(target.sample(20_000, torch.Generator().manual_seed(1), sigma=0.1), 0.1).mean()
    for replicate in (0, 1):
        assert 0 <= value["likelihood_error", replicate] < 0.1
        kl = value["nll", replicate] + float(truth)
        assert value["kl", replicate] == pytest.approx(kl, abs=0.6), "40 points instead of all: se 0.15 nats"
        assert 0 < value["kl", replicate] < 3


def test_a_cell_that_no_sampler_suits_still_has_its_score_errors(folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(EvaluateSpec(**COMMON, evaluation=EVALUATION), sampled(folders, tmp_path / "none", {}), tmp_path)
    metrics = set(storage.read_table(tmp_path / "scores.parquet")["metric"].to_pylist())
    assert "D_integral" in metrics
    assert "sliced_wasserstein" not in metrics


def test_samples_that_are_not_finite_are_a_number_not_a_crash(folders: dict[str, Path], tmp_path: Path) -> None:
    """A sampler with an absurd step blows up; the rest of the study goes on."""
    absurd = {"walk": {"kind": "sampler", "name": "annealed_langevin", "options": {"step": 1e30, "steps": 5}}}
    evaluate(EvaluateSpec(**COMMON, evaluation=EVALUATION), sampled(folders, tmp_path / "absurd", absurd), tmp_path)
    rows = storage.read_table(tmp_path / "scores.parquet").to_pylist()
    shares = [r["value"] for r in rows if r["metric"] == "finite_share"]
    assert len(shares) == 2
    assert max(shares) < 1
    assert "energy_distance" not in {r["metric"] for r in rows}


def through(spec: dict[str, Any], folders: dict[str, Path], top: Path) -> tuple[TrainFacts, Path]:
    """A cell trained, sampled and evaluated: facts of the training, and where its scores are."""
    facts = train(TrainSpec(**spec), folders, top / "checkpoint")
    inputs = sampled(folders | {"checkpoint": top / "checkpoint"}, top / "samples", FLOW)
    evaluate(EvaluateSpec(**COMMON, evaluation=EVALUATION), inputs, top)
    return facts, top / "scores.parquet"


def test_absurd_learning_rate_is_a_status(folders: dict[str, Path], tmp_path: Path) -> None:
    spec = {**COMMON, **METHOD, "training": METHOD["training"] | {"learning_rate": 1e30}}
    facts, scores = through(spec, folders, tmp_path)
    assert facts.status == ("diverged", "diverged")
    assert all(isinstance(at, int) for at in facts.ended_at)
    assert set(facts.reasons) <= {"the loss was not finite", "the gradient was not finite"}
    assert storage.read_table(tmp_path / "samples/samples.parquet").num_rows == 0
    rows = storage.read_table(scores).to_pylist()
    assert {row["replicate"] for row in rows} == {0, 1}
    assert {row["value"] for row in rows} == {None}


def test_what_can_not_be_trained_goes_through_with_its_reason(folders: dict[str, Path], tmp_path: Path) -> None:
    learned = {"kind": "objective", "name": "hybrid", "options": {"weighting": "learned"}}
    clean = {"kind": "schedule", "name": "clean", "options": {}}
    facts, scores = through({**COMMON, **METHOD, "objective": learned, "schedule": clean}, folders, tmp_path)
    assert facts.status == ("failed", "failed")
    assert facts.ended_at == (0, 0)
    assert facts.reasons[0].startswith("there is nothing to learn over ln sigma")
    assert storage.read_table(tmp_path / "checkpoint/training.parquet").num_rows == 0
    assert set(storage.read_table(scores)["value"].to_pylist()) == {None}


def test_a_replicate_without_a_network_has_no_samples_and_null_scores(folders: dict[str, Path], tmp_path: Path) -> None:
    """The others are as they were, up to the order of float32 sums."""
    checkpoint = tmp_path / "checkpoint"
    parameters = storage.read_parameters(folders["checkpoint"] / "model.safetensors")
    storage.write_parameters(checkpoint / "model.safetensors", parameters, {"status": ["diverged", "trained"]})
    found = {}
    for name, inputs in (("whole", folders), ("part", folders | {"checkpoint": checkpoint})):
        inputs = sampled(inputs, tmp_path / name, FLOW)
        evaluate(EvaluateSpec(**COMMON, evaluation=EVALUATION), inputs, tmp_path / name)
        found[name] = [storage.read_table(tmp_path / name / f"{kind}.parquet") for kind in ("samples", "scores")]
    (samples, scores), (some, part) = found["whole"], found["part"]
    assert set(some["replicate"].to_pylist()) == {1}
    other = samples.filter(pc.equal(samples["replicate"], 1))
    assert np.allclose(storage.points_of(some["x"]), storage.points_of(other["x"]), rtol=1e-4, atol=1e-5)
    values = {(r["replicate"], r["sampler"], r["metric"], r["sigma"]): r["value"] for r in part.to_pylist()}
    for row in scores.to_pylist():
        at = (row["replicate"], row["sampler"], row["metric"], row["sigma"])
        assert values[at] == (pytest.approx(row["value"], rel=1e-3) if at[0] == 1 else None)


def test_what_was_learned_is_in_the_curves(folders: dict[str, Path], tmp_path: Path) -> None:
    learned = {"kind": "objective", "name": "hybrid", "options": {"weighting": "learned", "bins": 4}}
    train(TrainSpec(**COMMON | METHOD | {"objective": learned}), folders, tmp_path)
    rows = storage.read_table(tmp_path / "training.parquet").to_pylist()
    told = [row for row in rows if row["metric"] == "learned.lambda"]
    assert [(row["replicate"], row["step"]) for row in told] == [(0, 30)] * 4 + [(1, 30)] * 4
    assert all(row["sigma"] > 0 and 0 < row["value"] < 1 for row in told)
    assert all(row["sigma"] is None for row in rows if row not in told)


def test_floor_of_a_finite_data_set_compares_samples_of_equal_size(tmp_path: Path) -> None:
    digits = {"kind": "source", "name": "digits", "options": {}}
    prepare(PrepareSpec(source=digits, sizes=SIZES, seed=3, files={}), {}, tmp_path / "data")
    spec = FloorSpec(seed=3, replicates=2, evaluation=EVALUATION, points=5000)
    facts = floor(spec, {"data": tmp_path / "data"}, tmp_path)
    assert facts.points == 100, "half the training points, as many as the samples have"
    rows = storage.read_table(tmp_path / "floors.parquet").to_pylist()
    assert {r["metric"] for r in rows} == {*TELLING, "mmd"}
    assert all(0.3 < r["value"] < 0.7 for r in rows if r["metric"] == "c2st")
