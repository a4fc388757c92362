"""Which source serves a folder, and whose commit a result names: with copies of this checkout, and real git."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scorebench.study import sources

SOURCE = sources.ROOT.parent
COMMIT = "from scorebench.study import keys; print(keys.commit())"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of another version, in a folder of a repository of somebody else's."""
    folder = tmp_path / "theirs/a copy"
    shutil.copytree(SOURCE, folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / "Snakefile").touch()
    (folder / "deep").mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "scorebench"\nversion = "9.9"\n')
    return folder


def run(folder: Path, *command: str | Path, source: Path = SOURCE) -> str:
    environment = os.environ | {"PYTHONPATH": str(source), "GIT_CEILING_DIRECTORIES": str(folder.parents[1])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_command_serves_the_checkout_that_it_stands_in(copy: Path, tmp_path: Path) -> None:
    """With another checkout's environment active, as in a git worktree; elsewhere, what is installed serves."""
    ask = (sys.executable, "-m", "scorebench", "--version")
    assert run(copy / "deep", *ask) == "scorebench 9.9"
    assert run(tmp_path, *ask, source=copy / "src") == "scorebench 9.9"
    assert run(tmp_path, *ask) != "scorebench 9.9"


def test_a_result_names_the_commit_of_its_source_alone(copy: Path) -> None:
    """Unpacked into a repository that does not have it, it has none."""
    theirs = copy.parent
    git = ("git", "-C", theirs, "-c", "user.name=Test", "-c", "user.email=test@example.org")
    (theirs / "readme").touch()
    run(theirs, "git", "init", "-q")
    run(theirs, *git, "add", "readme")
    run(theirs, *git, "commit", "-qm", "Theirs")
    ask = (sys.executable, "-c", COMMIT)
    assert run(copy, *ask, source=copy / "src") == "{'commit': None, 'dirty': None}"
    run(theirs, *git, "add", copy)
    run(theirs, *git, "commit", "-qm", "With the copy")
    head = run(theirs, "git", "rev-parse", "HEAD")
    assert run(copy, *ask, source=copy / "src") == f"{{'commit': '{head}', 'dirty': False}}"
    (copy / "src/scorebench/streams.py").write_text("")
    assert run(copy, *ask, source=copy / "src") == f"{{'commit': '{head}', 'dirty': True}}"
