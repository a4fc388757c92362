"""What of a study goes to git: every number that can be quoted, paired, and where it comes from."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scorebench import storage
from scorebench.cli import app
from scorebench.commands.publish import COLUMNS, as_csv, condensed, curves, learned
from scorebench.running import jobs
from scorebench.study.plan import Job, Study
from scorebench.study.stages import upto

TINY = """\
title: Tiny
size: quick
seed: 1
replicates: 3
datasets:
  ring8: {source: ring, sizes: {train: 200, validation: 50, test: 200}}
networks:
  default: {network: mlp, options: {width: 8, depth: 1}}
methods:
  dsm: {objective: dsm}
schedules:
  log_uniform: {schedule: log_uniform, options: {sigma_max: 5, sigma_min: 0.05, levels: 3}}
samplers:
  flow: {sampler: probability_flow, options: {steps: 3}}
training: {steps: 20, batch: 16, learning_rates: [0.003, 0.01], ema: 0.9, log_every: 10}
sampling: {points: 100}
evaluation: {sigmas: {min: 0.05, max: 5, count: 3}, points: 100, projections: 5, energy_points: 100, c2st_points: 100,
             c2st_folds: 2}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of one cell, run to its report and published."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("tiny.yaml").write_text(TINY)
        study, runner = Study("tiny.yaml"), CliRunner()
        refused = runner.invoke(app, ["publish", "--study", "tiny.yaml"])
        assert refused.exit_code == 1
        assert "tiny.yaml is not finished" in refused.output
        for stage in upto("evaluate"):
            for job in study.jobs(stage):
                jobs.run(study, job)
        for command in ("report", "publish"):  # the report is what results.csv is held against
            done = runner.invoke(app, [command, "--study", "tiny.yaml"], catch_exceptions=False)
            assert done.exit_code == 0, done.output
    return folder


