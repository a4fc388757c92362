"""report: all results of a study -> one table, summary metrics and one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv

from scorebench import storage
from scorebench.report.page import page
from scorebench.report.results import Results
from scorebench.specs.report import ReportFacts, ReportSpec
from scorebench.stages import UNATTENDED, Inputs, Running
from scorebench.stages._results import cards, collect, folders, scales, times, training_times, trainings
from scorebench.study.stages import REPORT


def report(spec: ReportSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> ReportFacts:
    """Write results.parquet, results.csv, scales.csv, times.csv, metrics.json and report.html.

    metrics.json: means over the replicates that did not diverge, data set -> schedule -> method -> metric, metrics of
    samples as `metric@sampler`. The same inputs give the same bytes.
    """
    read = cards(inputs)
    table, trained = collect(inputs, read), trainings(read)
    results = Results(spec, [*table.to_pylist(), *training_times(trained)], trained)
    storage.write_table(out / "results.parquet", table)
    for name, content in (("results.csv", table), ("scales.csv", scales(table)), ("times.csv", times(read))):
        with storage.whole(out / name) as temporary:
            pyarrow.csv.write_csv(content, temporary)
    storage.write_json(out / "metrics.json", results.summary())
    places = {stage: dict(folders(inputs, stage)) for stage in REPORT.reads}
    storage.write_text(out / "report.html", page(results, places, read))
    return ReportFacts(rows=table.num_rows)
