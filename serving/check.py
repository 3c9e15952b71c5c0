"""Checks of a bundle before a library parses it or a step loads it.

A manifest tells damage, not malice: whoever can write a bundle can seal it, too. So everything here is a list of
what is allowed, and nothing in a bundle decides what is imported or run. `serving.load` reads data only, by the
installed `pricecast`. The code that a bundle carries (`model.py` and `code/`, for `mlflow models serve`) is never
executed by this project.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pricecast.files import compare, digest_file, digests, read_json, read_manifest, verify
from pricecast.forecasting import formats
from pricecast.schema import FORECASTER_FILE
from serving.formats import (
    BUNDLE_FILE,
    CODE_FILE,
    FORECASTER,
    FORMATS,
    LEFTOVERS,
    MEGABYTE,
    NEWEST,
    Format,
    is_metadata,
    stated,
)
from serving.untrusted import file_sizes, odd, read_yaml

# Values in a JSON file, and so commas, colons and brackets: each may take a hundred bytes of memory.
_MAX_VALUES = 8_000_000
_PARTS = {"inputs", "outputs", "params"}


def check(folder: Path) -> None:
    """Refuse a bundle, or a forecaster folder, with anything that the train step does not write in its format.

    Raises:
        InputError: a file is damaged, missing, too big or of a kind that does not belong there, a setting asks
            for anything but our own model, or the format is unknown; the message says which.
    """
    if not folder.is_dir():
        raise odd(folder, "no folder")
    sizes = file_sizes(folder)
    is_bundle = BUNDLE_FILE in sizes
    number = _number(folder, sizes)
    known = FORMATS[number]
    _check_names(folder, sizes, known.bundle_files() if is_bundle else known.forecaster_files)
    if is_bundle:
        _check_bundle(folder, known)
    _check_forecaster(forecaster_folder(folder), number)


def belongs(name: str) -> bool:
    """Tell whether a bundle of the newest format may have a file of this name."""
    return any(re.fullmatch(pattern, name) for pattern in NEWEST.bundle_files())


def forecaster_folder(folder: Path) -> Path:
    """Return the forecaster inside a bundle, or the folder itself."""
    return folder / FORECASTER if (folder / BUNDLE_FILE).exists() else folder


def model_id(folder: Path) -> str | None:
    """Return the id of the logged model that a bundle is, None for a forecaster folder."""
    if not (folder / BUNDLE_FILE).exists():
        return None
    check(folder)
    return read_yaml(folder / BUNDLE_FILE)["model_id"]


def _number(folder: Path, sizes: Mapping[str, int]) -> int:
    """Return the number of the format that a bundle's MLmodel, or else the forecaster, states.

    A later format may have other files, so this is read before the names of all files are checked.
    """
    name = BUNDLE_FILE if BUNDLE_FILE in sizes else FORECASTER_FILE
    limits = NEWEST.bundle_files() if name == BUNDLE_FILE else NEWEST.forecaster_files
    _check_names(folder, {name: sizes.get(name, 0)}, limits)
    if name == FORECASTER_FILE:
        return formats.number_of(read_json(folder / name))
    return stated(read_yaml(folder / name), folder / name)


def _check_names(folder: Path, sizes: Mapping[str, int], allowed: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        limits = [most for pattern, most in allowed.items() if re.fullmatch(pattern, name)]
        if not limits:
            raise odd(folder, f"{name!r}, which does not belong there")
        if size > limits[0]:
            raise odd(folder, f"{name!r} of more than {limits[0] // MEGABYTE} MB")


def _check_bundle(folder: Path, known: Format) -> None:
    """Compare the seal, MLmodel, the environments and model.py with what the train step writes."""
    written = {name: value for name, value in digests(folder).items() if not re.fullmatch(LEFTOVERS, name)}
    compare(folder, read_manifest(folder), written)
    _check_about(folder / BUNDLE_FILE, read_yaml(folder / BUNDLE_FILE), known)
    for name in ("conda.yaml", "python_env.yaml"):
        read_yaml(folder / name)
    if digest_file(folder / CODE_FILE) not in known.code:
        raise odd(folder / CODE_FILE, "another model.py than the train step writes")


def _check_about(path: Path, about: Any, known: Format) -> None:
    """Compare MLmodel with what the train step writes there."""
    rest = dict(about) if isinstance(about, dict) else {}
    flavors, signature = rest.pop("flavors", None), rest.pop("signature", None)
    example, prompts = rest.pop("saved_input_example_info", known.example), rest.pop("prompts", None)
    if not isinstance(flavors, dict) or list(flavors) != ["python_function"]:
        raise odd(path, "other flavors than python_function alone")
    versions = {"cloudpickle_version": "", "python_version": ""}
    flavor = flavors["python_function"]
    if not isinstance(flavor, dict) or {**flavor, **versions} != {**known.flavor, **versions}:
        raise odd(path, "another loader, code path, file or setting of python_function than ours")
    sound = isinstance(signature, dict) and set(signature) == _PARTS
    if example != known.example or prompts is not None or not sound:
        raise odd(path, "another example, signature or prompt than ours")
    for key, value in rest.items():
        if key not in known.settings or (known.settings[key] is not None and value != known.settings[key]):
            raise odd(path, f"the setting {key!r}")
    if "metadata" in rest and not is_metadata(rest["metadata"]):
        raise odd(path, "other metadata than ours")
    if not re.fullmatch(r"m-\w+", str(rest.get("model_id"))):
        raise odd(path, "no model id")


def _check_forecaster(folder: Path, number: int) -> None:
    verify(folder)
    about, path = read_json(folder / FORECASTER_FILE), folder / FORECASTER_FILE
    if (stated_number := formats.number_of(about)) != number:
        raise odd(path, f"format {stated_number} in a bundle of format {number}")
    if not isinstance(about, dict) or set(about) != set(formats.KEYS[number]):
        raise odd(path, "other fields")
    if not isinstance(about["params"], dict):
        raise odd(path, "parameters that are none")
    if not re.fullmatch(r"\w+", str(about["name"])):
        raise odd(path, "no name of a model")
    for file in (folder / "model").rglob("*.json"):
        data = file.read_bytes()
        if sum(map(data.count, b",:[{")) > _MAX_VALUES:
            raise odd(file, f"more than {_MAX_VALUES:,} values")
        read_json(file)
