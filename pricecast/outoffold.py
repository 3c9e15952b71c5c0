"""Forecasts of the past that were made without knowing it: what calibration and ensemble weights learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricecast import models, splits
from pricecast.dataset import MIN_TRAIN, Dataset, fit_scalers
from pricecast.models import Forecast, Model
from pricecast.panel import Panel
from pricecast.splits import Fold

# Shares of the training dates at which the walk through the past starts anew; the validation span is its last fold.
CUTS = (0.5, 0.75)
Learn = Callable[[Panel, Fold], Model]


@dataclass(frozen=True)
class OutOfFold:
    """Origins (n,) and the forecasts that were made from them."""

    origins: np.ndarray
    forecast: Forecast


def folds(dataset: Dataset) -> list[Fold]:
    """The folds of a dataset's past: expanding windows over training and validation, nothing of the test span.

    A ticker is forecast from the fold on that has enough of it to learn from.
    """
    spec, table, usable = dataset.spec, dataset.features, dataset.usable
    valid_start, end = pd.Timestamp(spec.valid_start), pd.Timestamp(spec.test_start)
    dates = np.sort(table.loc[usable & (table["date"] < valid_start), "date"].unique())
    starts = [pd.Timestamp(dates[int(share * len(dates))]) for share in CUTS]
    last = table.groupby("ticker", sort=False)["date"].shift(-spec.horizon)
    known = (last < end).to_numpy()
    found = []
    for fold in splits.walk(table, usable, spec.horizon, [*starts, valid_start], end):
        names = table["ticker"].to_numpy()
        learned, counts = np.unique(names[fold.past], return_counts=True)
        origins = fold.origins[known[fold.origins]]
        origins = origins[np.isin(names[origins], learned[counts >= MIN_TRAIN])]
        if len(origins):
            found.append(Fold(fold.start, fold.past, fold.train, fold.valid, origins))
    return found


def collect(learn: Learn, dataset: Dataset, walked: Sequence[Fold]) -> OutOfFold:
    """Learns from each fold's past, scalers included, and forecasts from its origins."""
    parts = []
    for fold in walked:
        panel = dataset.panel(fit_scalers(dataset.features, dataset.spec, fold.train))
        parts.append(OutOfFold(fold.origins, learn(panel, fold).predict(panel, fold.origins)))
    return join(parts)


def join(parts: Sequence[OutOfFold]) -> OutOfFold:
    """Puts forecasts of one model under one another."""
    origins = np.concatenate([part.origins for part in parts])
    return OutOfFold(origins, models.join([part.forecast for part in parts]))
