"""No two study files share a name's results: told apart by their paths, or refused."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from project import TINY
from scorebench.cli import app
from scorebench.running import jobs
from scorebench.study.naming import name_of
from scorebench.study.params import InvalidStudy
from scorebench.study.plan import Job, Study


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def made(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(TINY)


def test_a_name_is_the_path(here: Path) -> None:
    names = {
        "params.yaml": "default",
        "./params.yaml": "default",
        str(here / "params.yaml"): "default",
        "exp1/params.yaml": "exp1--params",
        "exp1/noise.yaml": "exp1--noise",
        "studies/noise.yaml": "noise",
        "studies/more/noise.yml": "more--noise",
        "own.yaml": "own",
        "../elsewhere/own-2.yaml": "own-2",
    }
    assert {file: name_of(Path(file)) for file in names} == names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("params.yaml", "studies/params.yaml"),
        ("params.yaml", "default.yaml"),
        ("params.yaml", "studies/default.yaml"),
        ("params.yaml", "../params.yaml"),
        ("noise.yaml", "studies/noise.yaml"),
        ("noise.yaml", "noise.yml"),
        ("exp1/params.yaml", "studies/exp1/params.yaml"),
    ],
)
def test_namesakes_are_refused(one: str, other: str) -> None:
    made(one, other)
    with pytest.raises(InvalidStudy, match=f"as {one} is, whose results lie there: give one of the files another name"):
        name_of(Path(other))


@pytest.mark.parametrize("file", ["exp--1.yaml", "an exp/params.yaml", "a.b.yaml", ".yaml"])
def test_what_makes_no_name_is_refused(file: str) -> None:
    with pytest.raises(InvalidStudy, match="letters, digits"):
        name_of(Path(file))


def test_a_link_to_a_study_has_a_name_of_its_own() -> None:
    made("params.yaml")
    Path("mine.yaml").symlink_to("params.yaml")
    assert name_of(Path("mine.yaml")) == "mine"
    Path("default.yaml").symlink_to("params.yaml")
    assert name_of(Path("default.yaml")) == "default", "the same file"


def test_gc_leaves_another_study_alone() -> None:
    made("params.yaml", "exp1/params.yaml")
    Path("exp1/params.yaml").write_text(TINY.replace("seed: 1", "seed: 2"))
    folders = [Study(file).directory(Job("prepare", "ring8")) for file in ("params.yaml", "exp1/params.yaml")]
    for folder in folders:
        folder.mkdir(parents=True)
    done = CliRunner().invoke(app, ["gc", "--yes"])
    assert done.exit_code == 0, done.output
    assert "0 folders" in done.output
    assert all(folder.is_dir() for folder in folders)


def test_a_study_of_another_folder_runs_nothing_here() -> None:
    made("../own.yaml")
    study = Study("../own.yaml")
    with pytest.raises(InvalidStudy, match="is not in this folder"):
        jobs.run(study, Job("prepare", "ring8"))
    assert "copy it to studies/" in CliRunner().invoke(app, ["gc", "--study", "../own.yaml"]).output
    shutil.copy("../own.yaml", "own.yaml")
    with pytest.raises(InvalidStudy, match=r"the study 'own', as own.yaml is"):
        Study("../own.yaml")
