"""prepare: a source of data -> Parquet files per split and dataset.json."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from scorebench import storage
from scorebench.specs.prepare import DataDescription, PrepareFacts, PrepareSpec
from scorebench.stages import UNATTENDED, Inputs, Running


def prepare(spec: PrepareSpec, inputs: Inputs, out: Path, running: Running = UNATTENDED) -> PrepareFacts:
    """Write train, validation and test.parquet (column `x`, lists of d values) and dataset.json."""
    points = spec.source.build().load(spec.sizes, spec.seed)
    for split, x in points.splits.items():
        storage.write_table(out / f"{split}.parquet", pa.table({"x": storage.points_column(x)}))
    rows = {split: len(x) for split, x in points.splits.items()}
    dimension = int(points.splits["train"].shape[1])
    described = DataDescription(
        dimension=dimension,
        rows=rows,
        image=points.image,
        origin=points.origin,
        licence=points.licence,
        shift=points.shift,
        scale=points.scale,
        root_mean_square=float((points.splits["train"].astype("float64") ** 2).mean() ** 0.5),
        target=points.target,
        files=spec.files,
        columns=points.columns,
        said=points.said,
    )
    storage.write_json(out / "dataset.json", described.model_dump(mode="json", exclude_defaults=True))
    return PrepareFacts(rows=rows, dimension=dimension)
