"""The tracking store: its atomic creation, a check that it is complete, and limits on waiting for a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from alembic.util import CommandError
from filelock import FileLock
from mlflow import MlflowClient, environment_variables
from mlflow.exceptions import MlflowException
from mlflow.tracking import get_tracking_uri
from sqlalchemy.exc import SQLAlchemyError

from flow_steps.safety import databases, remedies, schema
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
    _check_settings()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    uri = get_tracking_uri()
    try:
        with without_retries(), _without_stray_folders(uri):
            if "://" in uri and not uri.startswith(("http", "databricks", "file:")):
                _ensure_database(uri)
            MlflowClient().search_experiments(max_results=1)
            if uri.startswith("http"):
                schema.check_server(uri)
    except InputError:
        raise
    except (*FAILURES, OSError, ImportError) as error:
        mend = remedies.remedy(error) or _mend(uri)
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


def _check_settings() -> None:
    """Refuse an environment variable of MLflow's whose value MLflow cannot read, as it would in mid-run."""
    for name in os.environ:
        variable = getattr(environment_variables, name, None)
        try:
            if isinstance(variable, environment_variables._EnvironmentVariable):
                variable.get()
        except ValueError as error:
            raise InputError(
                f"expected a value of {name} that MLflow can read, got: {first_line(error)}. Correct or unset it"
            ) from error


def _is_missing(path: Path) -> bool:
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def _mend(uri: str) -> str:
    """Return what to do about a store that is down or damaged."""
    if databases.file_of(uri):
        return "Move that file away"
    return "Start its server" if "://" in uri else "Check the address"


@contextmanager
def _without_stray_folders(uri: str) -> Iterator[None]:
    """Remove the folders that MLflow makes for a SQLite address as it is spelled, quoted, beside the real ones."""
    spelled = Path(uri.removeprefix(_SQLITE)).parent
    made = [folder for folder in (spelled, *spelled.parents) if uri.startswith(_SQLITE) and not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # the real ones are not empty
                folder.rmdir()


def _ensure_database(uri: str) -> None:
    databases.check_writable(uri)
    path = databases.file_of(uri)
    if path and _is_missing(path):
        with FileLock(f"{path}.lock", timeout=_LONGEST_CREATION):
            if _is_missing(path):
                _create(path)
    if not databases.is_in_memory(uri):
        schema.check_tables(uri)


def _create(path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    # An earlier process of this number may have been killed here.
    part.unlink(missing_ok=True)
    try:
        MlflowClient(tracking_uri=f"{_SQLITE}{quote(str(part))}").search_experiments()
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
