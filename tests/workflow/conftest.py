"""A project of its own for every test, built once."""

import shutil
from pathlib import Path

import pytest

from processes import LONG
from project import TINY, Project, checkout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study, built by Snakemake directly."""
    project = checkout(tmp_path_factory.mktemp("built") / "a project", TINY)  # a path with a space
    project.run("snakemake", "--cores", "2")
    return project


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project."""
    folder = tmp_path / "copy"
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study whose trainings last seconds, built in one go."""
    project = checkout(tmp_path_factory.mktemp("undisturbed") / "project", LONG)
    project.run("snakemake", "--cores", "2")
    return project


@pytest.fixture
def begun(undisturbed: Project, tmp_path: Path) -> Project:
    """The same with its data prepared, and nothing else of its results."""
    folder = tmp_path / "project"
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    for name in ("results", "reports", ".snakemake", "logs"):
        shutil.rmtree(folder / name)
    return Project(folder)
