"""Gradient boosted trees of XGBoost (Chen & Guestrin 2016) that learn all quantile levels at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xgboost

from pricecast.dataset.panel import Panel
from pricecast.files import read_json
from pricecast.models import _boosted, _trees, _xgboost
from pricecast.schema import QUANTILE_LEVELS


@dataclass(eq=False)
class Model(_boosted.Boosted):
    """One booster per horizon under the pinball loss, with a tree per level in each round."""

    family: ClassVar[str] = "trees"
    calibrate: ClassVar[bool] = True
    stops_early: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("xgboost-cpu",)
    tree_size: ClassVar = ("max_depth", 1, 5)
    most: ClassVar = {"max_depth": 16}

    epochs: int = 100
    patience: int = 20
    learning_rate: float = 0.05
    max_depth: int = 3
    min_samples_leaf: int = 100
    reg_lambda: float = 10.0
    subsample: float = 0.5
    colsample: float = 0.25
    seed: int = 0

    def _boosting(self, panel: Panel, train: np.ndarray, valid: np.ndarray) -> _boosted.Boosting:
        spans = [span for span in (train, valid) if len(span)]
        labels = [panel.labels(span) for span in spans]
        data = [
            [_xgboost.matrix(panel.X[span], y[:, h]) for span, y in zip(spans, labels, strict=True)]
            for h in range(panel.spec.horizon)
        ]
        boosters = [xgboost.Booster(self._params(), matrices) for matrices in data]

        def advance() -> dict[str, float]:
            for booster, matrices in zip(boosters, data, strict=True):
                booster.update(matrices[0], booster.num_boosted_rounds())
            forecasts = [
                np.stack([b.predict(matrices[i]) for b, matrices in zip(boosters, data, strict=True)], axis=1)
                for i in range(len(spans))
            ]
            losses = [_trees.pinball(levels, y) for levels, y in zip(forecasts, labels, strict=True)]
            return dict(zip(("train_loss", "val_loss"), losses, strict=False))

        def first(rounds: int) -> list[str]:
            return [_xgboost.to_json(booster[:rounds]) for booster in boosters]

        return _boosted.Boosting(advance, first)

    def _params(self) -> dict[str, Any]:
        return {
            "objective": "reg:quantileerror", "quantile_alpha": list(QUANTILE_LEVELS), "tree_method": "hist",
            "learning_rate": self.learning_rate, "max_depth": self.max_depth, "max_bin": _xgboost.MAX_BIN,
            # The pinball loss has no curvature: XGBoost gives every row a weight of 1 in its stead.
            "min_child_weight": self.min_samples_leaf, "reg_lambda": self.reg_lambda, "subsample": self.subsample,
            "colsample_bynode": self.colsample, "seed": self.seed, **_xgboost.QUIET,
        }  # fmt: skip

    def _keep(self, texts: list[str]) -> None:
        self.boosters_ = [_xgboost.from_json(text) for text in texts]

    def _levels(self, X: np.ndarray) -> np.ndarray:
        shape = (len(X), len(QUANTILE_LEVELS))
        return np.stack([booster.inplace_predict(X).reshape(shape) for booster in self.boosters_], axis=1)

    def _write(self, folder: Path) -> None:
        for number, booster in enumerate(self.boosters_, start=1):
            (folder / _file(number)).write_text(_xgboost.to_json(booster), encoding="utf-8")

    def _read(self, folder: Path) -> list[str]:
        texts = []
        for number in range(1, self.horizon_ + 1):
            file = folder / _file(number)
            model = read_json(file)
            if not _xgboost.is_sound(model, self.input_dim_):
                raise _trees.damaged("xgboost", file, "something else")
            # Written anew: with a key that is there twice, the library could read what was not checked.
            texts.append(json.dumps(model))
        return texts


def _file(horizon: int) -> str:
    return f"horizon_{horizon}.json"
