"""Where MLflow may keep runs: stores that can't be used, one writer at a time, what fits into them."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from scorebench.study.plan import Study
from scorebench.tracking import store
from scorebench.tracking.record import LONGEST, flat
from scorebench.tracking.store import only_writer, shown, sqlite_file
from scorebench.tracking.track import behind, track
from two_cells import STUDY

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("nonsense://somewhere", "nonsense"),
        ("sqlite:////no/such/folder/mlflow.db", "No such file or directory"),
        ("sqlite:///text.db", "file is not a database"),
        ("http://someone:secret@127.0.0.1:1", "refused"),
    ],
)
@pytest.mark.slow
def test_an_unusable_store_is_one_clear_line(
    uri: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(STUDY)
    Path("text.db").write_text("this is not a database, although its name says so" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(SystemExit) as stopped:
        track(Study("tiny.yaml"))
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert "MLFLOW_TRACKING_URI" in err
    assert "secret" not in err


def test_two_writers_take_turns(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    order, waits = [], threading.Event()

    def second() -> None:
        with only_writer(uri):
            order.append("second")

    def tell(*words: str, **where: Any) -> None:
        print(*words, **where)
        waits.set()

    monkeypatch.setattr(store, "print", tell, raising=False)
    waiting = threading.Thread(target=second)
    with (tmp_path / "mlflow.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting.start()
        assert waits.wait(60)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(60)
    assert order == ["first", "second"]
    assert "another `scorebench track` is writing" in capfd.readouterr().err


def test_params_are_flat_and_short() -> None:
    nested = {"training": {"steps": 30, "ema": 0.9}, "means": [[0.0, 1.0]] * 1000, "on": True, "none": None}
    given = dict(flat("", nested))
    assert given["training.steps"] == "30"
    assert given["training.ema"] == "0.9"
    assert (given["on"], given["none"]) == ("true", "null")
    assert len(given["means"]) == LONGEST


def test_addresses() -> None:
    assert sqlite_file("sqlite:///mlflow.db") == Path("mlflow.db")
    assert sqlite_file("sqlite:////tmp/a.db?timeout=5") == Path("/tmp/a.db")
    assert sqlite_file("sqlite://") is None
    assert sqlite_file("http://localhost:5000") is None
    assert shown("postgresql://me:secret@host/db") == "postgresql://***@host/db"
    assert shown("sqlite:///mlflow.db") == "sqlite:///mlflow.db"


def test_telling_mlflow_its_address_leaves_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By which `dvc repro` knows whether a person keeps MLflow elsewhere."""
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for _ in range(2):
        store.connect("http://127.0.0.1:1")
        assert mlflow.get_tracking_uri() == "http://127.0.0.1:1"
        assert "MLFLOW_TRACKING_URI" not in os.environ


@pytest.mark.slow
def test_a_copied_database_does_not_write_to_where_it_came_from(
    finished: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(finished / "mlflow.db", here / "copied.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/copied.db")
    with pytest.raises(SystemExit) as stopped:
        track(Study("tiny.yaml"))
    assert stopped.value.code == 2
    assert f"keeps its pictures in {finished}" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_lags_where_mlflow_is_not_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "other.yaml").write_text(STUDY)
    assert behind(Study("other.yaml")) is None, "another study is kept there"
    (here / "empty").mkdir()
    monkeypatch.chdir(here / "empty")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert behind(Study("../tiny.yaml")) is None
    assert not list((here / "empty").iterdir())
