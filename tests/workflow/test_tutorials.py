"""What the tutorials tell a person to do works, to the letter."""

import csv
import re
from pathlib import Path

import pytest

from project import ROOT, Project, checkout
from tutorials import BLOCK, TUTORIALS, follow

pytestmark = [pytest.mark.slow]


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """This checkout with the studies and the data that come with it, nothing built."""
    return checkout(tmp_path / "fresh", (ROOT / "params.yaml").read_text())


def test_every_block_of_commands_is_run() -> None:
    """A command that no test runs would be no promise; `yaml` that is no file is an excerpt."""
    for tutorial in TUTORIALS.glob("*.md"):
        text = tutorial.read_text()
        assert len(re.findall(r"```(?:sh|python)\n", text)) == len(
            [block for block in BLOCK.findall(text) if block[0] == "run" or block[1].endswith(".py")]
        ), tutorial


def test_own_data(fresh: Project) -> None:
    said = follow(fresh, "own-data.md")
    assert "repeat an earlier one" in said
    assert "experiment 'scorebench/wines'" in said
    html = (fresh.folder / "reports/wines/report.html").read_text()
    assert "Does the method that the studies recommend beat DSM" in html


def test_own_method(fresh: Project) -> None:
    said = follow(fresh, "own-method.md")
    assert "it is defined on noised data only" in said
    with (fresh.folder / "reports/noises/results.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "D_integral"]
    assert len(rows) == 6
    assert {row["method"] for row in rows} == {"dsm", "many_noises"}


def test_laptop(fresh: Project) -> None:
    follow(fresh, "cluster.md")
    assert (fresh.folder / "reports/first/report.html").is_file()
