"""report: all results of a study -> one table, summary metrics and one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.csv

from scorebench import storage
from scorebench.report.page import page
from scorebench.report.results import Results
from scorebench.stages import UNATTENDED, Inputs, Running, Spec
from scorebench.stages._results import cards, collect, folders, scales, times, training_times
from scorebench.study.stages import REPORT, TRAIN


def report(spec: Spec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> dict[str, Any]:
    """Write results.parquet, results.csv, scales.csv, times.csv, metrics.json and report.html.

    metrics.json: means over the replicates that did not diverge, data set -> schedule -> method -> metric, metrics of
    samples as `metric@sampler`. The same inputs give the same bytes.
    """
    table = collect(spec, inputs)
    runs = {stage: cards(inputs, stage) for stage in REPORT.reads}
    results = Results(spec, table.to_pylist() + training_times(inputs), runs[TRAIN.name])
    storage.write_table(out / "results.parquet", table)
    for name, content in (("results.csv", table), ("scales.csv", scales(table)), ("times.csv", times(inputs))):
        with storage.whole(out / name) as temporary:
            pyarrow.csv.write_csv(content, temporary)
    storage.write_json(out / "metrics.json", results.summary())
    places = {stage: dict(folders(inputs, stage)) for stage in REPORT.reads}
    storage.write_text(out / "report.html", page(results, places, runs))
    return {"rows": table.num_rows}
