"""Addresses of artifacts, resolved to paths on this machine that never lead out of their run."""

import atexit
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential

from flow_steps.safety import store
from pricecast.errors import InputError

_LONGEST = 1000
RUN_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}")
_LOGGED_MODEL = re.compile(r"m-[0-9a-f]{32}")
# One part of a path, as in our file names and MLflow's model names. No percent sign: a server would decode it.
_PATH_PART = re.compile(r"\w[\w .@=+-]*")


# Error codes of a store for what it does not have; any other is a failure of the store itself.
MISSING = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND", "ENDPOINT_NOT_FOUND"}


@dataclass(frozen=True)
class _Location:
    """The location of an artifact in MLflow's terms, the path below it, and whether it is that of a model."""

    root: str
    inner: tuple[str, ...] = ()
    is_model: bool = False


def resolve(uri: str) -> tuple[Path, bool]:
    """Return an artifact's path on this machine, and whether it is a model.

    Raises:
        InputError: the address leads out of its run, or to nothing.
    """
    owner, inner = parse(uri)
    try:
        location = _locate(uri, owner, inner)
        # A local store needs no copy.
        if is_local_uri(location.root):
            return _inside(Path(local_file_uri_to_path(location.root)), location.inner, uri), location.is_model
        return _copy("/".join([location.root, *location.inner])), location.is_model
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        raise InputError(f"expected an artifact at {uri}, got: {store.first_line(error)}") from error


def parse(uri: str) -> tuple[str, tuple[str, ...]]:
    """Return the run or model of an address, and the parts of the path below it.

    They are checked here, because MLflow would follow a path out of the run.

    Raises:
        InputError: the address is longer than any of ours, or has characters that none of ours has.
    """
    kind, _, rest = uri.partition(":/")
    owner, _, inner = rest.partition("/")
    parts = tuple(inner.removesuffix("/").split("/")) if inner else ()
    is_owner = (RUN_ID if kind == "runs" else _PATH_PART).fullmatch(owner)
    if len(uri) > _LONGEST or not is_owner or not all(_PATH_PART.fullmatch(part) for part in parts):
        raise InputError(
            f"expected an artifact inside a run or a model, got {uri[:80]!r}: '..' is not allowed, nor is anything "
            "but letters, digits, spaces and . _ - @ = + between single slashes"
        )
    return owner, parts


def _locate(uri: str, owner: str, inner: tuple[str, ...]) -> _Location:
    """Return the location of an artifact of a run, or of a model by id, by name in a run, or by registered name."""
    client = MlflowClient()
    if uri.startswith("runs:/"):
        run = client.get_run(owner)
        # A model's address is right below that of its run.
        for output in run.outputs.model_outputs if run.outputs and len(inner) == 1 else []:
            model = client.get_logged_model(output.model_id)
            if (model.name,) == inner:
                return _Location(model.artifact_location, is_model=True)
        return _Location(run.info.artifact_uri, inner)
    if _LOGGED_MODEL.fullmatch(owner):
        if inner:
            raise InputError(f"expected a model as models:/<id>, got {uri[:80]!r}: leave out what follows the id")
        return _Location(client.get_logged_model(owner).artifact_location, is_model=True)
    registered = ModelsArtifactRepository.get_underlying_uri(uri.removesuffix("/"))
    if registered.startswith("models:/"):
        return _locate(registered, *parse(registered))
    return _Location(registered, is_model=True)


def _is_interrupted(error: BaseException) -> bool:
    """Return whether a server went away during its answer, which MLflow does not request again."""
    return isinstance(error, MlflowException) and error.error_code not in MISSING


@cache
@retry(retry=retry_if_exception(_is_interrupted), stop=stop_after_attempt(3), wait=wait_exponential(), reraise=True)
def _copy(source: str) -> Path:
    """Download an artifact of a finished run from a remote store, once per process."""
    return Path(mlflow.artifacts.download_artifacts(source, dst_path=_temporary_folder()))


def _temporary_folder() -> str:
    """Return a folder for downloads that is removed when the process ends."""
    folder = tempfile.mkdtemp(prefix="pricecast-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _inside(root: Path, inner: tuple[str, ...], uri: str) -> Path:
    """Return a path below a local root, none of whose parts is a link, which could lead anywhere."""
    path = root.joinpath(*inner)
    linked = any(root.joinpath(*inner[:depth]).is_symlink() for depth in range(1, len(inner) + 1))
    if linked or not (path.is_file() or path.is_dir()):
        got = "a link or a pipe" if linked or path.exists() else "none"
        raise InputError(f"expected an artifact at {uri}, got {got}: run the step that writes it again")
    return path
