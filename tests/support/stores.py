"""Stores in folders: their address, a process or a command that works in one, and one with a finished pipeline."""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.safety import store
from main import main as pipeline
from pricecast.errors import InputError

# What the commands see: the interpreter's own programs first, activated or not.
SEARCH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
SMALL = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive,lstm", "--epochs", "1",
    "--lstm-units", "4", "--lookback", "10",
)  # fmt: skip


def store_of(home: Path) -> str:
    """The address of a folder's store."""
    return f"sqlite:///{home}/mlflow.db"


def environment(home: Path, **more: str) -> dict[str, str]:
    """Programs of this interpreter first, a store in `home`, and nothing of an MLflow run around this one."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_") and name != "PYTHONPATH"
    }
    return {**inherited, "PATH": SEARCH, "MLFLOW_TRACKING_URI": store_of(home), "OMP_NUM_THREADS": "1", **more}


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """This process in a folder with a store of its own, and as it was before afterwards."""
    terminate, before = signal.getsignal(signal.SIGTERM), os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = store_of(folder)
    try:
        with chdir(folder):
            yield
    finally:
        signal.signal(signal.SIGTERM, terminate)
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before


@contextmanager
def finished(folder: Path) -> Iterator[MlflowClient]:
    """Inside a store that holds one finished run of the whole pipeline; made on the first call."""
    with inside(folder):
        if not Path("mlflow.db").exists():
            made = CliRunner().invoke(pipeline, list(SMALL))
            assert made.exit_code == 0, made.output
        yield MlflowClient()


def fresh_store(empty: bytes, home: Path) -> None:
    """Writes the database of a store that has no runs yet; to make one takes a second."""
    (home / "mlflow.db").write_bytes(empty)
    with sqlite3.connect(home / "mlflow.db") as connection:
        connection.execute("UPDATE experiments SET artifact_location = ?", (f"{home}/mlruns/0",))
    connection.close()


@cache
def empty_database() -> bytes:
    """The database of a store that has no runs yet, made once for a process."""
    with TemporaryDirectory() as folder, inside(Path(folder)):
        store.ensure()
        return Path("mlflow.db").read_bytes()


def refused(door: Callable[[], object]) -> bool:
    """True if a door is closed with one short line."""
    try:
        door()
    except InputError as error:
        return "\n" not in str(error) and len(str(error)) < 2000
    return False
