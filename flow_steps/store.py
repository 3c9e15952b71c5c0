"""The tracking store: created whole by one process, and swept of runs whose process died."""

import json
import logging
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psutil
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import get_tracking_uri
from sqlalchemy.exc import SQLAlchemyError

from pricecast.errors import InputError

OWNER = "pricecast_owner"  # the process behind a run; no fact about its outcome, so not `pricecast.*`
_SQLITE = "sqlite:///"
_MAGIC = b"SQLite format 3\0"
_log = logging.getLogger(__name__)


def ensure() -> None:
    """Creates a SQLite store that is not there yet, so that no second process ever sees half of one.

    MLflow itself breaks a store that two processes create at once. Here one process builds it in a temporary file
    under a lock and renames it.

    Raises:
        InputError: the store cannot be opened.
    """
    uri = get_tracking_uri()
    try:
        if uri.startswith(_SQLITE):
            path = Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0]))
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):
                if not path.exists() or (path.is_file() and path.stat().st_size == 0):
                    _create(path)
            _check_header(path)
        MlflowClient().search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        line = str(error).splitlines()[0]
        raise InputError(
            f"expected a tracking store at {uri}, got: {line}. Set MLFLOW_TRACKING_URI, or move the file away"
        ) from error


def _check_header(path: Path) -> None:
    """MLflow tries for minutes to open what is no database."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise OSError("a file that is no SQLite database")


def _create(path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        MlflowClient(tracking_uri=f"{_SQLITE}{part}").search_experiments()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def owner() -> str:
    """This process, told apart from one of another boot that got the same number."""
    started = psutil.Process().create_time()
    return json.dumps({"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(), "started": started})


def reap(experiment_id: str) -> list[str]:
    """Ends runs that stand as RUNNING though their process on this host is gone; returns their ids."""
    client = MlflowClient()
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000)
    stale = [run.info.run_id for run in running if _is_dead(run)]
    for run_id in stale:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
        _log.warning("run %s was left RUNNING by a process that is gone: now KILLED", run_id)
    return stale


def _is_dead(run: Run) -> bool:
    about = _owner_of(run)
    if about is None or about["host"] != socket.gethostname():
        return False
    if about["boot"] != _boot() or not psutil.pid_exists(about["pid"]):
        return True
    try:
        return abs(psutil.Process(about["pid"]).create_time() - about["started"]) > 1
    except psutil.NoSuchProcess:
        return True


def _owner_of(run: Run) -> dict[str, Any] | None:
    """What `owner` wrote; None for a run of another program."""
    try:
        about = json.loads(run.data.tags.get(OWNER, "null"))
    except ValueError:
        return None
    return about if isinstance(about, dict) and {"host", "boot", "pid", "started"} <= about.keys() else None


def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else str(int(psutil.boot_time()))
