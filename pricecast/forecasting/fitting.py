"""Fit and refit: from a model to a forecaster, calibrated on out-of-fold forecasts of its past."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pricecast import models
from pricecast.data.calendars import day
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.forecasting import out_of_fold
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.settings import DEFAULTS, Settings, make
from pricecast.models import Model, OnEpoch
from pricecast.text import listed

_log = logging.getLogger(__name__)
Progress = Callable[[str], None]


def fit(
    name: str,
    params: dict[str, Any],
    dataset: Dataset,
    on_epoch: OnEpoch | None = None,
    settings: Settings = DEFAULTS,
    progress: Progress | None = None,
    past: OutOfFold | None = None,
) -> Forecaster:
    """Fit a model on all of the past, and calibrate it on its out-of-fold forecasts of that past.

    Args:
        name: name of the model.
        params: hyperparameters of the model.
        dataset: dataset to learn from.
        on_epoch: called once an epoch of the final fit.
        settings: how the forecaster is made of the model.
        progress: called with a description of each fit before it starts.
        past: out-of-fold forecasts to calibrate on, by default made here.

    Raises:
        InputError: the model or a parameter is unknown, or does not suit the dataset.
    """
    panel, main, stops = dataset.panel(), dataset.fold(), settings.stops(name)
    history: list[dict[str, float]] = []

    def remember(epoch: int, metrics: dict[str, float]) -> None:
        history.append({"epoch": epoch, **metrics})
        if on_epoch:
            on_epoch(epoch, metrics)

    calibration = None
    if models.about(name).calibrate:
        past = past or walk_past(name, params, dataset, settings, progress)
        before = past.before(dataset, main.start)
        calibration = calibrate(before.forecast, panel, before.origins, settings.mondrian, settings.online)
        if calibration.own:
            _log.info("%s: calibrated by themselves, as odd tickers: %s", name, listed(sorted(calibration.own)))
    if progress:
        progress(name)
    model = learn(make(name, params, settings), stops, panel, main, remember)
    until = seen_until(panel, main)
    starts = {str(ticker): day(date) for ticker, date in dataset.bars.groupby("ticker")["date"].min().items()}
    return Forecaster(
        name, model, calibration, dataset.spec, dataset.scalers, until, tuple(history), settings, starts, past
    )


def refit(forecaster: Forecaster, dataset: Dataset, on_epoch: OnEpoch | None = None) -> Forecaster:
    """Fit the model once more on every origin with known labels, for as many epochs as were best before.

    It is calibrated on the forecasts that the first fit was calibrated on, and on those that the first fit makes of
    the test span: the residuals of the refitted model itself would be in sample. The scalers stay.

    Raises:
        InputError: the forecaster was loaded from a file, without the forecasts that it was calibrated on.
    """
    if forecaster.calibration is not None and forecaster.past is None:
        raise InputError(
            f"expected {forecaster.name} as it was fitted, with the forecasts that it was calibrated on, got one "
            "that was loaded or refitted: fit it again"
        )
    panel = dataset.panel(forecaster.scalers)
    rows = np.flatnonzero(dataset.usable)
    known = rows[panel.ahead[rows] >= dataset.spec.horizon]
    best = getattr(forecaster.model, "best_epoch_", None)
    params = forecaster.params if best is None else {**forecaster.params, "epochs": best}
    model = make(forecaster.name, params, forecaster.settings)
    model = model.fit(panel, *models.teaching(model, panel, known, known[:0]), on_epoch)
    calibration = None
    if forecaster.past:
        test = dataset.origins("test")
        test = test[panel.ahead[test] >= dataset.spec.horizon]
        past = out_of_fold.join([forecaster.past, OutOfFold(test, forecaster.model.predict(panel, test))])
        switches = forecaster.settings.mondrian, forecaster.settings.online
        calibration = calibrate(past.forecast, panel, past.origins, *switches)
    until = day(panel.dates.max())
    return replace(forecaster, model=model, calibration=calibration, fitted_until=until, past=None)


def walk_past(
    name: str, params: dict[str, Any], dataset: Dataset, settings: Settings, progress: Progress | None = None
) -> OutOfFold:
    """Forecast the past of a dataset out of fold, for the calibration; see `fit` for the arguments."""
    folds = out_of_fold.past_folds(dataset)

    def fit_fold(panel: Panel, fold: Fold) -> Model:
        if progress:
            progress(f"{name}, out of fold {folds.index(fold) + 1} of {len(folds)}")
        return learn(make(name, params, settings), settings.stops(name), panel, fold)

    return out_of_fold.collect(name, fit_fold, dataset, folds)


def learn(model: Model, stops: bool, panel: Panel, fold: Fold, on_epoch: OnEpoch | None = None) -> Model:
    """Fit a model on a fold: on its training rows where it stops early, else on all of the past.

    A model that all tickers share learns from the ordinary ones.
    """
    rows = (fold.train, fold.valid) if stops else (fold.past, fold.past[:0])
    return model.fit(panel, *models.teaching(model, panel, *rows), on_epoch)


def seen_until(panel: Panel, fold: Fold) -> str:
    """Return the last date whose close the forecaster of a fold has seen, as YYYY-MM-DD."""
    return day(panel.dates[fold.past + panel.spec.horizon].max())


def check_belongs(name: str, forecaster: Forecaster, dataset: Dataset) -> None:
    """Refuse a forecaster of another target, other features or horizon, or too long a lookback for a dataset.

    Args:
        name: name of the forecaster in the message.
        forecaster: forecaster that is to forecast from the dataset's origins.
        dataset: dataset that it may have been trained on.

    Raises:
        InputError: the forecaster does not belong to the dataset.
    """
    for field in ("target", "features", "horizon"):
        expected, actual = getattr(dataset.spec, field), getattr(forecaster.spec, field)
        if expected != actual:
            raise InputError(
                f"expected models for this dataset's {field} {expected}, got {name} with {actual}: train it on "
                "this dataset, or give the dataset that it was trained on"
            )
    longest = dataset.spec.max_lookback
    if forecaster.model.lookback > longest:
        raise InputError(
            f"expected a lookback of at most {longest}, got {forecaster.model.lookback} of {name}: transform with "
            "a longer --max-lookback, or give the dataset that it was trained on"
        )
