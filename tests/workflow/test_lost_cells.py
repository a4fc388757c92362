"""Cells that diverge or can't be trained: results with a reason, beside which the rest of the study is finished."""

import json

import pyarrow.parquet as pq
import pytest

from project import Project

pytestmark = pytest.mark.slow

REFUSING = '''\
"""DSM that finds out at its seventh step that it can't go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from scorebench.objectives import Objective
from scorebench.objectives.dsm import DenoisingScoreMatching
from scorebench.parts import Unsuitable

if TYPE_CHECKING:
    from torch import Tensor

calls = 0


class Refusing(Objective):
    """DSM, for a while."""

    requires_noise: ClassVar[bool] = True

    def __call__(self, score, batch, generator=None) -> Tensor:
        """Per-sample losses."""
        global calls
        calls += 1
        if calls > 6:
            raise Unsuitable("this <network> is not for me")
        return DenoisingScoreMatching()(score, batch, generator)
'''


def test_lost_cells_are_results(project: Project) -> None:
    (project.folder / "src/scorebench/objectives/refusing.py").write_text(REFUSING)
    project.edit(
        "methods:\n",
        "methods:\n  absurd: {objective: dsm, training: {learning_rate: 1.0e+30}}\n  refusing: {objective: refusing}\n",
    )
    project.run("snakemake", "--cores", "2")
    facts = {}
    for method in ("absurd", "refusing"):
        (card,) = project.folder.glob(f"results/default/checkpoints/ring8/{method}/log_uniform/*/run.json")
        facts[method] = json.loads(card.read_text())["facts"]
    assert facts["absurd"]["status"] == ["diverged"] * 2
    assert facts["refusing"]["status"] == ["failed"] * 2
    assert facts["refusing"]["ended_at"] == [6, 6]
    assert facts["refusing"]["reasons"] == ["this <network> is not for me"] * 2

    page = (project.folder / "reports/default/report.html").read_text()
    at = ", ".join(map(str, facts["absurd"]["ended_at"]))
    assert f"diverged at step {at}" in page
    assert "failed at step 6, 6" in page
    assert "2 of 2 replicates failed at step 6, 6: this &lt;network&gt; is not for me" in page

    rows = pq.read_table(project.folder / "reports/default/results.parquet").to_pylist()
    status = {"absurd": "diverged", "refusing": "failed", "dsm": "trained", "ssm_vr": "trained"}
    for method, said in status.items():
        here = [row for row in rows if row["method"] == method]
        assert {row["status"] for row in here} == {said}
        measured = [row["value"] is not None for row in here if row["metric"] not in ("evaluations",)]
        assert any(measured) == (said == "trained")

    project.run("scorebench", "agree")
    project.run("scorebench", "track")
    project.agrees()
