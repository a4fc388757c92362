"""What a newcomer meets in MLflow: the experiment's description, and a saved view for each data set's question."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from typing import Any
from urllib.parse import quote

from scorebench.study.cells import Cell
from scorebench.study.plan import Study
from scorebench.study.stages import SAMPLE

VIEW = "mlflow.sharedViewState."
"""Begins the name of an experiment tag that MLflow's page lists under Views."""
WHICH = "which method is best?"


def main_metric(study: Study, dataset: str) -> str | None:
    """What cells of a data set are compared by, lowest best; None where it has no cells.

    As in the report: the error of the score over all scales; where the score is not known, the sliced Wasserstein
    distance of samples by the probability flow, or else by the sampler that most cells have; otherwise the error on
    clean data.
    """
    cells = [cell for cell in study.applicable if cell.dataset == dataset]
    if study.sources[dataset].known_score:
        many = any(study.schedules[cell.schedule].levels_trained != 1 for cell in cells)
        return "D_integral" if many else "clean_error" if cells else None
    counts = Counter(name for cell in cells for name in study.samplers_of(study.job(SAMPLE.name, str(cell))))
    flow = [name for name in counts if study.params.samplers[name].sampler == "probability_flow"]
    return f"sliced_wasserstein/{max(flow or counts, key=lambda name: counts[name])}" if counts else None


def datasets(study: Study) -> list[str]:
    """Data sets that have cells, in the order of the study."""
    return [name for name in study.params.datasets if any(cell.dataset == name for cell in study.applicable)]


def contends(study: Study, cell: Cell) -> bool:
    """Whether a cell may be called the best: not if it is told the exact score."""
    return not study.objectives[cell.method].requires_target


def experiment_tags(study: Study) -> dict[str, str]:
    """Tags of the experiment: its description, and one saved view for every data set."""
    tags = {
        "mlflow.note.content": describe(study),
        "mlflow.experimentKind": "custom_model_development",  # else the page first asks what the experiment is
        "study": str(study.file),
    }
    for place, dataset in enumerate(datasets(study)):
        saved = {"name": f"{dataset}: {WHICH}", "createdAt": place, "state": packed(view(study, dataset))}
        tags[f"{VIEW}{dataset}"] = json.dumps(saved)
    return tags


def view(study: Study, dataset: str) -> dict[str, Any]:
    """What MLflow's page keeps of a view of runs: which runs, in which order, with which columns."""
    main = main_metric(study, dataset)
    metrics = [main, f"{main}_se", "D_max", "clean_error", "training_seconds"]
    if main != "D_integral":
        sampler = str(main).rpartition("/")[2]
        metrics = [main, f"energy_distance/{sampler}", f"c2st/{sampler}", "training_seconds"]
    columns = [f"params.`{name}`" for name in ("method", "schedule")] + [f"metrics.`{name}`" for name in metrics]
    return {
        "searchFilter": f'tags.dataset = "{dataset}" and tags.kind = "cell" and tags.oracle = "no"'
        ' and tags.status = "trained" and tags.current = "yes"',
        "orderByKey": f"metrics.`{main}`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "runsHiddenMode": "FIRST_10_RUNS",
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
    }


def packed(state: dict[str, Any]) -> str:
    """A view as MLflow's page writes it."""
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def address(experiment: str, port: int, dataset: str = "") -> str:
    """Where an experiment's runs are on MLflow's page; with a data set, its saved view."""
    # without the type of workflow the page opens on its part for language models
    shown = f"&viewStateShareKey={quote(dataset)}" if dataset else ""
    return f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs?workflowType=machine_learning{shown}"


def describe(study: Study) -> str:
    """What stands above the runs: what they are, and how to read them."""
    p = study.params
    first = datasets(study)[0] if datasets(study) else "DATASET"
    rows = "".join(f"| {dataset} | `{main_metric(study, dataset)}` |\n" for dataset in datasets(study))
    return f"""**{p.title}**. Which method is best on {first}? Open *Views* at the top right. Unfold this for the rest.

{p.description}

A run is one cell: data set, method, noise schedule; its metrics are means over its replicates, which are runs of their
own below it. **Views** holds one table for every data set, best method on top, by the metric

| data set | lowest is best |
|---|---|
{rows}
and `..._se` is its standard error. Methods that are told the exact score (`oracle`) and cells that lost a replicate are
left out there. **Model registry** holds the best checkpoint of every data set; loaded, it samples.

- **`D_integral`**: the error of the score, D(sigma) = sigma² E‖s − s*‖², integrated over ln sigma, in nats. Only
  where the true score is known and the schedule has several noise levels. `clean_error`, for every schedule: relative
  error of the score at the lowest level against that of the clean data. `..._untrained`: the same before training.
- **`sliced_wasserstein/SAMPLER`** (also `energy_distance`, `c2st`): distance of samples to test points, lowest is best.
  `sliced_wasserstein/floor` is what a true sample of that size scores: by this measure differences below
  it mean nothing.
- **Curves over noise**, `D_by_sigma` and others: the axis of steps is 1000 log10(sigma), so -2000 is sigma = 0.01 and
  0 is sigma = 1. Select runs and open the charts; choose the axis Step.
- `train/...`: curves over training steps. Tag `status`: `trained`, `diverged`, `failed` or `partly` (tag `ended_at`: at
  which step). Tag `current`: `no` where the study, as it is now, no longer gives this run. Nothing is deleted.
"""
