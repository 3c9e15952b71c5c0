"""Reading artifacts: resolved from addresses, verified against the digests recorded when they were written."""

import json
from pathlib import Path
from typing import Any

from flow_steps.runs import addresses
from pricecast.errors import InputError
from pricecast.files import (  # fmt: skip
    MANIFEST,
    compare,
    digest_file,
    digest_text,
    digests,
    read_json,
    read_manifest,
    verify,
)
from pricecast.schema import FORECASTER_FILE
from serving import check
from serving.formats import BUNDLE_FILE

_SCHEMES = ("runs:/", "models:/")
_DIGEST_LENGTH = 16


def fetch(uri: str) -> Path:
    """Resolve `runs:/<id>/<path>`, `models:/...` or a local path.

    An artifact of a run is verified against the run's manifest, a logged model by `serving.check`; a local path is
    taken as it is.

    Raises:
        InputError: there is no such artifact, or it is not the one that was written.
    """
    return _resolve(uri)[0]


def _resolve(uri: str) -> tuple[Path, bool]:
    """Return the path of an artifact, and whether it passed the check of a model."""
    if not uri.startswith(_SCHEMES):
        return _local(uri), False
    path, is_model = addresses.resolve(uri)
    if is_model:
        check.check(path)
    else:
        _verify(uri, path)
    return path, is_model


def digest(uri: str) -> str:
    """Return the digest of an artifact's content: equal for equal content, whichever run holds it."""
    path, checked = _resolve(uri)
    if (path / BUNDLE_FILE).exists():
        path = _forecaster_folder(uri, path, checked)
    return digest_file(path) if path.is_file() else digest_text(json.dumps(digests(path)))


def quality_of(prices_uri: str) -> dict[str, Any]:
    """Return the quality report of a run's prices, empty for a table from elsewhere."""
    folder, _, _ = prices_uri.rpartition("/")
    return read_json(fetch(f"{folder}/quality.json")) if prices_uri.startswith("runs:/") else {}


def short_digest(content_digest: str) -> str:
    """Return a digest in the length that MLflow's datasets allow."""
    return content_digest[:_DIGEST_LENGTH]


def bundle_folder(uri: str) -> Path:
    """Return the forecaster folder inside a logged model, or a local forecaster folder, checked.

    Raises:
        InputError: there is no forecaster at the URI, or one that may not be loaded.
    """
    return _forecaster_folder(uri, *_resolve(uri))


def _forecaster_folder(uri: str, path: Path, checked: bool) -> Path:
    folder = check.forecaster_folder(path)
    if not (folder / FORECASTER_FILE).is_file():
        raise InputError(f"expected a model that the train step logged, got {uri!r}: pass its models:/ URI")
    if not checked:
        check.check(path)
    return folder


def model_id(uri: str) -> str | None:
    """Return the id of the logged model behind a URI, None for a folder that was never logged."""
    return check.model_id(fetch(uri))


def _local(uri: str) -> Path:
    try:
        path = Path(uri)
        if uri and (path.is_file() or path.is_dir()):
            return path
    # A name that is too long, or that contains a NUL.
    except (OSError, ValueError):
        pass
    raise InputError(f"expected runs:/<id>/<path>, models:/... or a local path, got {uri[:80]!r}: no such file")


def _verify(uri: str, path: Path) -> None:
    run_id, inner = addresses.parse(uri)
    if not inner:
        verify(path)
        return
    manifest = read_manifest(addresses.resolve(f"runs:/{run_id}/{MANIFEST}")[0].parent)
    name = "/".join(inner)
    if path.is_file():
        if manifest.get(name) != digest_file(path):
            raise InputError(f"expected {uri} as it was written, but the file has changed: run its step again")
        return
    expected = {
        key.removeprefix(f"{name}/"): value for key, value in manifest.items() if key.startswith(f"{name}/")
    }
    actual = digests(path)
    if (path / MANIFEST).is_file():
        actual[MANIFEST] = digest_file(path / MANIFEST)
    compare(path, expected, actual)
