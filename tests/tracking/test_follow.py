"""Live runs hold what live files say, each point once, and go when the finished run comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorebench.cli import run_job
from scorebench.progress import live as live_files
from scorebench.study.plan import Study
from scorebench.tracking.follow import Follower
from scorebench.tracking.track import experiment_name
from two_cells import STUDY

pytestmark = pytest.mark.xdist_group("mlflow")


def test_a_live_run_grows_with_its_file_and_goes_with_the_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(live_files, "EVERY", 0.0)
    Path("tiny.yaml").write_text(STUDY)
    study = Study("tiny.yaml")
    job = study.job("train", "ring/dsm/log_uniform")
    live = live_files.Live(study.directory(job), {"key": study.key(job)})
    curve = [(0, 10, "loss", 3.0), (1, 10, "loss", 4.0)]
    live.show(10, curve)

    follower = Follower(study)
    assert follower.look() == 2
    assert follower.look() == 0
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name(experiment_name(study))
    assert experiment is not None

    def runs(current: str) -> dict[str, str]:
        found = client.search_runs([experiment.experiment_id], f"tags.current = '{current}'")
        return {run.data.tags["replicate"]: run.info.run_id for run in found}

    first = runs("live")
    assert sorted(first) == ["0", "1"]

    curve += [(0, 20, "loss", 2.0), (1, 20, "loss", 1.0)]
    live.show(20, curve)
    assert Follower(study).look() == 2, "another one goes on where the first was"
    assert runs("live") == first
    history = client.get_metric_history(first["1"], "train/loss")
    assert [(point.step, point.value) for point in history] == [(10, 4.0), (20, 1.0)]

    for stage in ("prepare", "train", "sample", "floor", "evaluate"):
        for each in study.jobs(stage):
            if each.at in ("ring", job.at):
                run_job(study.file, stage, each.at, study.key(each))
    follower = Follower(study)
    assert follower.look() == 0
    assert runs("live") == {}
    assert sorted(runs("yes")) == ["0", "1", "all"]
