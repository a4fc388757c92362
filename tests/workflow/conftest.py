"""A project of its own for every test, built once."""

import shutil
from pathlib import Path

import pytest

from processes import LONG
from project import TINY, Project, checkout
from shared import once


def built_once(factory: pytest.TempPathFactory, name: str, study: str) -> Project:
    """A study that the first worker to need it builds by Snakemake; no test changes it."""

    def build(folder: Path) -> None:
        checkout(folder, study).run("snakemake", "--cores", "2")

    return Project(once(factory, name, build))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study, built by Snakemake directly."""
    return built_once(tmp_path_factory, "a project", TINY)  # a path with a space


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project."""
    folder = tmp_path / "copy"
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture
def agreed(built: Project, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Project:
    """A copy of the built project where DVC knows of the results, too."""

    def build(folder: Path) -> None:
        shutil.copytree(built.folder, folder, symlinks=True)
        Project(folder).run("scorebench", "agree")

    folder = tmp_path / "copy"
    shutil.copytree(once(tmp_path_factory, "an agreed project", build), folder, symlinks=True)
    return Project(folder)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study whose trainings last seconds, built in one go."""
    return built_once(tmp_path_factory, "undisturbed", LONG)


@pytest.fixture
def begun(undisturbed: Project, tmp_path: Path) -> Project:
    """The same with its data prepared, and nothing else of its results."""
    folder = tmp_path / "project"
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    for name in ("results", "reports", ".snakemake", "logs"):
        shutil.rmtree(folder / name)
    return Project(folder)
