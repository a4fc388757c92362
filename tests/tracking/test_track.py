"""`scorebench track` against a real MLflow: what it says equals the files."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from kept import CELLS, REPLICATES, RUNS, client_of, expected_of, history_of, runs_of

from scorebench import storage
from scorebench.study import keys
from scorebench.study.plan import Study
from scorebench.tracking.track import experiment_name

pytestmark = pytest.mark.xdist_group("mlflow")


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
sys.modules["scorebench"] = None                # as if it were not installed
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/scorebench.tiny.ring@best")
draw = lambda **params: model.predict(pandas.DataFrame({"points": [300, 100]}), params=params)
one = draw(seed=1)
assert one.equals(draw(seed=1)) and not one.equals(draw(seed=2)) and not one.equals(draw(seed=1, replicate=1))
(own,) = [module for name, module in sys.modules.items() if name.startswith("scorebench_") and "." not in name]
print(one.shape, list(one.columns), float(one.to_numpy().std()), own.__file__)
try:
    draw(replicate=7)
except ValueError as error:
    print(error)
del sys.modules["scorebench"]                   # which is
import scorebench.metrics
assert "mlruns" not in scorebench.__file__, scorebench.__file__
"""
    environment = {**os.environ, "PYTHONPATH": str(keys.ROOT.parent)}
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
def test_experiment_says_how_to_read_it(finished: Path) -> None:
    experiment = client_of(finished).get_experiment_by_name(experiment_name(Study(finished / "tiny.yaml")))
    note = experiment.tags["mlflow.note.content"]
    assert note.startswith("**Tiny**")
    assert "| ring | `D_integral` |" in note
    assert "Two methods on a ring." in note
    assert "Which method is best on ring? Open *Views*" in note
