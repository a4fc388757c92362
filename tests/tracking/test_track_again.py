"""`scorebench track` once more: nothing is there twice, what changed is brought up to date, what is gone is marked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kept import CELLS, REPLICATES, RUNS, client_of, command, expected_of, history_of, runs_of, summary

from scorebench import storage
from scorebench.study.plan import Study
from scorebench.tracking.track import behind
from two_cells import STUDY

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.mark.slow
def test_a_better_cell_becomes_the_best(here: Path, again) -> None:
    client = client_of(here)
    before = client.get_model_version_by_alias("scorebench.tiny.ring", "best")
    worse = next(run for run in runs_of(here) if run.data.tags["kind"] == "cell" and run.info.run_id != before.run_id)
    client.log_metric(worse.info.run_id, "D_integral", 1e-9)
    assert again() == (0, RUNS, 0, 0)
    after = client.get_model_version_by_alias("scorebench.tiny.ring", "best")
    assert (after.run_id, int(after.version)) == (worse.info.run_id, 2)
    assert again() == (0, RUNS, 0, 0)
    assert len(client.search_model_versions("name = 'scorebench.tiny.ring'")) == 2


@pytest.mark.slow
def test_second_pass_has_nothing_to_do(here: Path, again) -> None:
    before = {run.info.run_id for run in runs_of(here)}
    assert again() == (0, RUNS, 0, 0)
    assert {run.info.run_id for run in runs_of(here)} == before
    assert behind(Study("tiny.yaml")) == []


@pytest.mark.slow
def test_a_deleted_database_comes_back(here: Path) -> None:
    before = {run.info.run_name: run.data.metrics for run in runs_of(here)}
    assert len(before) == RUNS
    for file in here.glob("mlflow.db*"):
        file.unlink()
    assert list(here.glob("mlruns/tiny/*"))  # of the database that was deleted
    done = command(here)
    assert (done.returncode, summary(done.stdout)) == (0, (RUNS, 0, 0, 0)), done.stderr
    shutil.move(here / "mlflow.db", here / "new.db")
    assert {run.info.run_name: run.data.metrics for run in runs_of(here, "new.db")} == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cell", "replicate"])
def test_half_written_runs_are_made_anew(kind: str, here: Path, again) -> None:
    run = next(run for run in runs_of(here) if run.data.tags["kind"] == kind)
    client_of(here).update_run(run.info.run_id, status="RUNNING")
    assert behind(Study("tiny.yaml")) == ["runs not there: 1"]
    made = 1 if kind == "replicate" else 1 + REPLICATES  # what stood below it goes with it
    assert again() == (made, RUNS - made, 0, 0)
    after = runs_of(here)
    assert len(after) == RUNS
    assert run.info.run_id not in {each.info.run_id for each in after}
    redone = next(each for each in after if each.info.run_name == run.info.run_name)
    assert redone.data.metrics == run.data.metrics
    assert redone.data.params == run.data.params


@pytest.mark.slow
def test_runs_that_left_the_plan_are_marked_and_kept(here: Path, again) -> None:
    def current() -> list[str]:
        return [run.data.tags["current"] for run in runs_of(here)]

    (here / "tiny.yaml").write_text(STUDY.replace("steps: 30", "steps: 31"))
    assert behind(Study("tiny.yaml")) == [f"runs not there: {RUNS}", f"runs current, but not planned: {RUNS}"]
    assert again() == (0, 0, RUNS, CELLS)
    assert behind(Study("tiny.yaml")) == [f"runs not there: {RUNS}"]
    assert current() == ["no"] * RUNS
    (here / "tiny.yaml").write_text(STUDY)
    assert behind(Study("tiny.yaml")) == [f"runs planned, but not current: {RUNS}"]
    assert again() == (0, RUNS, RUNS, 0)
    assert current() == ["yes"] * RUNS


@pytest.mark.slow
def test_unfinished_cells_are_left_out_and_diverged_ones_are_not(here: Path, again) -> None:
    study, client = Study("tiny.yaml"), client_of(here)
    for run in runs_of(here):
        if run.data.tags["method"] == "dsm":
            client.delete_run(run.info.run_id)
    evaluated = study.files(study.job("evaluate", "ring/dsm/log_uniform"))["run.json"]
    evaluated.rename("aside")
    assert again() == (0, RUNS // 2, 0, 1)

    Path("aside").rename(evaluated)
    trained = study.files(study.job("train", "ring/dsm/log_uniform"))["run.json"]
    card = storage.read_json(trained)
    card["facts"] |= {
        "status": ["trained", "diverged"],
        "ended_at": [None, 17],
        "reasons": [None, "the loss was not finite"],
    }
    storage.write_json(trained, card)
    assert again() == (RUNS // 2, RUNS // 2, 0, 0)
    runs = {run.info.run_name: run for run in runs_of(here)}
    tags = {name.removeprefix("ring/dsm/log_uniform").strip(): run.data.tags for name, run in runs.items()}
    assert tags["r0"]["status"] == "trained"
    assert tags["r1"]["status"] == "diverged"
    assert tags["r1"]["ended_at"] == "17"
    assert "**Diverged at step 17**: the loss was not finite." in tags["r1"]["mlflow.note.content"]
    assert (tags[""]["status"], tags[""]["ended_at"]) == ("partly", "17")
    found = history_of(client, runs["ring/dsm/log_uniform"])
    assert found["D_by_sigma"] == expected_of(study, "ring/dsm/log_uniform", 0)["D_by_sigma"], "of what is left"


@pytest.mark.slow
def test_floors_made_anew_are_logged_to_old_runs(here: Path, again) -> None:
    study, client, run = Study("tiny.yaml"), client_of(here), runs_of(here)[0]
    name = "sliced_wasserstein/floor"
    client.set_tag(run.info.run_id, "floor_key", "of before")
    assert behind(study) == ["runs of other floors: 1"]
    client.log_metric(run.info.run_id, name, 99.0)
    assert again() == (0, RUNS, 0, 0)
    now = client.get_run(run.info.run_id)
    assert now.data.tags["floor_key"] == study.key(study.job("floor", "ring"))
    assert now.data.metrics[name] == run.data.metrics[name]
