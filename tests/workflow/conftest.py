"""A project of its own for every test, built once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import LONG
from project import TINY, Project, checkout
from shared import once

AWKWARD = "it's {b} é #1 %20"
"""What every project's folder is called: people have spaces, letters outside ASCII and such characters in theirs."""


@pytest.fixture(scope="session", autouse=True)
def _homes_of_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where DVC's caches are for folders with braces in their paths: not at a person's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


def built_once(factory: pytest.TempPathFactory, name: str, study: str) -> Project:
    """A study that the first worker to need it builds by Snakemake; no test changes it."""

    def build(folder: Path) -> None:
        checkout(folder, study).run("snakemake", "--cores", "2")

    return Project(once(factory, name, build))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study, built by Snakemake directly."""
    return built_once(tmp_path_factory, f"built in {AWKWARD}", TINY)


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project."""
    folder = tmp_path / AWKWARD
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture
def agreed(built: Project, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Project:
    """A copy of the built project where DVC knows of the results, too."""

    def build(folder: Path) -> None:
        shutil.copytree(built.folder, folder, symlinks=True)
        Project(folder).run("scorebench", "agree")

    folder = tmp_path / AWKWARD
    shutil.copytree(once(tmp_path_factory, f"agreed in {AWKWARD}", build), folder, symlinks=True)
    return Project(folder)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study whose trainings last seconds, built in one go."""
    return built_once(tmp_path_factory, f"undisturbed in {AWKWARD}", LONG)


@pytest.fixture
def begun(undisturbed: Project, tmp_path: Path) -> Project:
    """The same with its data prepared, and nothing else of its results."""
    folder = tmp_path / AWKWARD
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    for name in ("results", "reports", ".snakemake", "logs"):
        shutil.rmtree(folder / name)
    return Project(folder)
