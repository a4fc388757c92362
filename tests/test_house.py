"""What keeps the house easy to find one's way in: short files, few modules on the ground, stages named in one place."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

from scorebench.study.stages import STAGES, Stage

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/scorebench"
LONGEST = 300
FLAT = {"__init__", "__main__", "cli", "columns", "learning", "ode", "scores", "streams"}
"""Modules that stand in no room."""
SPLIT = {"train"}  # of the data: train, validation, test
OTHER_MEANINGS = {
    "commands/advise.py": SPLIT,
    "data/__init__.py": SPLIT,
    "data/table.py": SPLIT,
    "samplers/_steps.py": {"report"},  # what a variable is called where it is looked at
    "stages/_dataset.py": SPLIT,
    "stages/_results.py": {"microscope"},  # a status in the table of results
    "stages/_scores.py": SPLIT,
    "stages/advice.py": SPLIT,
    "stages/evaluate.py": SPLIT,
    "stages/floor.py": SPLIT,
    "stages/microscope.py": SPLIT,
    "stages/prepare.py": SPLIT,
    "study/plan.py": {"microscope"},  # the section of a study file, here and below
    "study/references.py": {"microscope"},
}
"""Files in which the name of a stage is that of another thing."""


def written() -> list[Path]:
    """Files that people wrote: code, templates, scripts and style sheets, but for libraries as they were published."""
    tops = ("src", "tests", "benchmarks", "workflow", "docs/hooks", "studies/answers")
    kinds = (".py", ".smk", ".j2", ".js", ".css", ".sh")
    files = [path for top in tops for path in (ROOT / top).rglob("*") if path.suffix in kinds]
    return [ROOT / "Snakefile", *(path for path in files if not path.name.endswith(".min.js"))]


def test_no_file_is_longer_than_a_reader_takes_in() -> None:
    long = {str(p.relative_to(ROOT)): n for p in written() if (n := len(p.read_text().splitlines())) > LONGEST}
    assert not long


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest imports them by it, and takes the second one for a mistake."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(set(names)) == sorted(names)


def test_few_modules_stand_in_no_room() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == FLAT


def test_every_room_is_in_the_contract_of_imports() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    house = next(contract for contract in settings["contracts"] if contract.get("containers") == ["scorebench"])
    assert house["exhaustive"]
    listed = {name.strip() for layer in house["layers"] for name in layer.replace(":", "|").split("|")}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert listed == rooms | (FLAT - {"__init__"})
    assert not any(contract.get("ignore_imports") for contract in settings["contracts"]), "no exceptions"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_only_the_table_and_its_own_file_name_a_stage(stage: Stage) -> None:
    name = stage.name
    for path in PACKAGE.rglob("*.py"):
        place = str(path.relative_to(PACKAGE))
        if place == "study/stages.py" or path.stem == name or name in OTHER_MEANINGS.get(place, set()):
            continue
        literals = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant) and n.value == name]
        assert not literals, f"{place}:{literals[0].lineno} names the stage {name}"


def test_line_ends_are_the_same_whatever_git_does_to_them(tmp_path: Path) -> None:
    """Scripts run, and keys hold the same bytes, in a clone of somebody whose git writes CRLF."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    subprocess.run(["git", "clone", "-q", "-c", "core.autocrlf=true", ROOT, tmp_path / "clone"], check=True)
    command = ["git", "-C", tmp_path / "clone", "ls-files", "--eol"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    written = {line.split("\t")[1]: line.split()[:2] for line in lines}
    assert [name for name, (index, tree) in written.items() if index.partition("/")[2] != tree.partition("/")[2]] == []
    assert [name for name, (_, tree) in written.items() if tree == "w/crlf"] == ["data/raw/wine_quality.csv"]
