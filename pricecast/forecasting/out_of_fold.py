"""Out-of-fold forecasts of the past: data for calibration and ensemble weights."""

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

# Shares of the training dates at which a fold starts; the validation span is the last fold.
CUTS = (0.5, 0.75)
Learn = Callable[[Panel, Fold], Model]


@dataclass(frozen=True)
class OutOfFold:
    """Origins (n,) and the forecasts made from them by models that had not learned from them."""

    origins: np.ndarray
    forecast: Forecast

    def before(self, dataset: Dataset, start: pd.Timestamp) -> "OutOfFold":
        """Return the forecasts whose outcomes are known before a date."""
        inside = np.isin(self.origins, known(dataset, self.origins, start))
        return OutOfFold(self.origins[inside], self.forecast.take(inside))


def past_folds(dataset: Dataset) -> list[Fold]:
    """Cut the past of a dataset, its training and validation spans, into folds with expanding windows.

    Raises:
        InputError: the past is too short for a fold.
    """
    spec, table, usable = dataset.spec, dataset.features, dataset.usable
    valid_start, end = pd.Timestamp(spec.valid_start), pd.Timestamp(spec.test_start)
    dates = np.sort(table.loc[usable & (table["date"] < valid_start), "date"].unique())
    starts = [pd.Timestamp(dates[int(share * len(dates))]) for share in CUTS if len(dates)]
    folds = [
        replace(fold, origins=known(dataset, fold.origins, end))
        for fold in cut(dataset, [*starts, valid_start], end)
    ]
    if not any(len(fold.origins) for fold in folds):
        raise InputError(
            f"expected a past before {end:%Y-%m-%d} that can be cut into folds of {MIN_TRAIN} training origins and "
            "more a ticker, got less: take a longer history"
        )
    return [fold for fold in folds if len(fold.origins)]


def cut(dataset: Dataset, starts: Sequence[pd.Timestamp], end: pd.Timestamp | None = None) -> list[Fold]:
    """Cut a dataset into consecutive folds; each forecasts the tickers that it can learn enough about.

    Args:
        dataset: dataset to cut.
        starts: first forecast date of each fold.
        end: first date after the last fold, by default the end of the dataset.
    """
    names, folds = dataset.features["ticker"].to_numpy(), []
    for fold in splits.walk_forward(dataset.features, dataset.usable, dataset.spec.horizon, starts, end):
        learned, counts = np.unique(names[fold.past], return_counts=True)
        enough = np.isin(names[fold.origins], learned[counts >= MIN_TRAIN])
        folds.append(replace(fold, origins=fold.origins[enough]))
    return folds


def known(dataset: Dataset, origins: np.ndarray, start: pd.Timestamp) -> np.ndarray:
    """Return the origins whose labels are all known before a date."""
    last = dataset.features.groupby("ticker", sort=False)["date"].shift(-dataset.spec.horizon)
    return origins[(last < start).to_numpy()[origins]]


def collect(name: str, learn: Learn, dataset: Dataset, folds: Sequence[Fold]) -> OutOfFold:
    """Fit scalers and model on the past of each fold, and forecast from its origins.

    Raises:
        InputError: the model returns something that is no forecast.
    """
    parts = []
    for fold in folds:
        panel = dataset.panel(fit_scalers(dataset.features, dataset.spec, fold.train))
        parts.append(forecast_rows(name, learn(panel, fold), panel, fold.origins))
    return join(parts)


def forecast_rows(name: str, model: Model, panel: Panel, rows: np.ndarray) -> OutOfFold:
    """Forecast from rows (n,) of a panel that the model has not learned from.

    Raises:
        InputError: the model, whose name is for the message, returns something that is no forecast.
    """
    shape = (len(rows), panel.spec.horizon)
    return OutOfFold(rows, model_output.check_forecast(name, model.predict(panel, rows), shape))


def join(parts: Sequence[OutOfFold]) -> OutOfFold:
    """Concatenate forecasts of one model."""
    origins = np.concatenate([part.origins for part in parts])
    return OutOfFold(origins, model_output.join([part.forecast for part in parts]))
