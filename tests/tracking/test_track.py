"""`scorebench track` against a real MLflow: what it says equals the files, and saying it again changes nothing."""

from __future__ import annotations

import base64
import fcntl
import json
import math
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scorebench import storage
from scorebench.cli import run_job
from scorebench.study.plan import Study
from scorebench.tracking.record import LONGEST, flat
from scorebench.tracking.store import only_writer, shown, sqlite_file
from scorebench.tracking.track import behind, experiment_name, track
from two_cells import STUDY

CELLS, REPLICATES = 2, 2
RUNS = CELLS * (1 + REPLICATES)


def summary(text: str) -> tuple[int, ...]:
    """Logged, already there, retagged, unfinished cells."""
    found = re.findall(r"(\d+) (?:runs logged|already there|retagged|cells unfinished)", text)
    return tuple(map(int, found))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a tiny study, brought to its own mlflow.db by the command."""
    folder = tmp_path_factory.mktemp("track")
    (folder / "tiny.yaml").write_text(STUDY)
    before = Path.cwd()
    os.chdir(folder)
    try:
        study = Study("tiny.yaml")
        for stage in ("prepare", "floor", "train", "sample", "evaluate"):
            for job in study.jobs(stage):
                run_job(study.file, stage, job.at, study.key(job))
    finally:
        os.chdir(before)
    done = command(folder)
    assert done.returncode == 0, done.stderr
    assert summary(done.stdout) == (RUNS, 0, 0, 0)
    said = done.stdout.splitlines()
    assert said[0].endswith("0 cells unfinished, 1 models registered")
    assert len(said) == 1
    assert done.stderr == ""
    return folder


def command(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    track = [sys.executable, "-m", "scorebench", "track", "--study", "tiny.yaml"]
    return subprocess.run(track, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of results and database to change at will, at an address of its own: MLflow keeps stores by address."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        places = (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "storage_location"),
        )
        for table, column in places:
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(change, (str(finished), str(tmp_path)))
    database.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


@pytest.fixture
def again(here: Path, capsys: pytest.CaptureFixture[str]):
    """Track once more: logged, already there, retagged, unfinished cells."""

    def run() -> tuple[int, ...]:
        track(Study("tiny.yaml"))
        return summary(capsys.readouterr().out)

    return run


def client_of(folder: Path, database: str = "mlflow.db"):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder}/{database}")


def runs_of(folder: Path, database: str = "mlflow.db") -> list:
    client = client_of(folder, database)
    experiment = client.get_experiment_by_name("scorebench/tiny")
    return list(client.search_runs([experiment.experiment_id], max_results=100))


def expected_of(study: Study, at: str, replicate: int) -> dict[str, dict[int, float]]:
    """What the files of a cell say of one replicate: metric -> step -> value."""
    files = {stage: study.files(study.job(stage, at)) for stage in ("train", "evaluate")}
    facts = storage.read_json(files["train"]["run.json"])["facts"]
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in pq.read_table(files["evaluate"]["scores.parquet"]).to_pylist():
        if row["replicate"] == replicate and row["value"] is not None and row["sigma"] != 0:
            sampler = f"/{row['sampler']}" if row["sampler"] else ""
            if row["sigma"] is None:
                found[row["metric"] + sampler][0] = row["value"]
            else:
                found[f"{row['metric']}_by_sigma"][round(1000 * math.log10(row["sigma"]))] = row["value"]
    for row in pq.read_table(study.files(study.job("floor", "ring"))["floors.parquet"]).to_pylist():
        if row["replicate"] == replicate:
            found[f"{row['metric']}/floor"][0] = row["value"]
    found["training_seconds"][0] = facts["training_seconds"]
    found["evaluations"][0] = facts["evaluations"]
    for row in pq.read_table(files["train"]["training.parquet"]).to_pylist():
        if row["replicate"] == replicate and row["sigma"] is None:
            found[f"train/{row['metric']}"][row["step"]] = row["value"]
    return found


def history_of(client, run) -> dict[str, dict[int, float]]:
    return {
        name: {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        for name in run.data.metrics
        if not name.startswith("sampling_seconds/")
    }


@pytest.mark.slow
def test_mlflow_holds_what_the_files_hold(here: Path) -> None:
    study, client = Study("tiny.yaml"), client_of(here)
    runs = runs_of(here)
    assert len(runs) == RUNS
    cells = {run.data.tags["method"]: run for run in runs if run.data.tags["kind"] == "cell"}
    assert len(cells) == CELLS
    for run in runs:
        tags, at = run.data.tags, f"ring/{run.data.tags['method']}/log_uniform"
        card = storage.read_json(study.files(study.job("train", at))["run.json"])
        each = [expected_of(study, at, replicate) for replicate in range(REPLICATES)]
        found = history_of(client, run)
        if tags["kind"] == "replicate":
            assert found == each[int(tags["replicate"])]
            assert tags["mlflow.parentRunId"] == cells[tags["method"]].info.run_id
            assert run.info.run_name == f"{at} r{tags['replicate']}"
        else:
            errors = {name: found.pop(name) for name in list(found) if name.endswith("_se")}
            assert set(found) == set(each[0])
            for name, values in found.items():
                mean = {step: (each[0][name][step] + each[1][name][step]) / 2 for step in each[0][name]}
                assert values == pytest.approx(mean), name
            assert {"D_integral_se", "clean_error_se"} <= set(errors)
            for name, values in errors.items():  # of two values: half their distance
                first, second = (one[name.removesuffix("_se")][0] for one in each)
                assert values == pytest.approx({0: abs(first - second) / 2}), name
            assert run.info.run_name == at
        assert sorted(found["train/loss"]) == [10, 20, 30]
        assert sorted(found["D_by_sigma"]) == [-1301, -301, 699]  # 1000 log10 of 0.05, 0.5 and 5

        assert tags["key"] == study.key(study.job("evaluate", at))
        assert tags["train_key"] == card["key"]
        assert (tags["status"], tags["current"], tags["study"]) == ("trained", "yes", "tiny")
        wanted = {
            "training.steps": "30",
            "network": "mlp",
            "network.width": "8",
            "objective": tags["method"],
            "schedule": "log_uniform",
            "schedule.sigma_max": "5.0",
            "dataset.points.train": "300",
            "sampler.probability_flow.steps": "3",
        }
        assert wanted.items() <= run.data.params.items()


@pytest.mark.slow
def test_data_sets_are_logged_and_lead_to_their_files(here: Path) -> None:
    import mlflow.data

    study = Study("tiny.yaml")
    for run in runs_of(here):
        (given,) = run.inputs.dataset_inputs
        assert (given.dataset.name, given.tags[0].value) == ("ring", "training")
        assert given.dataset.digest == study.key(study.job("prepare", "ring"))
        folder = Path(mlflow.data.get_source(given.dataset).load())
        assert pq.read_table(folder / "train.parquet").num_rows == 300
        assert json.loads(given.dataset.profile)["train_points"] == 300


@pytest.mark.slow
def test_cells_have_tables_and_pictures(finished: Path) -> None:
    client = client_of(finished)
    for run in runs_of(finished):
        names = {file.path for file in client.list_artifacts(run.info.run_id)}
        if run.data.tags["kind"] == "replicate":
            assert not names
            continue
        assert names == {"scores.csv", "error_by_sigma.csv", "samples"}
        folder = Path(run.info.artifact_uri)
        assert folder.is_relative_to(finished / "mlruns" / "tiny")
        assert (folder / "samples/probability_flow.png").read_bytes().startswith(b"\x89PNG\r\n")
        table = (folder / "error_by_sigma.csv").read_text().splitlines()
        assert table[0].startswith('"sigma","D"')
        history = client.get_metric_history(run.info.run_id, "D_by_sigma")
        assert [float(line.split(",")[1]) for line in table[1:]] == pytest.approx(
            [point.value for point in sorted(history, key=lambda point: point.step)]
        )


@pytest.mark.slow
def test_saved_views_put_the_best_method_on_top(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The view that MLflow's page offers is one that MLflow's search understands, and what it finds is right."""
    monkeypatch.chdir(finished)
    study, client = Study("tiny.yaml"), client_of(finished)
    experiment = client.get_experiment_by_name("scorebench/tiny")
    saved = json.loads(experiment.tags["mlflow.sharedViewState.ring"])
    assert saved["name"] == "ring: which method is best?"
    state = json.loads(zlib.decompress(base64.b64decode(saved["state"].removeprefix("deflate;"))))
    assert state["orderByAsc"] is True
    found = client.search_runs(
        [experiment.experiment_id], filter_string=state["searchFilter"], order_by=[f"{state['orderByKey']} ASC"]
    )
    assert len(found) == CELLS
    means = {
        method: sum(expected_of(study, f"ring/{method}/log_uniform", r)["D_integral"][0] for r in range(REPLICATES))
        for method in ("dsm", "ssm_vr")
    }
    assert [run.data.params["method"] for run in found] == sorted(means, key=lambda method: means[method])
    for column in state["selectedColumns"]:
        kind, _, name = column.replace("`", "").partition(".")
        assert name in getattr(found[0].data, kind), column


