"""Artifacts in: resolved in one place, verified against the digests recorded when they were written."""

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from pricecast.errors import InputError
from pricecast.storage import MANIFEST, compare, digest_file, digest_text, digests, read_json, read_manifest, verify

BUNDLE_FOLDER = "artifacts/forecaster"
_DIGEST_LENGTH = 16


def fetch(uri: str) -> Path:
    """Resolves `runs:/<id>/<path>`, `models:/...` or a local path, and verifies what the run's manifest knows.

    Raises:
        InputError: there is no such artifact, or it is not the one that was written.
    """
    if not uri.startswith(("runs:/", "models:/")):
        path = Path(uri)
        if not uri or not path.exists():
            raise InputError(f"expected runs:/<id>/<path>, models:/... or a local path, got {uri!r}: no such file")
        return path
    path = _download(uri)
    if uri.startswith("runs:/") and not _is_model(path):
        _verify(uri, path)
    return path


def digest(uri: str) -> str:
    """The digest of an artifact's content: equal for equal content, whichever run holds it."""
    path = fetch(uri)
    if _is_model(path):
        path = path / BUNDLE_FOLDER
    return digest_file(path) if path.is_file() else digest_text(json.dumps(digests(path)))


def quality_of(prices_uri: str) -> dict[str, Any]:
    """The quality report that stands beside a run's prices, empty for a table from elsewhere."""
    folder, _, _ = prices_uri.rpartition("/")
    return read_json(fetch(f"{folder}/quality.json")) if prices_uri.startswith("runs:/") else {}


def short(content_digest: str) -> str:
    """A digest as MLflow's dataset entities take it."""
    return content_digest[:_DIGEST_LENGTH]


def bundle_folder(uri: str) -> Path:
    """The forecaster folder inside a logged model, or a local forecaster folder.

    Raises:
        InputError: there is no forecaster at the URI.
    """
    path = fetch(uri)
    folder = path / BUNDLE_FOLDER if _is_model(path) else path
    if not (folder / "forecaster.json").is_file():
        raise InputError(f"expected a model that the train step logged, got {uri!r}: pass its models:/ URI")
    return folder


def model_id(uri: str) -> str | None:
    """The id of the logged model behind a URI, None for a folder that was never logged."""
    model_file = fetch(uri) / "MLmodel"
    return mlflow.models.Model.load(str(model_file)).model_id if model_file.is_file() else None


def _download(uri: str) -> Path:
    if ".." in uri or "\\" in uri or "\0" in uri:
        raise InputError(f"expected an artifact inside a run, got {uri[:80]!r}: '..' is not allowed")
    try:
        source = _location(uri)
        # A local store needs no copy.
        if is_local_uri(source) and not source.startswith("models:/"):
            return _existing(Path(source), uri)
        return _copy(source)
    except (MlflowException, OSError) as error:
        raise InputError(f"expected an artifact at {uri}, got: {str(error).splitlines()[0]}") from error


def _location(uri: str) -> str:
    """Where an artifact of a run lies, or a model by id or by its name in a run; MLflow would copy a local one."""
    kind, _, rest = uri.partition(":/")
    owner, _, inner = rest.partition("/")
    if kind == "models":
        return _plain(MlflowClient().get_logged_model(owner).artifact_location) if owner[:2] == "m-" else uri
    run = MlflowClient().get_run(owner)
    for output in run.outputs.model_outputs if run.outputs else []:
        model = MlflowClient().get_logged_model(output.model_id)
        if model.name == inner:
            return _plain(model.artifact_location)
    return f"{_plain(run.info.artifact_uri)}/{inner}".rstrip("/")


def _plain(location: str) -> str:
    """A local location as a path."""
    return local_file_uri_to_path(location) if location.startswith("file:") else location


@cache
def _copy(source: str) -> Path:
    """Fetches a finished run's artifact from afar, once per process."""
    return Path(mlflow.artifacts.download_artifacts(source, dst_path=_scratch()))


def _scratch() -> str:
    """A folder for what comes from afar, gone when the process ends."""
    folder = tempfile.mkdtemp(prefix="pricecast-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _existing(path: Path, uri: str) -> Path:
    if not path.exists():
        raise InputError(f"expected an artifact at {uri}, got none: run the step that writes it again")
    return path


def _verify(uri: str, path: Path) -> None:
    run_id, _, inner = uri.removeprefix("runs:/").partition("/")
    manifest = read_manifest(_download(f"runs:/{run_id}/{MANIFEST}").parent)
    inner = inner.strip("/")
    if not inner:
        verify(path)
        return
    if path.is_file():
        if manifest.get(inner) != digest_file(path):
            raise InputError(f"expected {uri} as it was written, but the file has changed: run its step again")
        return
    below = f"{inner}/"
    expected = {name.removeprefix(below): value for name, value in manifest.items() if name.startswith(below)}
    found = digests(path)
    if (path / MANIFEST).is_file():
        found[MANIFEST] = digest_file(path / MANIFEST)
    compare(path, expected, found)


def _is_model(path: Path) -> bool:
    return (path / "MLmodel").is_file()
