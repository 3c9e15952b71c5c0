"""Forecasts of the past that were made without knowing it: what calibration and ensemble weights learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pricecast import model_output
from pricecast.dataset import splits
from pricecast.dataset.checks import MIN_TRAIN
from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.models import Forecast, Model

# Shares of the training dates at which the walk through the past starts anew; the validation span is its last fold.
CUTS = (0.5, 0.75)
Learn = Callable[[Panel, Fold], Model]


@dataclass(frozen=True)
class OutOfFold:
    """Origins (n,) and the forecasts that were made from them."""

    origins: np.ndarray
    forecast: Forecast

    def before(self, dataset: Dataset, start: pd.Timestamp) -> "OutOfFold":
        """Return the part whose outcomes are known before a date."""
        inside = np.isin(self.origins, known(dataset, self.origins, start))
        return OutOfFold(self.origins[inside], self.forecast.take(inside))


def folds(dataset: Dataset) -> list[Fold]:
    """Return the folds of a dataset's past: expanding windows over training and validation, nothing of the test span.

    Raises:
        InputError: the past is too short for one.
    """
    spec, table, usable = dataset.spec, dataset.features, dataset.usable
    valid_start, end = pd.Timestamp(spec.valid_start), pd.Timestamp(spec.test_start)
    dates = np.sort(table.loc[usable & (table["date"] < valid_start), "date"].unique())
    starts = [pd.Timestamp(dates[int(share * len(dates))]) for share in CUTS if len(dates)]
    found = [
        replace(fold, origins=known(dataset, fold.origins, end))
        for fold in cut(dataset, [*starts, valid_start], end)
    ]
    if not any(len(fold.origins) for fold in found):
        raise InputError(
            f"expected a past before {end:%Y-%m-%d} that can be cut into folds of {MIN_TRAIN} training origins and "
            "more a ticker, got less: take a longer history"
        )
    return [fold for fold in found if len(fold.origins)]


def cut(dataset: Dataset, starts: Sequence[pd.Timestamp], end: pd.Timestamp | None = None) -> list[Fold]:
    """Consecutive folds; a ticker is forecast from the one on that has enough of it to learn from.

    Args:
        dataset: to walk through.
        starts: the first forecast date of each fold.
        end: the first date behind the last one, None for all there are.
    """
    names, found = dataset.features["ticker"].to_numpy(), []
    for fold in splits.walk_forward(dataset.features, dataset.usable, dataset.spec.horizon, starts, end):
        learned, counts = np.unique(names[fold.past], return_counts=True)
        enough = np.isin(names[fold.origins], learned[counts >= MIN_TRAIN])
        found.append(replace(fold, origins=fold.origins[enough]))
    return found


def known(dataset: Dataset, origins: np.ndarray, start: pd.Timestamp) -> np.ndarray:
    """Those of the origins all of whose labels are known before a date."""
    last = dataset.features.groupby("ticker", sort=False)["date"].shift(-dataset.spec.horizon)
    return origins[(last < start).to_numpy()[origins]]


def collect(learn: Learn, dataset: Dataset, walked: Sequence[Fold]) -> OutOfFold:
    """Learn from each fold's past, scalers included, and forecasts from its origins."""
    parts = []
    for fold in walked:
        panel = dataset.panel(fit_scalers(dataset.features, dataset.spec, fold.train))
        parts.append(OutOfFold(fold.origins, learn(panel, fold).predict(panel, fold.origins)))
    return join(parts)


def join(parts: Sequence[OutOfFold]) -> OutOfFold:
    """Put forecasts of one model under one another."""
    origins = np.concatenate([part.origins for part in parts])
    return OutOfFold(origins, model_output.join([part.forecast for part in parts]))
