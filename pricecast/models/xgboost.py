"""Gradient boosted trees of XGBoost (Chen & Guestrin 2016) that learn all quantile levels at once."""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import xgboost

from pricecast.models import Forecast, Report, _quantiles, _trees, _xgboost, check_shape, write_state
from pricecast.panel import Panel
from pricecast.schema import QUANTILE_LEVELS
from pricecast.storage import read_json


class Model:
    """One booster per horizon under the pinball loss, starting from the quantiles of all training labels.

    An epoch is one boosting round: a tree per level and horizon. All of them stop at the same round, the one
    with the least loss on the validation rows: a round per tree would follow the noise of its own few rows.
    """

    family: ClassVar[str] = "trees"
    calibrate: ClassVar[bool] = True
    stops_early: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("xgboost-cpu",)
    lookback = 1

    def __init__(
        self,
        epochs: int = 100,
        patience: int = 20,
        learning_rate: float = 0.05,
        max_depth: int = 3,
        min_samples_leaf: int = 100,
        reg_lambda: float = 10.0,
        subsample: float = 0.5,
        colsample: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.epochs = epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.max_depth = max_depth
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
        spans = [span for span in (train, valid) if len(span)]
        labels = [panel.labels(span) for span in spans]
        settings = self._settings()
        data = [
            [_xgboost.matrix(panel.X[span], y[:, h]) for span, y in zip(spans, labels, strict=True)]
            for h in range(panel.spec.horizon)
        ]
        boosters = [xgboost.Booster(settings, matrices) for matrices in data]

        def advance() -> dict[str, float]:
            for booster, matrices in zip(boosters, data, strict=True):
                booster.update(matrices[0], booster.num_boosted_rounds())
            found = [
                np.stack([b.predict(matrices[i]) for b, matrices in zip(boosters, data, strict=True)], axis=1)
                for i in range(len(spans))
            ]
            losses = [_trees.pinball(levels, y) for levels, y in zip(found, labels, strict=True)]
            return dict(zip(("train_loss", "val_loss"), losses, strict=False))

        self.best_epoch_ = _trees.boost(advance, self.epochs, self.patience, report)
        self.input_dim_ = panel.X.shape[1]
        # What is kept is what a file would hold: the rounds up to the best one.
        self.boosters_ = [_xgboost.from_json(_xgboost.to_json(b[: self.best_epoch_])) for b in boosters]
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Quantiles of log returns.

        Raises:
            InputError: the panel has not the features and the horizon of the training.
        """
        check_shape("xgboost", panel, len(self.boosters_), self.input_dim_)
        X = panel.X[origins]
        shape = (len(X), len(QUANTILE_LEVELS))
        levels = [booster.inplace_predict(X).reshape(shape) for booster in self.boosters_]
        return _quantiles.forecast(np.stack(levels, axis=1), panel, origins)

    def save(self, folder: Path) -> None:
        """Writes each horizon's booster in XGBoost's JSON format."""
        shapes = {"input_dim": self.input_dim_, "horizon": len(self.boosters_), "best_epoch": self.best_epoch_}
        write_state(folder, shapes)
        for number, booster in enumerate(self.boosters_, start=1):
            (folder / f"horizon_{number}.json").write_text(_xgboost.to_json(booster), encoding="utf-8")

    def load(self, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            InputError: a file holds no booster of such trees.
        """
        shapes = _trees.read_shapes("xgboost", folder)
        self.input_dim_, self.best_epoch_ = shapes["input_dim"], shapes["best_epoch"]
        boosters = []
        for number in range(1, shapes["horizon"] + 1):
            file = folder / f"horizon_{number}.json"
            model = read_json(file)
            if not _xgboost.is_sound(model, self.input_dim_):
                raise _trees.damaged("xgboost", file, "something else")
            # Written anew: with a key that is there twice, the library could read what was not checked.
            boosters.append(_xgboost.from_json(json.dumps(model)))
        self.boosters_ = boosters
        return self

    def _settings(self) -> dict[str, Any]:
        return {
            "objective": "reg:quantileerror", "quantile_alpha": list(QUANTILE_LEVELS), "tree_method": "hist",
            "learning_rate": self.learning_rate, "max_depth": self.max_depth, "max_bin": _xgboost.MAX_BIN,
            # The pinball loss has no curvature: XGBoost gives every row a weight of 1 in its stead.
            "min_child_weight": self.min_samples_leaf, "reg_lambda": self.reg_lambda, "subsample": self.subsample,
            "colsample_bynode": self.colsample, "seed": self.seed, **_xgboost.QUIET,
        }  # fmt: skip

    def _check(self) -> None:
        given = {key: value for key, value in vars(self).items() if not key.endswith("_")}
        del given["seed"], given["reg_lambda"]
        most = {"learning_rate": 1.0, "max_depth": 16, "subsample": 1.0, "colsample": 1.0}
        _trees.check_numbers("xgboost", given, {}, most)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Hyperparameters worth a search, from an Optuna trial."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "max_depth": trial.suggest_int("max_depth", 1, 5),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 30, 400, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 100.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.3, 0.9),
            "colsample": trial.suggest_float("colsample", 0.1, 1.0),
        }
