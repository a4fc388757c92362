"""Training curves of running jobs in MLflow, from one process: `scorebench track --follow`.

A training writes its curve to a live file every few seconds. Here each replicate of it becomes a run of its own, marked
`current: live`, which goes when the cell's finished run has come. Nothing else stands on live runs.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scorebench.progress import live
from scorebench.progress.scratch import LIVE
from scorebench.study import results
from scorebench.study.plan import Job, Study
from scorebench.study.stages import EVALUATE, TRAIN
from scorebench.tracking.runs import METRICS_PER_CALL
from scorebench.tracking.store import connect, faults, only_writer
from scorebench.tracking.track import DEFAULT_URI, experiment_name, track

if TYPE_CHECKING:
    from mlflow import MlflowClient

PAUSE = 3.0
"""Seconds between two looks."""
Replicate = tuple[str, int]
"""Key of the training, and replicate."""


@dataclass
class Shown:
    """A live run: its id, and the last step that it holds."""

    run: str
    step: int


@dataclass
class Follower:
    """What was brought so far; a new one finds what an earlier one left."""

    study: Study
    uri: str = field(default_factory=lambda: os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI)
    finished: int = -1
    shown: dict[Replicate, Shown] | None = None

    def look(self) -> int:
        """One pass; how many points were brought.

        Raises:
            SystemExit: status 2, MLflow can't be used there; the reason is printed.
        """
        finished = sum(self._is_evaluated(job) for job in self.study.jobs(EVALUATE.name))
        if finished != self.finished:
            track(self.study)  # what is finished; it makes the experiment too
            self.finished = finished
        with faults(self.uri, OSError, ImportError), only_writer(self.uri):
            client = connect(self.uri)
            experiment = client.get_experiment_by_name(experiment_name(self.study))
            assert experiment is not None, "`track` has made it"
            if self.shown is None:
                self.shown = _left(client, experiment.experiment_id)
            brought = sum(self._bring(client, experiment.experiment_id, job) for job in self.study.jobs(TRAIN.name))
            self._clear(client)
        return brought

    def _is_evaluated(self, job: Job) -> bool:
        return results.is_there(self.study, job)

    def _bring(self, client: MlflowClient, experiment: str, job: Job) -> int:
        """The points of a running training that are new."""
        from mlflow.entities import Metric, RunTag

        seen = live.read(self.study.directory(job) / LIVE)
        if seen is None or results.is_there(self.study, job):
            return 0
        assert self.shown is not None
        brought = 0
        for replicate in sorted({row[0] for row in seen.rows}):
            place = (self.study.key(job), replicate)
            if place not in self.shown:
                self.shown[place] = Shown(self._begin(client, experiment, job, replicate, seen.since), 0)
            run = self.shown[place]
            new = [row for row in seen.rows if row[0] == replicate and row[1] > run.step]
            if not new:
                continue
            at = round(1000 * seen.at)
            points = [Metric(f"train/{metric}", value, at, step) for _, step, metric, value in new]
            for i in range(0, len(points), METRICS_PER_CALL):
                client.log_batch(run.run, metrics=points[i : i + METRICS_PER_CALL])
            run.step = max(step for _, step, _, _ in new)
            client.log_batch(run.run, tags=[RunTag("live_step", str(run.step))])
            brought += len(new)
        return brought

    def _begin(self, client: MlflowClient, experiment: str, job: Job, replicate: int, since: float) -> str:
        names = dict(zip(("dataset", "method", "schedule"), job.names, strict=True))
        tags = {
            **names,
            "replicate": str(replicate),
            "study": self.study.name,
            "status": "training",
            "current": "live",
            "train_key": self.study.key(job),
            "mlflow.note.content": f"Replicate {replicate} of `{job.at}`, which is being trained now.",
        }
        name = f"{' '.join(job.names)} r{replicate} (live)"
        run = client.create_run(experiment, start_time=round(1000 * since), tags=tags, run_name=name)
        return str(run.info.run_id)

    def _clear(self, client: MlflowClient) -> None:
        """Take away live runs whose cell is finished, and those that the plan does not name."""
        assert self.shown is not None
        awaited = {
            self.study.key(job)
            for job in self.study.jobs(TRAIN.name)
            if not self._is_evaluated(self.study.job(EVALUATE.name, job.at))
        }
        for place in [place for place in self.shown if place[0] not in awaited]:
            client.delete_run(self.shown.pop(place).run)


def _left(client: MlflowClient, experiment: str) -> dict[Replicate, Shown]:
    """Live runs that are there already."""
    found = client.search_runs([experiment], 'tags.current = "live"', max_results=10_000)
    return {
        (run.data.tags["train_key"], int(run.data.tags["replicate"])): Shown(
            run.info.run_id, int(run.data.tags.get("live_step", 0))
        )
        for run in found
    }


def follow(study: Study, pause: float = PAUSE) -> None:
    """Bring curves of running trainings, and what is finished, until the study is complete or Ctrl-C."""
    follower = Follower(study)
    print("following; ends when the study is complete, or with Ctrl-C", flush=True)
    try:
        while True:
            complete = not results.missing(study)
            follower.look()
            if complete:
                return
            time.sleep(pause)
    except KeyboardInterrupt:
        print("no longer following; again is harmless")
