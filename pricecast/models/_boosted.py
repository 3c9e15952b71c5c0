"""Boosted trees on the features of the origin: the part that does not depend on the library that grows them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast, OnEpoch, _quantiles, _trees, check_shape, write_state


@dataclass(frozen=True)
class Boosting:
    """Boosters in training.

    Attributes:
        advance: adds a round of trees and returns `train_loss` and, with validation rows, `val_loss`.
        first: returns the boosters up to a number of rounds, as text in their library's own format.
    """

    advance: Callable[[], dict[str, float]]
    first: Callable[[int], list[str]]


class Boosted:
    """Boosters that start from the quantiles of all training labels and stop at one round.

    An epoch is one boosting round: a tree per level and horizon. All of them stop at the same round, the one
    with the least loss on the validation rows: a round per booster would follow the noise of its own few rows.

    Attributes:
        tree_size: the parameter that bounds a single tree, and its range in a search.
        least: lowest allowed values, of parameters that have to be more than positive.
        most: highest allowed values, besides those that all boosted trees share.
        epochs: boosting rounds at most, or exactly where there is nothing to stop on.
        patience: rounds without a better validation loss before it stops.
        learning_rate: share of a tree's step that is taken.
        min_samples_leaf: training rows in a leaf at least.
        reg_lambda: L2 penalty on the leaves.
        subsample: share of the rows that a round sees.
        colsample: share of the features that a split may choose from.
        seed: of the rows and features drawn.
    """

    tree_size: ClassVar[tuple[str, int, int]]
    least: ClassVar[Mapping[str, float]] = {}
    most: ClassVar[Mapping[str, float]]
    lookback = 1

    epochs: int
    patience: int
    learning_rate: float
    min_samples_leaf: int
    reg_lambda: float
    subsample: float
    colsample: float
    seed: int

    def _boosting(self, panel: Panel, train: np.ndarray, valid: np.ndarray) -> Boosting:
        """Return boosters without a round yet, for training and validation origins."""
        raise NotImplementedError

    def _keep(self, texts: list[str]) -> None:
        """Read boosters from their library's own format: a fitted model predicts like a loaded one."""
        raise NotImplementedError

    def _levels(self, X: np.ndarray) -> np.ndarray:
        """Return quantiles (n, horizon, levels) of the labels, given features (n, input_dim)."""
        raise NotImplementedError

    def _write(self, folder: Path) -> None:
        """Write the boosters."""
        raise NotImplementedError

    def _read(self, folder: Path) -> list[str]:
        """Read the files that `_write` wrote, checked before the library sees them."""
        raise NotImplementedError

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Boost with early stopping on `valid`, or for `epochs` rounds when it is empty.

        Raises:
            InputError: a parameter is out of range.
        """
        self._check()
        training = self._boosting(panel, train, valid)
        self.best_epoch_ = _trees.boost(training.advance, self.epochs, self.patience, on_epoch)
        self.input_dim_, self.horizon_ = panel.X.shape[1], panel.spec.horizon
        self._keep(training.first(self.best_epoch_))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast quantiles of log returns.

        Raises:
            InputError: the panel does not have the features and the horizon of the training.
        """
        check_shape(self._name(), panel, self.horizon_, self.input_dim_)
        return _quantiles.forecast(self._levels(panel.X[origins]), panel, origins)

    def save(self, folder: Path) -> None:
        """Write the shapes as JSON and the boosters in their library's own format."""
        shapes = {"input_dim": self.input_dim_, "horizon": self.horizon_, "best_epoch": self.best_epoch_}
        write_state(folder, shapes)
        self._write(folder)

    def load(self, folder: Path) -> Self:
        """Read the files that `save` wrote.

        Raises:
            InputError: a file does not hold such boosters.
        """
        shapes = _trees.read_shapes(self._name(), folder)
        self.input_dim_, self.horizon_, self.best_epoch_ = (shapes[key] for key in _trees.SHAPES)
        self._keep(self._read(folder))
        return self

    @classmethod
    def space(cls, trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        size, low, high = cls.tree_size
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            size: trial.suggest_int(size, low, high),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 30, 400, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 100.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.3, 0.9),
            "colsample": trial.suggest_float("colsample", 0.1, 1.0),
        }

    def _name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def _check(self) -> None:
        params = {key: value for key, value in vars(self).items() if not key.endswith("_")}
        del params["seed"], params["reg_lambda"]
        most = {"learning_rate": 1.0, "subsample": 1.0, "colsample": 1.0, **self.most}
        _trees.check_numbers(self._name(), params, self.least, most)
