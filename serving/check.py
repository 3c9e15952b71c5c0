"""What a bundle must look like before a library parses it or a step loads it.

A manifest tells damage, not malice: whoever can write a bundle can seal it, too. So everything here is a list of
what is allowed, and nothing of a bundle can say what is to be imported or run. `serving.load` goes no further
than the data: the forecaster is read by the installed `pricecast`. The code that a bundle carries (`model.py` and
`code/`, for `mlflow models serve`) is never executed by this project.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pricecast.errors import InputError
from pricecast.schema import FORECASTER_FILE, FORECASTER_KEYS
from pricecast.storage import MANIFEST, compare, digest_file, digests, read_json, read_manifest, verify

BUNDLE_FILE = "MLmodel"
_FORECASTER = "artifacts/forecaster"
_CODE = Path(__file__).with_name("model.py")
_MEGABYTE = 2**20
# A thousand tickers with a model of several files each fit in.
_MAX_ENTRIES, _MAX_DEPTH = 10_000, 20
# Values in a JSON file, and so commas, colons and brackets: each may take a hundred bytes of memory.
_MAX_VALUES = 8_000_000
# The files of a forecaster folder, with the most bytes each may have.
_FORECASTER_FILES = {
    re.escape(FORECASTER_FILE): 16 * _MEGABYTE,
    re.escape(MANIFEST): _MEGABYTE,
    r"scaler_[Xy]\.skops": 16 * _MEGABYTE,
    # A folder for each member of an ensemble, or for each ticker where it has a model of its own.
    r"model/(\d+/){0,2}\w+\.json": 64 * _MEGABYTE,
    r"model/(\d+/){0,2}\w+\.safetensors": 512 * _MEGABYTE,
}
# MLflow leaves these in a local store when it loads a model out of it: not sealed, and never read here.
_LEFTOVERS = r"registered_model_meta|(code/pricecast/(\w+/)*)?__pycache__/[\w.-]+\.pyc"
_BUNDLE_FILES = {
    rf"{BUNDLE_FILE}|conda\.yaml|python_env\.yaml|requirements\.txt|model\.py": _MEGABYTE,
    re.escape(MANIFEST): _MEGABYTE,
    r"(serving_)?input_example\.json": 64 * _MEGABYTE,
    r"code/pricecast(/\w+)*/\w+(\.py|\.html\.jinja)": _MEGABYTE,
    **{rf"{_FORECASTER}/({pattern})": most for pattern, most in _FORECASTER_FILES.items()},
    _LEFTOVERS: _MEGABYTE,
}
_FLAVOR = {
    "artifacts": {"forecaster": {"path": _FORECASTER, "uri": _FORECASTER}},
    "code": "code",
    "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    "loader_module": "mlflow.pyfunc.loaders.code_model",
    "model_code_path": _CODE.name,
    "streamable": False,
}
_EXAMPLE = {
    "artifact_path": "input_example.json", "pandas_orient": "split",
    "serving_input_path": "serving_input_example.json", "type": "dataframe",
}  # fmt: skip
# What MLflow writes about a model; None stands for any text or number, or nothing.
_ABOUT = {
    "artifact_path": None, "is_signature_from_type_hint": False, "mlflow_version": None, "model_id": None,
    "model_size_bytes": None, "model_uuid": None, "run_id": None, "type_hint_from_example": False,
    "utc_time_created": None,
}  # fmt: skip
_PARTS = {"inputs", "outputs", "params"}


def check(folder: Path) -> None:
    """Refuses a bundle, or a forecaster folder, that holds anything but what the train step writes.

    Raises:
        InputError: a file is damaged, missing, too big or of a kind that does not belong there, or a setting asks
            for anything but our own model; the message says which.
    """
    if not folder.is_dir():
        raise odd(folder, "no folder")
    is_bundle = (folder / BUNDLE_FILE).exists()
    _check_files(folder, _BUNDLE_FILES if is_bundle else _FORECASTER_FILES)
    if is_bundle:
        found = {name: value for name, value in digests(folder).items() if not re.fullmatch(_LEFTOVERS, name)}
        compare(folder, read_manifest(folder), found)
        _check_about(folder / BUNDLE_FILE, _plain_yaml(folder / BUNDLE_FILE))
        for name in ("conda.yaml", "python_env.yaml"):
            _plain_yaml(folder / name)
        if digest_file(folder / _CODE.name) != digest_file(_CODE):
            raise odd(folder / _CODE.name, "another model.py than this version has")
    _check_forecaster(forecaster_folder(folder))


def belongs(name: str) -> bool:
    """Whether a bundle may have a file of this name."""
    return any(re.fullmatch(pattern, name) for pattern in _BUNDLE_FILES)


def forecaster_folder(folder: Path) -> Path:
    """The forecaster inside a bundle, or the folder itself."""
    return folder / _FORECASTER if (folder / BUNDLE_FILE).exists() else folder


def model_id(folder: Path) -> str | None:
    """The id of the logged model that a bundle is, None for a forecaster folder."""
    if not (folder / BUNDLE_FILE).exists():
        return None
    check(folder)
    return _plain_yaml(folder / BUNDLE_FILE)["model_id"]


def _check_files(folder: Path, allowed: dict[str, int]) -> None:
    """Looks at names, kinds and sizes alone, before a byte is read."""
    for count, (name, entry) in enumerate(_entries(folder), start=1):
        if count > _MAX_ENTRIES or name.count("/") > _MAX_DEPTH:
            raise odd(folder, f"more than {_MAX_ENTRIES} files or {_MAX_DEPTH} levels")
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise odd(folder, f"{name!r}, which is no plain file")
        if entry.is_dir():
            continue
        limits = [most for pattern, most in allowed.items() if re.fullmatch(pattern, name)]
        if not limits:
            raise odd(folder, f"{name!r}, which does not belong there")
        if entry.stat().st_size > limits[0]:
            raise odd(folder, f"{name!r} of more than {limits[0] // _MEGABYTE} MB")


def _entries(folder: Path, above: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = above + entry.name
            yield name, entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), f"{name}/")


def _check_about(path: Path, about: Any) -> None:
    """Holds MLmodel against what the train step writes there."""
    rest = dict(about) if isinstance(about, dict) else {}
    flavors, signature = rest.pop("flavors", None), rest.pop("signature", None)
    example, prompts = rest.pop("saved_input_example_info", _EXAMPLE), rest.pop("prompts", None)
    if not isinstance(flavors, dict) or list(flavors) != ["python_function"]:
        raise odd(path, "other flavors than python_function alone")
    flavor = flavors["python_function"]
    known = isinstance(flavor, dict) and {**flavor, "cloudpickle_version": "", "python_version": ""}
    if known != {**_FLAVOR, "cloudpickle_version": "", "python_version": ""}:
        raise odd(path, "another loader, code path, file or setting of python_function than ours")
    if example != _EXAMPLE or prompts is not None or not isinstance(signature, dict) or set(signature) != _PARTS:
        raise odd(path, "another example, signature or prompt than ours")
    for key, value in rest.items():
        if key not in _ABOUT or (_ABOUT[key] is not None and value != _ABOUT[key]):
            raise odd(path, f"the setting {key!r}")
    if not re.fullmatch(r"m-\w+", str(rest.get("model_id"))):
        raise odd(path, "no model id")


def _check_forecaster(folder: Path) -> None:
    verify(folder)
    about = read_json(folder / FORECASTER_FILE)
    if not isinstance(about, dict) or set(about) != set(FORECASTER_KEYS) or not isinstance(about["params"], dict):
        raise odd(folder / FORECASTER_FILE, "other fields")
    if not re.fullmatch(r"\w+", str(about["name"])):
        raise odd(folder / FORECASTER_FILE, "no name of a model")
    for path in (folder / "model").rglob("*.json"):
        data = path.read_bytes()
        if sum(map(data.count, b",:[{")) > _MAX_VALUES:
            raise odd(path, f"more than {_MAX_VALUES:,} values")
        read_json(path)


def _plain_yaml(path: Path) -> Any:
    """Reads YAML without tags, anchors or depth: none of ours has any, and each is a way to do harm."""
    depth = 0
    try:
        text = path.read_bytes().decode("utf-8")
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if getattr(event, "anchor", None) or getattr(event, "tag", None) or depth > _MAX_DEPTH:
                raise yaml.YAMLError("tags, anchors or too many levels")
        return yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise odd(path, str(error)) from error


def odd(path: Path, what: str) -> InputError:
    """The refusal of a file or folder, in one line."""
    shown = " ".join(what.split())[:200]
    return InputError(f"expected a model as the train step writes it at {path}, got {shown}: train it again")
