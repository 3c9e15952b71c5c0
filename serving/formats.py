"""The formats of a bundle that this version reads: its files, its model.py and the content of MLmodel.

`pricecast.forecasting.formats` has the numbers and the keys of forecaster.json; docs/compatibility.md says what a
new format needs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pricecast.files import MANIFEST
from pricecast.forecasting.formats import FORMAT, check_number
from pricecast.schema import FORECASTER_FILE

BUNDLE_FILE = "MLmodel"
CODE_FILE = "model.py"
FORECASTER = "artifacts/forecaster"
MEGABYTE = 2**20
# MLflow leaves these in a local store when it loads a model out of it: not sealed, and never read here.
LEFTOVERS = r"registered_model_meta|(code/pricecast/(\w+/)*)?__pycache__/[\w.-]+\.pyc"
# The keys of MLmodel's metadata, from format 2 on.
_FORMAT, _VERSION = "pricecast_format", "pricecast_version"
_SOME_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){1,3}(\.?[a-z]{1,4}\d{0,4})?", re.ASCII)


@dataclass(frozen=True)
class Format:
    """Content of a bundle of one format.

    Attributes:
        code: SHA-256 of each model.py that the train step wrote in this format.
        files: patterns of the bundle's files without its forecaster, with the most bytes that a file may have.
        forecaster_files: the same for the folder of the forecaster.
        flavor: content of python_function in MLmodel, without the versions of libraries.
        example: content of the input example's entry.
        settings: its other keys but for the signature; None stands for any text or number, or nothing.
    """

    code: frozenset[str]
    files: Mapping[str, int]
    forecaster_files: Mapping[str, int]
    flavor: Mapping[str, Any]
    example: Mapping[str, Any]
    settings: Mapping[str, Any]

    def bundle_files(self) -> dict[str, int]:
        """Return the patterns of all files of a bundle."""
        inner = {rf"{FORECASTER}/({pattern})": most for pattern, most in self.forecaster_files.items()}
        return {**self.files, **inner, LEFTOVERS: MEGABYTE}


_FIRST = Format(
    code=frozenset({"70cb6a591fc23dc7ecf56eb8f0c93ddc33a3b66ed39a3befba3cac89138fdc0a"}),
    files={
        rf"{BUNDLE_FILE}|conda\.yaml|python_env\.yaml|requirements\.txt|{re.escape(CODE_FILE)}": MEGABYTE,
        re.escape(MANIFEST): MEGABYTE,
        r"(serving_)?input_example\.json": 64 * MEGABYTE,
        r"code/pricecast(/\w+)*/\w+(\.py|\.html\.jinja)": MEGABYTE,
    },
    forecaster_files={
        re.escape(FORECASTER_FILE): 16 * MEGABYTE,
        re.escape(MANIFEST): MEGABYTE,
        r"scaler_[Xy]\.skops": 16 * MEGABYTE,
        # A folder for each member of an ensemble, or for each ticker where it has a model of its own.
        r"model/(\d+/){0,2}\w+\.json": 64 * MEGABYTE,
        r"model/(\d+/){0,2}\w+\.safetensors": 512 * MEGABYTE,
    },
    flavor={
        "artifacts": {"forecaster": {"path": FORECASTER, "uri": FORECASTER}},
        "code": "code",
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": CODE_FILE,
        "streamable": False,
    },
    example={
        "artifact_path": "input_example.json", "pandas_orient": "split",
        "serving_input_path": "serving_input_example.json", "type": "dataframe",
    },
    settings={
        "artifact_path": None, "is_signature_from_type_hint": False, "mlflow_version": None, "model_id": None,
        "model_size_bytes": None, "model_uuid": None, "run_id": None, "type_hint_from_example": False,
        "utc_time_created": None,
    },
)  # fmt: skip
_SECOND = replace(
    _FIRST,
    code=frozenset({"1c0f88c8c4f815c63842bc4e65d224891905a52dfa85c8f05bb7889e5d255412"}),
    # `is_metadata` looks at its keys and values.
    settings={**_FIRST.settings, "metadata": None},
)
FORMATS: dict[int, Format] = {1: _FIRST, 2: _SECOND, 3: _SECOND, 4: _SECOND}
NEWEST = FORMATS[FORMAT]


def metadata(version: str) -> dict[str, Any]:
    """Return the metadata in MLmodel of a bundle that is written now: the newest format, and the version."""
    return {_FORMAT: FORMAT, _VERSION: version}


def is_metadata(value: Any) -> bool:
    """Tell whether a value has the form that `metadata` returns, here or in another version."""
    return isinstance(value, dict) and set(value) == {_FORMAT, _VERSION} and _version(value) is not None


def stated(about: Any, path: Path) -> int:
    """Return the number of the format that the content of an MLmodel states; format 1 stated none.

    Raises:
        InputError: the number is that of a later format, or of none.
    """
    if not isinstance(about, dict) or "metadata" not in about:
        return 1
    value = about["metadata"] if isinstance(about["metadata"], dict) else {}
    version = _version(value)
    writer = "a newer pricecast" if version is None else f"pricecast {version} or later"
    return check_number(value.get(_FORMAT), path, writer)


def _version(value: Mapping[str, Any]) -> str | None:
    version = value.get(_VERSION)
    return version if isinstance(version, str) and _SOME_VERSION.fullmatch(version) else None
