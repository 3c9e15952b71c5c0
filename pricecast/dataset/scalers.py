"""The two scalers of a dataset: fitted by scikit-learn, then kept and applied as a few arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pricecast.dataset import skops_file
from pricecast.errors import InputError


@dataclass(frozen=True)
class Estimator:
    """A scaler's class in scikit-learn.

    Attributes:
        name: of the class.
        params: of the constructor, with their defaults.
        learned: names of the attributes that hold an array (columns,).
        counts: type of the number of rows that it was fitted on, None where it keeps no such number.
    """

    name: str
    params: Mapping[str, Any]
    learned: tuple[str, ...]
    counts: type | None = None


SCALERS = {
    "standard": Estimator(
        "StandardScaler", {"with_mean": True, "with_std": True, "copy": True}, ("mean_", "var_", "scale_"),
        np.float64,
    ),
    "minmax": Estimator(
        "MinMaxScaler", {"feature_range": (0, 1), "copy": True, "clip": False},
        ("scale_", "min_", "data_min_", "data_max_", "data_range_"), int,
    ),
    "robust": Estimator(
        "RobustScaler",
        {
            "with_centering": True, "with_scaling": True, "quantile_range": (25.0, 75.0), "unit_variance": False,
            "copy": True,
        },
        ("center_", "scale_"),
    ),
}  # fmt: skip
_MODULE = "sklearn.preprocessing._data"
_CENTER = {"standard": "mean_", "robust": "center_"}
# A column that varies by less than this share of its size holds rounding errors and what a recursion has not quite
# forgotten: divided by its deviation, they would be as large as any feature.
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Scaler:
    """A fitted scaler that scales like scikit-learn's, to the last bit, without importing the library.

    Columns that do not vary are centred and not scaled up; scikit-learn takes only constant ones for such.

    Attributes:
        kind: a key of `SCALERS`.
        learned: the arrays of `Estimator.learned` by name, each (columns,) float64.
        rows: number of rows that it was fitted on, None for a kind that does not keep it.
    """

    kind: str
    learned: Mapping[str, np.ndarray]
    rows: int | None = None

    @classmethod
    def fit(cls, kind: str, X: np.ndarray, size: float = 0.0) -> "Scaler":
        """Fit a kind of scaler on rows (n, columns).

        Args:
            kind: a key of `SCALERS`.
            X: the rows.
            size: usual size of a value, for columns around zero; 0 where values are in any unit.
        """
        # Here, because a pipeline that reuses its dataset fits no scaler.
        from sklearn import preprocessing

        estimator = SCALERS[kind]
        fitted = getattr(preprocessing, estimator.name)(**estimator.params).fit(X)
        rows = None if estimator.counts is None else int(fitted.n_samples_seen_)
        return cls(kind, _floored(kind, {name: getattr(fitted, name) for name in estimator.learned}, size), rows)

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.learned["scale_"])

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Scale rows (n, columns); NaN stays NaN.

        Raises:
            InputError: a number is infinite.
        """
        values, scale = _without_infinity(X), self.learned["scale_"]
        if self.kind == "minmax":
            return values * scale + self.learned["min_"]
        return (values - self.learned[_CENTER[self.kind]]) / scale

    def inverse_transform(self, X: np.ndarray) -> np.ndarray:
        """Undo the scaling of rows (n, columns); NaN stays NaN.

        Raises:
            InputError: a number is infinite.
        """
        values, scale = _without_infinity(X), self.learned["scale_"]
        if self.kind == "minmax":
            return (values - self.learned["min_"]) / scale
        return values * scale + self.learned[_CENTER[self.kind]]


@dataclass(frozen=True)
class Scalers:
    """The scalers of the features (`X`) and of the targets of all horizons (`y`)."""

    X: Scaler
    y: Scaler

    @classmethod
    def fit(cls, kind: str, X: np.ndarray, y: np.ndarray, size: float = 0.0) -> "Scalers":
        """Fit a kind of scaler on training features (n, features) and targets (n, horizon); see `Scaler.fit`."""
        return cls(Scaler.fit(kind, X, size), Scaler.fit(kind, y, size))

    def save(self, folder: Path) -> None:
        """Write scaler_X.skops and scaler_y.skops."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("X", "y"):
            files = _files(getattr(self, name), version("scikit-learn"))
            (folder / f"scaler_{name}.skops").write_bytes(skops_file.to_archive(files))

    @classmethod
    def load(cls, folder: Path) -> "Scalers":
        """Load the two scalers; nothing but arrays is taken from the files, whatever they ask for.

        Raises:
            InputError: a file is missing, damaged, too big or holds anything else.
        """
        return cls(*(_read(folder / f"scaler_{name}.skops") for name in ("X", "y")))


def _floored(kind: str, learned: dict[str, np.ndarray], size: float) -> dict[str, np.ndarray]:
    """Return what a scaler has learned, with a scale of one or more for columns that do not vary."""
    if kind == "minmax":
        center, width = (learned["data_min_"] + learned["data_max_"]) / 2, learned["data_range_"]
    else:
        center, width = learned[_CENTER[kind]], learned["scale_"]
    least = _LEAST * np.maximum(np.abs(center), size)
    is_flat, wide = width < least, np.maximum(least, 1.0)
    if kind == "minmax":
        scale = np.where(is_flat, 1 / wide, learned["scale_"])
        return {
            **learned,
            "scale_": scale,
            "min_": np.where(is_flat, -learned["data_min_"] * scale, learned["min_"]),
        }
    return {**learned, "scale_": np.where(is_flat, wide, learned["scale_"])}


def _files(scaler: Scaler, library: str) -> dict[str, bytes]:
    """Return the files within the skops archive of scikit-learn's scaler, as a version of the library has them."""
    estimator = SCALERS[scaler.kind]
    count = {} if estimator.counts is None else {"n_samples_seen_": estimator.counts(scaler.rows)}
    attributes = {
        **estimator.params, "n_features_in_": scaler.columns, **count, **scaler.learned, "_sklearn_version": library
    }  # fmt: skip
    return skops_file.pack(_MODULE, estimator.name, attributes)


def _read(path: Path) -> Scaler:
    try:
        with path.open("rb") as file:
            files = skops_file.from_archive(file.read(skops_file.MAX_BYTES + 1))
        name, state = skops_file.unpack(files)
        kind = next(key for key, estimator in SCALERS.items() if estimator.name == name)
        rows = state.get("n_samples_seen_")
        learned = {key: state[key] for key in SCALERS[kind].learned}
        scaler = Scaler(kind, learned, None if rows is None else int(rows))
        if _files(scaler, state["_sklearn_version"]) != files:
            raise ValueError("other parameters or values than a scaler has")
    # Zip, JSON and numpy each have exceptions of their own for a file that somebody else wrote.
    except Exception as error:
        line = " ".join(str(error).split())[:200]
        raise InputError(f"expected a scaler at {path}, got {type(error).__name__}: {line}") from error
    return scaler


def _without_infinity(X: np.ndarray) -> np.ndarray:
    if np.isinf(X).any():
        raise InputError("expected finite numbers to scale, got an infinite one: correct or leave it out")
    return X
