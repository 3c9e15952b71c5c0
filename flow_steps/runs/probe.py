"""The probe of a place for artifacts: a small file is written and read there before any work."""

import queue
import tempfile
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import get_tracking_uri
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from flow_steps.runs.experiments import NAME
from flow_steps.safety import output, remedies, store
from pricecast.errors import InputError

_PATIENCE = 7.0  # seconds for a file of a few bytes, there and back


def check(location: str) -> None:
    """Refuse a place where a run could not leave its artifacts, or could not read them.

    Args:
        location: as MLflow names it: a path, a file URI or the address of a store.

    Raises:
        InputError: it cannot be written to or read, or a package for it is missing.
    """
    # Databricks lets nobody write beside its runs.
    if get_tracking_uri().startswith("databricks"):
        return
    try:
        if is_local_uri(location):
            _try_folder(location)
        else:
            _try_store(location)
    # The clients of stores raise errors of their own, and none may be installed.
    except Exception as error:
        mend = remedies.remedy(error) or "Check the address, and the credentials in the environment"
        raise InputError(
            f"expected a place for artifacts at {location}, got: {store.first_line(error)}. {mend}, or name an "
            f"experiment with another place in {NAME}"
        ) from error


def _try_folder(location: str) -> None:
    # MLflow escapes backslashes and control characters where it stores a path, and takes %20 in one for a space.
    if "://" not in location and ("\\" in location or unquote(location) != location):
        raise OSError("a path that MLflow misreads: it has a backslash, a line break or % before two digits")
    folder = Path(local_file_uri_to_path(location))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _try_store(location: str) -> None:
    """Write and read within a thread: the clients of some stores wait for minutes."""
    outcome: queue.Queue[Exception | None] = queue.Queue()

    def attempt() -> None:
        try:
            _there_and_back(location)
            outcome.put(None)
        except Exception as error:
            outcome.put(error)

    with store.without_retries(), output.no_native_errors():
        threading.Thread(target=attempt, daemon=True).start()
        try:
            error = outcome.get(timeout=_PATIENCE)
        except queue.Empty:
            error = TimeoutError(f"no answer within {_PATIENCE:.0f} seconds")
    if error:
        raise error


def _there_and_back(location: str) -> None:
    artifacts = get_artifact_repository(location)
    with tempfile.TemporaryDirectory(prefix="pricecast-") as folder:
        file = Path(folder) / f"pricecast-probe-{uuid.uuid4().hex}.txt"
        file.write_text("It shows that artifacts can be kept here, and may be deleted.\n", encoding="utf-8")
        artifacts.log_artifact(str(file))
        back = Path(folder) / "back"
        artifacts._download_file(file.name, str(back))
        if back.read_bytes() != file.read_bytes():
            raise OSError("another file than was written")
        # Some stores keep what they have.
        with suppress(Exception):
            artifacts.delete_artifacts(file.name)
