"""Where MLflow's store is: reached by one writer at a time, and its faults said in one line."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def connect(uri: str) -> MlflowClient:
    """A client that needs no network of its own and says nothing unless something is wrong.

    The address becomes the process's, too: a store that registers a model asks a client of its own, whose address would
    be MLflow's default one, in which it writes the folder percent-encoded.
    """
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"):
        os.environ.setdefault(name, "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # MLflow's 7 take minutes to say "refused"
    if _scheme(uri) in DATABASES:
        if "'" in str(Path.cwd()):  # MLflow writes this path into SQL as it is: give it percent-encoded
            os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", (Path.cwd() / "mlruns").as_uri())
        _open_once(uri)
    if sqlite_file(uri) is not None:
        _wait_for_the_disk_once()
    import mlflow

    told = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    if told is None:  # whether a person said where MLflow is decides more than where it is
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # set by the first call with this address alone
    for name, level in (("mlflow", "WARNING"), ("alembic", "WARNING"), ("urllib3", "ERROR")):
        logging.getLogger(name).setLevel(level)
    return mlflow.MlflowClient(uri)


def _open_once(uri: str) -> None:
    """Find out at once whether a database can be opened: MLflow would try for two minutes."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        sqlalchemy.inspect(engine).get_table_names()
    finally:
        engine.dispose()


@functools.cache
def _wait_for_the_disk_once() -> None:
    """Tell SQLite not to wait for the disk at each of a dozen transactions per run: they take most of the time.

    `durable` waits once, at the end of a pass. A pass that is killed loses nothing by it; a machine that loses its
    power in the middle of one can damage the database, which `scorebench track` then makes anew from the results.
    """
    import sqlalchemy

    @sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
    def relax(connection: Any, _: Any) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous = OFF")


def durable(uri: str) -> None:
    """Wait until an SQLite store is on the disk."""
    file = sqlite_file(uri)
    if file is not None and file.is_file():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def _scheme(uri: str) -> str:
    return re.split(r"[:+]", uri, maxsplit=1)[0]


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for every other store."""
    _, _, path = uri.partition(":///")
    return Path(path.partition("?")[0]) if _scheme(uri) == "sqlite" and path else None


@contextlib.contextmanager
def only_writer(uri: str) -> Iterator[None]:
    """One writer at a time: two would log the same run twice, or crash while both make a new SQLite file."""
    file = sqlite_file(uri) or Path("mlflow.db")
    with file.with_name(f"{file.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another `scorebench track` is writing; waiting for it to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def faults(uri: str, *others: type[Exception]) -> Iterator[None]:
    """Faults of the store or of the way to it, and the others named, as one line and exit status 2."""
    try:
        yield
    except Exception as error:
        origin = type(error).__module__.partition(".")[0]
        if origin not in ("mlflow", "sqlalchemy", "requests") and not isinstance(error, others):
            raise
        text = shown((str(error).strip() or type(error).__name__).splitlines()[0])
        hint = "MLFLOW_TRACKING_URI says where MLflow is; without it, mlflow.db in this folder is used"
        print(f"MLflow can't be used at {shown(uri)}: {text[:400]} ({hint})", file=sys.stderr)
        raise SystemExit(2) from None


def shown(text: str) -> str:
    """A text with URIs, without their passwords."""
    return re.sub(r"://[^/@\s]*@", "://***@", text)