def published(folder: Path, name: str = "results") -> list[dict[str, str]]:
    with (folder / f"studies/results/tiny/{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def told(folder: Path, row: dict[str, str]) -> list[dict]:
    """What the report has of a published row, by replicate."""
    table = storage.read_table(folder / "reports/tiny/results.parquet").to_pylist()
    names = ("dataset", "method", "schedule", "sampler", "metric")
    same = [each for each in table if all(row[name] == (each[name] or "") for name in names)]
    return sorted(same, key=lambda each: (each["sigma"] or 0, each["replicate"]))


def test_every_replicate_of_a_number_is_there(finished):
    rows = published(finished)
    assert {row["metric"] for row in rows} >= {"D_integral", "D_max", "sliced_wasserstein", "evaluations"}
    for row in rows:
        same = [each["value"] for each in told(finished, row) if each["sigma"] is None]
        assert int(row["n"]) == len(same) == 3
        assert float(row["mean"]) == pytest.approx(statistics.fmean(same), rel=1e-4)
        assert float(row["se"]) == pytest.approx(statistics.stdev(same) / 3**0.5, rel=1e-4)
        assert [float(value) for value in row["values"].split()] == pytest.approx(same, rel=1e-4)


def test_curves_over_sigma_are_there(finished):
    rows = published(finished, "scales")
    assert "D" in {row["metric"] for row in rows}
    for row in rows:
        same = [each for each in told(finished, row) if each["sigma"] is not None]
        assert row["n"] == "3"
        values = [[each["value"] for each in same[3 * i : 3 * i + 3]] for i in range(3)]
        assert [float(sigma) for sigma in row["sigma"].split()] == pytest.approx([0.05, 0.5, 5], rel=1e-4)
        assert [float(mean) for mean in row["mean"].split()] == pytest.approx(
            list(map(statistics.fmean, values)), rel=1e-3
        )
        errors = [statistics.stdev(each) / 3**0.5 for each in values]
        assert [float(error) for error in row["se"].split()] == pytest.approx(errors, rel=0.06)


def test_what_schedules_learned_is_there(finished, monkeypatch):
    """Published with the key of its training; a value that is not finite counts as none."""
    monkeypatch.chdir(finished)
    more = "  minimax: {schedule: minimax, options: {sigma_max: 5, sigma_min: 0.05, levels: 3, bins: 4}}\nsamplers:"
    Path("learns.yaml").write_text(TINY.replace("samplers:", more))
    study = Study("learns.yaml")
    assert learned(study) == [], "no training is finished"
    for stage in ("prepare", "train"):
        for job in study.jobs(stage):
            jobs.run(study, job)
    (row,) = curves(learned(study))
    job = study.job("train", "ring8/dsm/minimax")
    assert [row[name] for name in ("dataset", "method", "schedule", "metric", "key", "n")] == [
        "ring8", "dsm", "minimax", "learned.mass", study.key(job), 3
    ]  # fmt: skip
    table = storage.read_table(study.files(job)["training.parquet"]).to_pylist()
    masses = [each for each in table if each["metric"] == "learned.mass"]
    assert len(masses) == 12, "four bins, three replicates"
    assert sum(float(mean) for mean in row["mean"].split()) == pytest.approx(1, rel=1e-3)
    lowest = [each["value"] for each in masses if each["sigma"] == min(m["sigma"] for m in masses)]
    assert float(row["mean"].split()[0]) == pytest.approx(statistics.fmean(lowest), rel=1e-3)


def test_every_number_says_where_it_comes_from(finished, monkeypatch):
    monkeypatch.chdir(finished)
    study = Study("tiny.yaml")
    about = json.loads(Path("studies/results/tiny/about.json").read_text())
    at = "ring8/dsm/log_uniform"
    assert {row["key"] for row in published(finished)} == {
        study.key(Job("evaluate", at)), study.key(Job("floor", "ring8"))
    }  # fmt: skip
    cell = about["cells"][at]
    assert cell["train_key"] == study.key(Job("train", at))
    assert cell["evaluate_key"] == study.key(Job("evaluate", at))
    assert (cell["steps"], cell["batch"], cell["trained"], cell["evaluations"]) == (20, 16, 3, 320)
    assert cell["evaluations_and_products"] == 320, "dsm takes no product with the Jacobian"
    losses = {float(rate): loss for rate, loss in cell["choice"]["losses"].items()}
    assert set(losses) == {0.003, 0.01}
    assert cell["learning_rate"] == min(losses, key=lambda rate: losses[rate])
    assert about["size"] == "quick"
    assert about["report_key"] == study.key(Job("report"))
    assert about["versions"]["torch"]


def test_a_part_is_published_only_where_asked_and_says_what_is_missing(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(folder)
    study, at = Study("tiny.yaml"), "ring8/dsm/log_uniform"
    study.card(Job("evaluate", at)).unlink()
    runner = CliRunner()
    refused = runner.invoke(app, ["publish", "--study", "tiny.yaml"])
    assert refused.exit_code == 1
    assert "1 jobs are left" in refused.output
    done = runner.invoke(app, ["publish", "--study", "tiny.yaml", "--partial"], catch_exceptions=False)
    assert done.exit_code == 0
    assert {row["method"] for row in published(folder)} == {"truth"}
    about = json.loads(Path("studies/results/tiny/about.json").read_text())
    assert about["unfinished"] == [at]
    assert about["cells"] == {}
    assert json.loads((finished / "studies/results/tiny/about.json").read_text())["unfinished"] == []


def test_lost_replicates_keep_their_places():
    base = {"dataset": "a", "method": "m", "schedule": "s", "sampler": None, "metric": "D_max", "sigma": None}
    base["key"] = "k"
    rows = [
        {**base, "replicate": 2, "value": 3.0, "status": "trained"},
        {**base, "replicate": 0, "value": 1.0, "status": "trained"},
        {**base, "replicate": 1, "value": 7.0, "status": "diverged"},
        {**base, "replicate": 3, "value": None, "status": "trained"},
    ]
    (row,) = condensed(rows)
    assert (row["n"], row["mean"], row["values"]) == (2, 2.0, "1 - 3 -")
    assert as_csv(COLUMNS, [row]).splitlines()[1] == "a,m,s,,D_max,2,2,1,1 - 3 -,k"
