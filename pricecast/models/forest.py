"""A random forest that keeps whole distributions in its leaves (Meinshausen 2006)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast, OnEpoch, _forest, _forest_checks, _quantiles, _trees, check_shape


@dataclass(eq=False)
class Model:
    """Quantile regression forest over the origin's features, one for all horizons.

    Neighbouring origins share most of their label days and tickers move together, so a leaf of 100 rows holds
    far fewer independent days: smaller leaves learn the noise of single weeks.
    """

    family: ClassVar[str] = "trees"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("safetensors",)
    lookback = 1

    trees: int = 200
    min_samples_leaf: int = 100
    max_features: float = 0.25
    max_depth: int = 12
    samples_per_tree: int = 8192
    seed: int = 0

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Grow the trees on bootstrap samples of at most `samples_per_tree` rows.

        Raises:
            InputError: a parameter is out of range.
        """
        self._check()
        params: dict[str, Any] = {
            "n_estimators": self.trees, "min_samples_leaf": self.min_samples_leaf,
            "max_features": self.max_features, "max_depth": self.max_depth,
            "max_samples": min(self.samples_per_tree, len(train)), "random_state": self.seed,
        }  # fmt: skip
        self.input_dim_ = panel.X.shape[1]
        self.forest_ = _forest.grow(panel.X[train], panel.labels(train).astype(np.float64), params)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast quantiles of log returns.

        Raises:
            InputError: the panel does not have the features and the horizon of the training.
        """
        check_shape("forest", panel, len(self.forest_.edges), self.input_dim_)
        levels = _forest.quantiles(self.forest_, panel.X[origins], self.max_depth)
        return _quantiles.forecast(levels, panel, origins)

    def save(self, folder: Path) -> None:
        """Write the trees as arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        width = np.array([self.input_dim_], np.int32)
        save_file({**vars(self.forest_), "input_dim": width}, folder / "forest.safetensors")

    def load(self, folder: Path) -> Self:
        """Read the file that `save` wrote.

        Raises:
            InputError: its arrays are not those of a forest.
        """
        self._check()
        file = folder / "forest.safetensors"
        try:
            arrays = load_file(file)
        except (SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise _trees.damaged("forest", file, str(error)) from error
        if arrays.keys() != {*_forest.Forest.__dataclass_fields__, "input_dim"}:
            raise _trees.damaged("forest", file, sorted(arrays))
        width = arrays.pop("input_dim")
        forest = _forest.Forest(**arrays)
        if problem := _forest_checks.problem(forest, width):
            raise _trees.damaged("forest", file, problem)
        if len(forest.roots) != self.trees:
            raise _trees.damaged("forest", file, f"{len(forest.roots)} trees instead of {self.trees}")
        self.forest_, self.input_dim_ = forest, int(width[0])
        return self

    def _check(self) -> None:
        params = {key: value for key, value in vars(self).items() if not key.endswith("_") and key != "seed"}
        most = {"max_features": 1.0, "max_depth": _trees.MAX_DEPTH, "trees": 10_000}
        _trees.check_numbers("forest", params, {}, most)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 20, 400, log=True),
            "max_features": trial.suggest_float("max_features", 0.1, 0.7),
            "max_depth": trial.suggest_int("max_depth", 4, 16),
        }
