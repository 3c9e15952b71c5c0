"""The tracking store: its atomic creation, a check that it is complete, and limits on waiting for a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy
from alembic.util import CommandError
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as declared
from mlflow.tracking import get_tracking_uri
from sqlalchemy.exc import SQLAlchemyError

from pricecast.errors import InputError

FAILURES = (MlflowException, SQLAlchemyError, CommandError)  # errors of a store that is down or broken
_SQLITE = "sqlite:///"
# A server that restarts within half a minute is waited for; by default MLflow would wait for over four.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines a run; our summary says it once
}
_LONGEST_CREATION = 60.0  # seconds; it takes one or two
_SINGLE_TRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


def ensure() -> None:
    """Create a SQLite store that does not exist yet, and check that the store in use answers.

    MLflow itself breaks a store that two processes create at once. Here one process builds it in a temporary file
    under a lock and renames it.

    Raises:
        InputError: the store cannot be opened, or does not answer within seconds.
    """
    uri = get_tracking_uri()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        if uri.startswith(_SQLITE):
            path = Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0]))
            path.parent.mkdir(parents=True, exist_ok=True)
            if _is_missing(path):
                with FileLock(f"{path}.lock", timeout=_LONGEST_CREATION):
                    if _is_missing(path):
                        _create(path)
        if "://" in uri and not uri.startswith(("http", "databricks", "file:")):
            _check_tables(uri)
        with without_retries():
            MlflowClient().search_experiments(max_results=1)
    except (*FAILURES, OSError, ImportError) as error:
        mend = "Move that file away" if uri.startswith(_SQLITE) else "Start its server"
        raise InputError(
            f"expected a tracking store at {uri}, got: {first_line(error)}. {mend}, or set MLFLOW_TRACKING_URI to "
            "another store"
        ) from error


@contextmanager
def without_retries() -> Iterator[None]:
    """Let requests of this process to a tracking server be tried once only, for seconds."""
    before = {name: os.environ.get(name) for name in _SINGLE_TRY}
    os.environ.update(_SINGLE_TRY)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def first_line(error: BaseException) -> str:
    """Return the first line of an error that is not empty; of a failed request, its cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rpartition("(Caused by ")[2][:300] if lines else type(error).__name__


def _is_missing(path: Path) -> bool:
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def _check_tables(uri: str) -> None:
    """Refuse a file that is no database, or half a store: MLflow would retry for minutes, and may alter it."""
    # Nor is a database on the network waited for.
    arguments = {"connect_timeout": 5} if uri.startswith(("postgresql", "mysql")) else {}
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args=arguments)
    tables = set(sqlalchemy.inspect(engine).get_table_names())
    missing = sorted(declared.Base.metadata.tables.keys() - tables)
    if tables and missing:
        raise OSError(
            f"half a store, without the tables {', '.join(missing[:3])} and {len(missing)} in all (if an older "
            "MLflow wrote it, `mlflow db upgrade` mends it)"
        )


def _create(path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    # An earlier process of this number may have been killed here.
    part.unlink(missing_ok=True)
    try:
        MlflowClient(tracking_uri=f"{_SQLITE}{part}").search_experiments()
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
