"""A stage is an entry in the table, a function and a rule, as CONTRIBUTING.md says: nothing else is edited here."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_agreement import changed, stages_of
from test_contributing import block

from project import CELLS, ROOT, Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("contributing")]

TABLE, FUNCTION, RULE = "src/scorebench/study/stages.py", "src/scorebench/stages/spread.py", "workflow/rules/spread.smk"
SPREADS = {f"results/default/spreads/{cell}" for cell in CELLS}


@pytest.fixture
def extended(project: Project) -> Project:
    """The built project, which agrees with DVC, and then the new stage."""
    project.run("scorebench", "agree")
    project.edit("    REPORT,\n)\n", f"    REPORT,\n{block('at the end of: STAGES').rstrip()},\n)\n", TABLE)
    for path in (FUNCTION, RULE):
        assert not (ROOT / path).exists()
        (project.folder / path).write_text(block(f"file: {path}"))
    return project


def row(project: Project, stage: str) -> dict[str, str]:
    """What `scorebench status` says of a stage."""
    lines = [re.split("[│┃]", line) for line in project.run("scorebench", "status").splitlines() if line[:1] in "│┃"]
    heads, *rows = [[word.strip() for word in line[1:-1]] for line in lines]
    (said,) = [each for each in rows if each[0] == stage]
    return dict(zip(heads, said, strict=True))


def test_everything_follows_from_an_entry_a_function_and_a_rule(extended: Project) -> None:
    before = extended.jobs()
    assert "dvc.yaml is not what the table" in extended.run("scorebench", "write-dvc", "--check", ok=False)
    extended.run("scorebench", "write-dvc")
    assert row(extended, "spread")["to do"] == "2"
    said = extended.run("scorebench", "verify", ok=False)
    assert said.count("missing: results/default/spreads/") == said.count("missing: ") == 2, said

    said = extended.run("snakemake", "--cores", "2")
    assert "Measuring the width of ring8/dsm/log_uniform" in said
    assert changed(before, extended.jobs()) == SPREADS, "and nothing else is made again"
    assert row(extended, "spread")["done"] == "2"
    whole = f"{len(before) + 2} jobs are whole and as planned"
    assert whole in extended.run("scorebench", "verify")
    extended.run("scorebench", "agree")
    extended.agrees()
    holds_what_it_says(extended)

    second = extended.jobs()
    extended.edit("sampling: {points: 100}", "sampling: {points: 120}")
    extended.run("dvc", "repro")
    third = extended.jobs()
    trained = {name for name in stages_of(CELLS) if "checkpoints" in name}
    made = {"report", "results/default/floors/ring8", *SPREADS, *stages_of(CELLS)} - trained
    assert changed(second, third) == made
    extended.agrees()
    holds_what_it_says(extended)

    cell = "ring8/dsm/log_uniform"
    told = extended.run("scorebench", "explain", cell)
    assert f"spread {cell}: key {third[f'results/default/spreads/{cell}'].split()[0]}, is there" in told
    said = extended.run("scorebench", "gc", "--yes")
    assert said.count(".attic/results/default/spreads/") == 2
    assert extended.jobs() == third

    spread = next((extended.folder / "results/default/spreads" / cell).glob("*/spread.json"))
    spread.write_text("{}")
    said = extended.run("scorebench", "verify", "--set-aside", ok=False)
    assert f"damaged: {spread.relative_to(extended.folder)}: its hash is not the recorded one" in said
    assert said.count("set aside: ") == 1, "nothing is made from it"
    extended.run("dvc", "repro")
    assert changed(third, extended.jobs()) <= {f"results/default/spreads/{cell}"}
    assert whole in extended.run("scorebench", "verify")


def holds_what_it_says(project: Project) -> None:
    """The numbers of the new stage, from the samples themselves."""
    for path in (project.folder / "results/default/spreads").rglob("spread.json"):
        cell = path.parent.parent.relative_to(project.folder / "results/default/spreads")
        (samples,) = (project.folder / "results/default/samples" / cell).glob("*/samples.parquet")
        rows = pq.read_table(samples, partitioning=None).to_pylist()
        for sampler, width in json.loads(path.read_text()).items():
            x = np.array([row["x"] for row in rows if row["sampler"] == sampler], dtype=np.float64)
            assert width == pytest.approx(np.sqrt((x**2).mean()), rel=1e-6)
