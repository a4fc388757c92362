"""The tables of a study's results."""

import pyarrow as pa
import pytest

from scorebench.stages._results import SCHEMA, scales


def test_scales_are_means_over_replicates() -> None:
    def row(
        method: str, replicate: int, sigma: float | None, value: float | None, metric: str = "D"
    ) -> dict[str, object]:
        place = {"dataset": "ring8", "method": method, "schedule": "log_uniform", "sampler": None}
        return {**place, "replicate": replicate, "metric": metric, "sigma": sigma, "value": value}

    rows = [row("esm", 0, 0.1, 1.0), row("esm", 1, 0.1, 3.0), row("dsm", 0, 0.1, 5.0), row("esm", 0, 0.01, 7.0)]
    rows += [row("dsm", 1, 0.1, None), row("esm", 0, None, 9.0, "D_max")]
    table = scales(pa.Table.from_pylist(rows, schema=SCHEMA)).to_pylist()
    assert [(r["method"], r["sigma"], r["D"]) for r in table] == [
        ("dsm", 0.1, pytest.approx(5.0)),
        ("esm", 0.01, pytest.approx(7.0)),
        ("esm", 0.1, pytest.approx(2.0)),
    ]