@pytest.mark.slow
def test_the_best_checkpoint_is_registered_and_samples(finished: Path, tmp_path: Path) -> None:
    """In a process of its own that knows only the model's folder: no pickle, its own source, the trained weights."""
    client = client_of(finished)
    version = client.get_model_version_by_alias("scorebench.tiny.ring", "best")
    best = client.get_run(version.run_id)
    others = [run for run in runs_of(finished) if run.data.tags["kind"] == "cell"]
    assert best.data.metrics["D_integral"] == min(run.data.metrics["D_integral"] for run in others)
    assert f"{best.data.metrics['D_integral']:.4g}" in version.description
    (output,) = best.outputs.model_outputs
    assert version.source.endswith(output.model_id)
    code = """
import sys, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/scorebench.tiny.ring@best")
draw = lambda **params: model.predict(pandas.DataFrame({"points": [300, 100]}), params=params)
one = draw(seed=1)
assert one.equals(draw(seed=1)) and not one.equals(draw(seed=2)) and not one.equals(draw(seed=1, replicate=1))
import scorebench
print(one.shape, list(one.columns), float(one.to_numpy().std()), scorebench.__file__)
try:
    draw(replicate=7)
except ValueError as error:
    print(error)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{finished}/mlflow.db"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shape, said = done.stdout.splitlines()[-2:]
    assert shape.startswith("(400, 2) ['x0', 'x1'] ")
    assert 0.5 < float(shape.split()[4]) < 2, "prepared data have standard deviation 1"
    assert "/mlruns/" in shape.split()[5], "the source that was logged with it"
    assert said == "replicate 7 has no network; there are: 0, 1"
    folder = Path(client.get_logged_model(output.model_id).artifact_location)
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pt"))]


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
def test_experiment_says_how_to_read_it(finished: Path) -> None:
    experiment = client_of(finished).get_experiment_by_name(experiment_name(Study(finished / "tiny.yaml")))
    note = experiment.tags["mlflow.note.content"]
    assert note.startswith("**Tiny**")
    assert "| ring | `D_integral` |" in note
    assert "Two methods on a ring." in note
    assert "Which method is best on ring? Open *Views*" in note


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
def test_a_copied_database_does_not_write_to_where_it_came_from(
    finished: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(finished / "mlflow.db", here / "copied.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/copied.db")
    with pytest.raises(SystemExit) as stopped:
        track(Study("tiny.yaml"))
    assert stopped.value.code == 2
    assert f"keeps its pictures in {finished}" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_lags_where_mlflow_is_not_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "other.yaml").write_text(STUDY)
    assert behind(Study("other.yaml")) is None, "another study is kept there"
    (here / "empty").mkdir()
    monkeypatch.chdir(here / "empty")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert behind(Study("../tiny.yaml")) is None
    assert not list((here / "empty").iterdir())


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


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("nonsense://somewhere", "nonsense"),
        ("sqlite:////no/such/folder/mlflow.db", "No such file or directory"),
        ("sqlite:///text.db", "file is not a database"),
        ("http://someone:secret@127.0.0.1:1", "refused"),
    ],
)
@pytest.mark.slow
def test_an_unusable_store_is_one_clear_line(
    uri: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(STUDY)
    Path("text.db").write_text("this is not a database, although its name says so" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(SystemExit) as stopped:
        track(Study("tiny.yaml"))
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert "MLFLOW_TRACKING_URI" in err
    assert "secret" not in err


def test_two_writers_take_turns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    order = []

    def second() -> None:
        with only_writer(uri):
            order.append("second")

    waiting = threading.Thread(target=second)
    with (tmp_path / "mlflow.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    assert "another `scorebench track` is writing" in capfd.readouterr().err


def test_params_are_flat_and_short() -> None:
    nested = {"training": {"steps": 30, "ema": 0.9}, "means": [[0.0, 1.0]] * 1000, "on": True, "none": None}
    given = dict(flat("", nested))
    assert given["training.steps"] == "30"
    assert given["training.ema"] == "0.9"
    assert (given["on"], given["none"]) == ("true", "null")
    assert len(given["means"]) == LONGEST


def test_addresses() -> None:
    assert sqlite_file("sqlite:///mlflow.db") == Path("mlflow.db")
    assert sqlite_file("sqlite:////tmp/a.db?timeout=5") == Path("/tmp/a.db")
    assert sqlite_file("sqlite://") is None
    assert sqlite_file("http://localhost:5000") is None
    assert shown("postgresql://me:secret@host/db") == "postgresql://***@host/db"
    assert shown("sqlite:///mlflow.db") == "sqlite:///mlflow.db"
