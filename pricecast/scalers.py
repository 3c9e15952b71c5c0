"""The two scalers of a dataset, kept as skops files whose bytes depend on their content alone."""

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

SCALERS: dict[str, type[BaseEstimator]] = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
}
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
        """Loads the two scalers; types outside scikit-learn's own are refused, nothing else can run."""
        return cls(*(skops.io.load(folder / f"scaler_{name}.skops", trusted=[]) for name in ("X", "y")))


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
