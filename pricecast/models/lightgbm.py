"""Gradient boosted trees of LightGBM (Ke et al. 2017), a booster per quantile level and horizon."""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from pricecast.models import Forecast, Report, _lightgbm, _quantiles, _trees, check_shape, write_state
from pricecast.models._lightgbm import lightgbm
from pricecast.panel import Panel
from pricecast.schema import QUANTILE_LEVELS
from pricecast.storage import read_json

_FILE = "boosters.json"


class Model:
    """One booster per level and horizon under the pinball loss, from the quantiles of all training labels on.

    An epoch is one boosting round: a tree per level and horizon. All of them stop at the same round, the one
    with the least loss on the validation rows: a round per booster would follow the noise of its own few rows.
    """

    family: ClassVar[str] = "trees"
    calibrate: ClassVar[bool] = True
    stops_early: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("lightgbm",)
    lookback = 1

    def __init__(
        self,
        epochs: int = 100,
        patience: int = 20,
        learning_rate: float = 0.05,
        num_leaves: int = 4,
        min_samples_leaf: int = 100,
        reg_lambda: float = 100.0,
        subsample: float = 0.5,
        colsample: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.epochs = epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_samples_leaf = min_samples_leaf
        self.reg_lambda = reg_lambda
        self.subsample = subsample
        self.colsample = colsample
        self.seed = seed

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, report: Report | None = None) -> Self:
        """Boosts with early stopping on `valid`, or for `epochs` rounds when it is empty.

        Raises:
            InputError: a parameter makes no trees.
        """
        self._check()
        boosters = self._boosters(panel, train, valid)
        sizes: list[list[int]] = []

        def advance() -> dict[str, float]:
            for booster in boosters:
                booster.update()
            # A round in which nothing is worth a split adds no tree to its booster.
            sizes.append([booster.num_trees() for booster in boosters])
            losses = {"train_loss": np.mean([booster.eval_train()[0][2] for booster in boosters])}
            if len(valid):
                losses["val_loss"] = np.mean([booster.eval_valid()[0][2] for booster in boosters])
            return {name: float(loss) for name, loss in losses.items()}

        self.best_epoch_ = _trees.boost(advance, self.epochs, self.patience, report)
        kept = sizes[self.best_epoch_ - 1]
        self.input_dim_, self.horizon_ = panel.X.shape[1], panel.spec.horizon
        self._keep([_lightgbm.to_text(booster, size) for booster, size in zip(boosters, kept, strict=True)])
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Quantiles of log returns.

        Raises:
            InputError: the panel has not the features and the horizon of the training.
        """
        check_shape("lightgbm", panel, self.horizon_, self.input_dim_)
        X = panel.X[origins]
        columns = [booster.predict(X, num_threads=1) for booster in self.boosters_]
        levels = np.array(columns).T.reshape(len(X), self.horizon_, len(QUANTILE_LEVELS))
        return _quantiles.forecast(levels, panel, origins)

    def save(self, folder: Path) -> None:
        """Writes all boosters in LightGBM's text format, horizon by horizon, level by level, into one file."""
        shapes = {"input_dim": self.input_dim_, "horizon": self.horizon_, "best_epoch": self.best_epoch_}
        write_state(folder, shapes)
        (folder / _FILE).write_text(json.dumps(self.texts_), encoding="utf-8")

    def load(self, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            InputError: the file holds no boosters of such trees.
        """
        shapes, file = _trees.read_shapes("lightgbm", folder), folder / _FILE
        self.input_dim_, self.horizon_, self.best_epoch_ = (shapes[key] for key in _trees.SHAPES)
        texts = read_json(file)
        if not isinstance(texts, list) or len(texts) != self.horizon_ * len(QUANTILE_LEVELS):
            raise _trees.damaged("lightgbm", file, "another number of boosters")
        if not all(_lightgbm.is_sound(text, self.input_dim_) for text in texts):
            raise _trees.damaged("lightgbm", file, "something else")
        self._keep(texts)
        return self

    def _keep(self, texts: list[str]) -> None:
        # What predicts is what a file holds, whether it has been in one or not.
        self.texts_ = texts
        self.boosters_ = [_lightgbm.from_text(text) for text in texts]

    def _boosters(self, panel: Panel, train: np.ndarray, valid: np.ndarray) -> list[lightgbm.Booster]:
        settings, boosters = self._settings(), []
        labels, known = panel.labels(train), panel.labels(valid) if len(valid) else None
        for h in range(panel.spec.horizon):
            data = _lightgbm.dataset(panel.X[train], labels[:, h], settings)
            for level in QUANTILE_LEVELS:
                boosters.append(lightgbm.Booster({**settings, "alpha": level}, data))
            if known is not None:
                judge = _lightgbm.dataset(panel.X[valid], known[:, h], settings, data)
                for booster in boosters[-len(QUANTILE_LEVELS) :]:
                    booster.add_valid(judge, "valid")
        return boosters

    def _settings(self) -> dict[str, Any]:
        return {
            "objective": "quantile", "learning_rate": self.learning_rate, "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_samples_leaf, "lambda_l2": self.reg_lambda, "max_bin": 63,
            "bagging_fraction": self.subsample, "bagging_freq": 1, "feature_fraction_bynode": self.colsample,
            "seed": self.seed, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip

    def _check(self) -> None:
        given = {key: value for key, value in vars(self).items() if not key.endswith("_")}
        del given["seed"], given["reg_lambda"]
        most = {"learning_rate": 1.0, "num_leaves": 1024, "subsample": 1.0, "colsample": 1.0}
        _trees.check_numbers("lightgbm", given, {"num_leaves": 2}, most)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Hyperparameters worth a search, from an Optuna trial."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 2, 16),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 30, 400, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 100.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.3, 0.9),
            "colsample": trial.suggest_float("colsample", 0.1, 1.0),
        }
