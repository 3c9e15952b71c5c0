"""Gradient boosted trees of LightGBM (Ke et al. 2017), a booster per quantile level and horizon."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.files import read_json
from pricecast.models import _boosted, _lightgbm, _trees
from pricecast.models._lightgbm import lightgbm
from pricecast.schema import QUANTILE_LEVELS

_FILE = "boosters.json"


@dataclass(eq=False)
class Model(_boosted.Boosted):
    """One booster per level and horizon under the pinball loss."""

    family: ClassVar[str] = "trees"
    calibrate: ClassVar[bool] = True
    stops_early: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("lightgbm",)
    tree_size: ClassVar = ("num_leaves", 2, 16)
    least: ClassVar = {"num_leaves": 2}
    most: ClassVar = {"num_leaves": 1024}

    epochs: int = 100
    patience: int = 20
    learning_rate: float = 0.05
    num_leaves: int = 4
    min_samples_leaf: int = 100
    reg_lambda: float = 100.0
    subsample: float = 0.5
    colsample: float = 0.25
    seed: int = 0

    def _boosting(self, panel: Panel, train: np.ndarray, valid: np.ndarray) -> _boosted.Boosting:
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

        def first(rounds: int) -> list[str]:
            trees = sizes[rounds - 1]
            return [_lightgbm.to_text(booster, size) for booster, size in zip(boosters, trees, strict=True)]

        return _boosted.Boosting(advance, first)

    def _boosters(self, panel: Panel, train: np.ndarray, valid: np.ndarray) -> list[lightgbm.Booster]:
        params, boosters = self._params(), []
        train_labels, valid_labels = panel.labels(train), panel.labels(valid) if len(valid) else None
        for h in range(panel.spec.horizon):
            train_data = _lightgbm.dataset(panel.X[train], train_labels[:, h], params)
            for level in QUANTILE_LEVELS:
                boosters.append(lightgbm.Booster({**params, "alpha": level}, train_data))
            if valid_labels is not None:
                valid_data = _lightgbm.dataset(panel.X[valid], valid_labels[:, h], params, train_data)
                for booster in boosters[-len(QUANTILE_LEVELS) :]:
                    booster.add_valid(valid_data, "valid")
        return boosters

    def _params(self) -> dict[str, Any]:
        return {
            "objective": "quantile", "learning_rate": self.learning_rate, "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_samples_leaf, "lambda_l2": self.reg_lambda, "max_bin": 63,
            "bagging_fraction": self.subsample, "bagging_freq": 1, "feature_fraction_bynode": self.colsample,
            "seed": self.seed, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip

    def _keep(self, texts: list[str]) -> None:
        self.texts_ = texts
        self.boosters_ = [_lightgbm.from_text(text) for text in texts]

    def _levels(self, X: np.ndarray) -> np.ndarray:
        columns = [booster.predict(X, num_threads=1) for booster in self.boosters_]
        return np.array(columns).T.reshape(len(X), self.horizon_, len(QUANTILE_LEVELS))

    def _write(self, folder: Path) -> None:
        # Horizon by horizon, level by level.
        (folder / _FILE).write_text(json.dumps(self.texts_), encoding="utf-8")

    def _read(self, folder: Path) -> list[str]:
        file = folder / _FILE
        texts = read_json(file)
        if not isinstance(texts, list) or len(texts) != self.horizon_ * len(QUANTILE_LEVELS):
            raise _trees.damaged("lightgbm", file, "another number of boosters")
        if not all(_lightgbm.is_sound(text, self.input_dim_) for text in texts):
            raise _trees.damaged("lightgbm", file, "something else")
        return texts
