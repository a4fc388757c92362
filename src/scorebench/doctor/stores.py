"""Where results go: DVC's remote and MLflow's store."""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench.doctor import Check, Diagnosis
from scorebench.tracking.store import DATABASES, connect, shown, sqlite_file

if TYPE_CHECKING:
    from scorebench.study.plan import Study

PATIENCE = 20
"""Seconds for a remote to answer."""


class Silent(RuntimeError):
    """Something that does not answer in time."""


def within(seconds: float, question: Callable[[], str]) -> str:
    """The answer to a question that may take for ever.

    Raises:
        Silent: it took too long; it is left behind.
    """
    answers: queue.Queue[str | Exception] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(question())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Silent(f"no answer within {seconds} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def dvc_remote(study: Study) -> Iterator[Diagnosis]:
    """Whether `dvc push` and `dvc pull` would find the remote."""
    if not Path(".dvc").is_dir():
        yield Diagnosis("DVC", "warn", "there is no .dvc here", "results are not versioned: run this in a clone")
        return
    try:
        yield Diagnosis("DVC remote", "pass", within(PATIENCE, _remote))
    except _NoRemote:
        advice = "dvc remote add -d NAME ADDRESS: a folder, or s3://bucket/path; without one results stay here"
        yield Diagnosis("DVC remote", "warn", "there is none", advice)
    except Exception as error:  # each kind of remote has its own faults
        said = str(error).partition("\n")[0] or type(error).__name__
        yield Diagnosis("DVC remote", "fail", said, "dvc remote list; dvc push and pull would fail")


class _NoRemote(Exception):
    """DVC knows no default remote."""


def _remote() -> str:
    from dvc.config import NoRemoteError
    from dvc.repo import Repo

    with Repo() as repo:
        try:
            store = repo.cloud.get_remote()
        except NoRemoteError:
            raise _NoRemote from None
        address = f"{store.fs.protocol}://{store.path}" if store.fs.protocol != "local" else store.path
        if store.fs.exists(store.path):
            store.fs.ls(store.path, detail=False)
            return str(address)
        parent = store.fs.parent(store.path)
        there = _first_there(Path(parent)) if store.fs.protocol == "local" else None
        if there is not None and not (there.is_dir() and os.access(there, os.W_OK)):
            raise PermissionError(f"{address} is not there, and can't be made")
        if there is None and parent:
            store.fs.ls(parent, detail=False)
        return f"{address}, empty until the first `dvc push`"


def _first_there(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def mlflow_store(study: Study) -> Iterator[Diagnosis]:
    """Whether `scorebench track` could write."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    try:
        yield Diagnosis("MLflow", "pass", f"{shown(uri)}: {within(PATIENCE, lambda: _store(uri))}")
    except Exception as error:  # of SQLite, of SQLAlchemy, of requests, of MLflow
        said = shown(str(error).strip().partition("\n")[0] or type(error).__name__)[:300]
        yield Diagnosis("MLflow", "fail", f"{shown(uri)}: {said}", "MLFLOW_TRACKING_URI says where MLflow is")


def _store(uri: str) -> str:
    """How a store can be written; nothing is left in it."""
    if (file := sqlite_file(uri)) is not None:
        if not file.exists():
            if not os.access(_first_there(file.resolve().parent), os.W_OK):
                raise PermissionError(f"{file.parent} can't be written")
            return "is made by the first `scorebench track`"
        with sqlite3.connect(file, timeout=5) as database:  # takes the lock of a writer, and gives it back
            database.execute("BEGIN IMMEDIATE")
            database.execute("CREATE TABLE scorebench_doctor (written INTEGER)")
            database.rollback()
        return "can be written"
    if uri.partition(":")[0].partition("+")[0] in DATABASES:
        import sqlalchemy

        with sqlalchemy.create_engine(uri).connect() as open_connection:
            open_connection.execute(sqlalchemy.text("CREATE TEMPORARY TABLE scorebench_doctor (written INTEGER)"))
            open_connection.rollback()
        return "can be written"
    connect(uri).search_experiments(max_results=1)
    return "answers"


CHECKS: tuple[Check, ...] = (dvc_remote, mlflow_store)
