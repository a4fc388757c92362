"""Where DVC can't version results, that is said in a sentence, and nothing is moved."""

import subprocess
from pathlib import Path

import pytest

from project import TINY
from scorebench.running import agreement, versioning
from scorebench.study.plan import Study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """In a folder that is in no repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    Path("params.yaml").write_text(TINY)
    return Study("params.yaml")


def test_what_is_missing_is_named(study: Study) -> None:
    assert "there is no .dvc" in str(versioning.hindrance(study))
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    autostage = false\n['remote \"storage\"']\n    url = /a%b\n")
    assert "in no git repository" in str(versioning.hindrance(study))
    Path(".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    assert versioning.hindrance(study) is None
    Path(".dvc/config.local").unlink()
    subprocess.run(["git", "init", "-q"], check=True)
    assert versioning.hindrance(study) is None


def test_results_on_another_disk_stay_where_they_are(
    study: Study, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through a link, behind which DVC versions nothing."""
    disk = tmp_path_factory.mktemp("disk")
    Path("results").symlink_to(disk)
    left = Path("results/default/scores/ring8/dsm/log_uniform/0123456789ab")
    left.mkdir(parents=True)
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    subprocess.run(["git", "init", "-q"], check=True)
    assert agreement.agree(study) == agreement.NOT_VERSIONED
    assert f"not versioned: results is a link to {disk}" in capsys.readouterr().err
    assert left.is_dir()
    assert not Path("plan").exists()
