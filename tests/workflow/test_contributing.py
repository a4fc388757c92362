"""What CONTRIBUTING.md tells a person to do works, to the letter."""

import re

import numpy as np
import pytest

from project import ROOT, Project

pytestmark = pytest.mark.slow

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def block(marker: str) -> str:
    """The code block that stands after a marker."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, marker
    return found[1]


def test_own_method_and_own_data(project: Project) -> None:
    before = project.jobs()
    path = "src/scorebench/objectives/robust_dsm.py"
    (project.folder / path).write_text(block(f"file: {path}"))
    rng = np.random.default_rng(0)
    rows = rng.normal([170, 70, 40], [10, 12, 15], (300, 3))
    (project.folder / "data/raw").mkdir(parents=True, exist_ok=True)
    np.savetxt(project.folder / "data/raw/mine.csv", rows, delimiter=",", header="height,weight,age", comments="")
    project.edit("methods:\n", "methods:\n" + block("under: methods"))
    project.edit("datasets:\n", "datasets:\n" + block("under: datasets"))
    project.edit(
        "  - {schedules: [log_uniform]}\n",
        "  - {datasets: [ring8], schedules: [log_uniform]}\n"
        "  - {datasets: [mine], methods: [robust_dsm], schedules: [log_uniform, clean]}\n",
    )
    said = project.run("snakemake", "--cores", "2")
    assert "robust_dsm/clean" in said, "the hole at sigma = 0 is announced with its reason"
    after = project.jobs()
    made = {name for name, card in after.items() if before.get(name) != card}
    assert {name for name in made if "checkpoints" in name} == {
        "results/default/checkpoints/ring8/robust_dsm/log_uniform",
        "results/default/checkpoints/mine/robust_dsm/log_uniform",
    }
    html = (project.folder / "reports/default/report.html").read_text()
    assert "robust_dsm" in html
    assert "mine" in html
    csv = (project.folder / "reports/default/results.csv").read_text()
    assert '"mine","robust_dsm","log_uniform"' in csv
    assert "Nothing to be done" in project.run("snakemake", "-n", "--cores", "1")
