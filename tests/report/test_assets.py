"""What the page runs: published libraries as they are, with their licences, all of it in the report's key."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scorebench.report.page import ASSETS, SCRIPTS
from scorebench.study import keys
from scorebench.study.plan import Job, Study

SMOKE = Path(__file__).parents[2] / "studies/smoke.yaml"


@pytest.mark.parametrize(
    ("name", "version"), [("d3", r"// https://d3js.org v([\d.]+) "), ("plot", r"// @observablehq/plot v([\d.]+) ")]
)
def test_libraries_are_of_the_version_that_is_said_and_keep_their_licence(name: str, version: str) -> None:
    text = (ASSETS / f"{name}.min.js").read_text()
    found = re.match(version, text)
    assert found
    assert f"| {found[1]} | ISC, `LICENSE.{name}` |" in (ASSETS / "README.md").read_text()
    assert "Permission to use, copy, modify" in (ASSETS / f"LICENSE.{name}").read_text()
    assert len(text) < 900_000


def test_no_script_can_end_its_element() -> None:
    for name in SCRIPTS:
        assert "</script" not in (ASSETS / name).read_text().lower()


def test_every_file_of_the_page_is_in_the_key_of_the_report_and_of_nothing_else() -> None:
    study = Study(SMOKE)
    known = keys.code(study.modules(Job("report")))
    folder = ASSETS.parent
    files = [*folder.glob("*.j2"), *(path for path in ASSETS.iterdir() if path.suffix in (".js", ".css"))]
    assert {path.name for path in files} == {name.partition("/")[2] for name in known} - {""}
    assert {*SCRIPTS, "report.css", "report.html.j2"} <= {path.name for path in files}
    for path in files:
        assert known[f"scorebench.report/{path.name}"] == keys.file_digest(path)[:16]
    trained = study.jobs("train")[0]
    assert not any("/" in name for name in keys.code(study.modules(trained)))


def test_a_page_style_sheet_changes_the_report_alone(tmp_path: Path) -> None:
    """The real thing: keys of a copy of the source, before and after an edit of the style sheet."""
    import shutil

    source = tmp_path / "src"
    shutil.copytree(ASSETS.parents[1], source / "scorebench", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import sys; from scorebench.study.plan import Job, Study; study = Study(sys.argv[1]);"
        "print(study.key(Job('report')), study.key(study.jobs('evaluate')[0]))"
    )

    def keys() -> list[str]:
        command = [sys.executable, "-c", code, str(SMOKE)]
        environment = {"PYTHONPATH": str(source), "PATH": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    before = keys()
    with (source / "scorebench/report/assets/report.css").open("a") as sheet:
        sheet.write("h1 { color: red; }\n")
    after = keys()
    assert before[0] != after[0]
    assert before[1] == after[1]
