"""The two scalers of a dataset, kept as skops files whose bytes depend on their content alone."""

import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from pricecast.errors import InputError

SCALERS: dict[str, type[BaseEstimator]] = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
}
_TYPES = {
    *(f"{scaler.__module__}.{scaler.__name__}" for scaler in SCALERS.values()),
    *(f"builtins.{name}" for name in ("dict", "list", "tuple", "str")), "numpy.ndarray", "numpy.float64",
}  # fmt: skip
_MAX_BYTES = 16 * 2**20
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can hold


@dataclass(frozen=True)
class Scalers:
    """`X` maps the feature columns, `y` the targets of all horizons."""

    X: BaseEstimator
    y: BaseEstimator

    @classmethod
    def fit(cls, kind: str, X: np.ndarray, y: np.ndarray) -> "Scalers":
        """Fits a kind of scaler on training features (n, features) and targets (n, horizon)."""
        return cls(SCALERS[kind]().fit(X), SCALERS[kind]().fit(y))

    def save(self, folder: Path) -> None:
        """Writes scaler_X.skops and scaler_y.skops."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("X", "y"):
            (folder / f"scaler_{name}.skops").write_bytes(_canonical(skops.io.dumps(getattr(self, name))))

    @classmethod
    def load(cls, folder: Path) -> "Scalers":
        """Loads the two scalers; nothing but a scaler is constructed, whatever the files ask for.

        Raises:
            InputError: a file is missing, damaged, too big or holds anything else.
        """
        return cls(*(_read(folder / f"scaler_{name}.skops") for name in ("X", "y")))


def _read(path: Path) -> BaseEstimator:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        _check(data)
        scaler = skops.io.loads(data, trusted=[])
    # Zip, JSON, numpy and skops each have exceptions of their own for a file that somebody else wrote.
    except Exception as error:
        line = " ".join(str(error).split())[:200]
        raise InputError(f"expected a scaler at {path}, got {type(error).__name__}: {line}") from error
    if type(scaler) not in SCALERS.values():
        raise InputError(f"expected a scaler at {path}, got a {type(scaler).__name__}")
    return scaler


def _check(data: bytes) -> None:
    """Refuses what unpacks to more than it is, and types that no scaler consists of, before skops looks at it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        # `save` does not compress.
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if packed or len(data) > _MAX_BYTES or sum(entry.file_size for entry in entries) > _MAX_BYTES:
            raise ValueError(f"a packed file or one of more than {_MAX_BYTES} bytes")
        strange = _types(json.loads(archive.read(_SCHEMA))) - _TYPES
    if strange:
        raise ValueError(f"the types {', '.join(sorted(strange))}")


def _types(node: Any) -> set[str]:
    """The names of all types that a skops schema asks for."""
    if isinstance(node, dict):
        named = {f"{node.get('__module__')}.{node['__class__']}"} if "__class__" in node else set()
        return named.union(*(_types(child) for child in node.values()))
    return set().union(*(_types(child) for child in node)) if isinstance(node, list) else set()


def _canonical(dumped: bytes) -> bytes:
    """Numbers the objects of a skops file in reading order: skops names them by memory address and time of day.

    Without this, equal scalers would have different digests and nothing behind them could be reused.
    """
    with zipfile.ZipFile(io.BytesIO(dumped)) as source:
        content = {name: source.read(name) for name in source.namelist()}
    schema = content.pop(_SCHEMA).decode("utf-8")
    order: dict[str, str] = {}
    pattern = re.compile(r'(?<="__id__": )\d+|(?<="file": ")\d+')
    schema = pattern.sub(lambda found: order.setdefault(found[0], str(len(order) + 1)), schema)
    renamed = {f"{order[Path(name).stem]}{Path(name).suffix}": data for name, data in content.items()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted({**renamed, _SCHEMA: schema.encode("utf-8")}.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return target.getvalue()
