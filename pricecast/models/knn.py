"""Analogs: the returns after those past days that are most similar to today (Lorenz 1969, for the weather)."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import Forecast, OnEpoch, _quantiles, check_shape
from pricecast.schema import QUANTILE_LEVELS

# Batches of one size (the last is padded): an origin's bits do not depend on the others, and memory is bounded.
BATCH = 256
# A batch's labels of so many neighbours take 20 MB for each day ahead.
MOST = 10_000


class Model:
    """Quantiles of the labels of the nearest training days, of all tickers, in the space of scaled features."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("safetensors",)
    lookback = 1

    def __init__(self, neighbours: int = 200) -> None:
        self.neighbours = neighbours

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {"neighbours": trial.suggest_int("neighbours", 50, 1000, log=True)}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Keep the features and labels of the training days.

        Raises:
            InputError: the number of neighbours is out of range.
        """
        self._check()
        self.days_, self.labels_ = panel.X[train], panel.labels(train)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the quantiles of the neighbours' labels; where there are too few days, all are neighbours.

        Raises:
            InputError: the panel does not have the features and the horizon of the training.
        """
        check_shape("knn", panel, self.labels_.shape[1], self.days_.shape[1])
        padded = np.resize(origins, -(-len(origins) // BATCH) * BATCH)
        levels = self._levels(panel.X[padded])[: len(origins)]
        return _quantiles.forecast(levels, panel, origins)

    def save(self, folder: Path) -> None:
        """Write the training days as safetensors."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"days": self.days_, "labels": self.labels_}, folder / "days.safetensors")

    def load(self, folder: Path) -> Self:
        """Read the file that `save` wrote.

        Raises:
            InputError: its arrays do not fit together.
        """
        self._check()
        arrays = load_file(folder / "days.safetensors")
        self.days_, self.labels_ = arrays["days"], arrays["labels"]
        if self.days_.ndim != 2 or self.labels_.ndim != 2 or not 0 < len(self.days_) == len(self.labels_):
            raise InputError(
                f"expected days with their labels in {folder}, got {self.days_.shape} and {self.labels_.shape}: "
                "train it again"
            )
        if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in (self.days_, self.labels_)):
            raise InputError(f"expected finite numbers of 32 bits in {folder}, got others: train it again")
        return self

    def _check(self) -> None:
        if not 1 <= self.neighbours <= MOST:
            raise InputError(f"expected 1 to {MOST} neighbours of knn, got {self.neighbours}")

    @threadpool_limits.wrap(limits=1)
    def _levels(self, days: np.ndarray) -> np.ndarray:
        """Return quantiles (n, h, q) of the labels of the neighbours of n days; n is a multiple of the batch."""
        count = min(self.neighbours, len(self.days_))
        search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(self.days_)
        levels = np.empty((len(days), self.labels_.shape[1], len(QUANTILE_LEVELS)))
        for start in range(0, len(days), BATCH):
            batch = slice(start, start + BATCH)
            nearest = search.kneighbors(days[batch], return_distance=False)
            quantiles = np.quantile(self.labels_[nearest].astype(np.float64), QUANTILE_LEVELS, axis=1)
            levels[batch] = np.moveaxis(quantiles, 0, 2)
        return levels
