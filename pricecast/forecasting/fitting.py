"""Fitting: a model becomes a forecaster, calibrated on what it forecast of its past."""

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
    """Calibrate a model on forecasts of the past that it made fold by fold, and fits it on all of the past.

    Args:
        name: of the model.
        params: of the model.
        dataset: to learn from.
        on_epoch: called once an epoch of the final fit.
        settings: how to make it.
        progress: told which fit is going on.
        past: earlier forecasts to calibrate on, instead of those of folds that are walked for it.

    Raises:
        InputError: the model or a parameter is not known, or does not fit the dataset.
    """
    panel, main, stops = dataset.panel(), dataset.fold(), settings.stops(name)
    history: list[dict[str, float]] = []

    def remember(epoch: int, metrics: dict[str, float]) -> None:
        history.append({"epoch": epoch, **metrics})
        if on_epoch:
            on_epoch(epoch, metrics)

    calibrated = None
    if models.about(name).calibrate:
        past = past or _walk_past(name, params, dataset, settings, progress)
        before = past.before(dataset, main.start)
        calibrated = calibrate(before.forecast, panel, before.origins, settings.mondrian, settings.online)
    if progress:
        progress(name)
    model = learn(make(name, params, settings), stops, panel, main, remember)
    until = seen_until(panel, main)
    starts = {str(ticker): day(date) for ticker, date in dataset.bars.groupby("ticker")["date"].min().items()}
    return Forecaster(
        name, model, calibrated, dataset.spec, dataset.scalers, until, tuple(history), settings, starts, past
    )


def refit(judged: Forecaster, dataset: Dataset, on_epoch: OnEpoch | None = None) -> Forecaster:
    """Fit the model once more on every origin with known labels, for as many epochs as were best before.

    It is calibrated on what the judged model was calibrated on and on that model's forecasts of the test span: it
    had trained on neither; residuals of the refitted model would be in sample. The scalers stay.

    Raises:
        InputError: the judged forecaster comes from a file, without the forecasts that it was calibrated on.
    """
    if judged.calibration is not None and judged.past is None:
        raise InputError(
            f"expected {judged.name} as it was fitted, with the forecasts that it was calibrated on, got one that "
            "was loaded or refitted: fit it again"
        )
    panel = dataset.panel(judged.scalers)
    rows = np.flatnonzero(dataset.usable)
    known = rows[panel.ahead[rows] >= dataset.spec.horizon]
    best = getattr(judged.model, "best_epoch_", None)
    params = judged.params if best is None else {**judged.params, "epochs": best}
    model = make(judged.name, params, judged.settings).fit(panel, known, known[:0], on_epoch)
    calibrated = None
    if judged.past:
        test = dataset.origins("test")
        test = test[panel.ahead[test] >= dataset.spec.horizon]
        past = out_of_fold.join([judged.past, OutOfFold(test, judged.model.predict(panel, test))])
        switches = judged.settings.mondrian, judged.settings.online
        calibrated = calibrate(past.forecast, panel, past.origins, *switches)
    return replace(judged, model=model, calibration=calibrated, fitted_until=day(panel.dates.max()), past=None)


def _walk_past(
    name: str, params: dict[str, Any], dataset: Dataset, settings: Settings, progress: Progress | None
) -> OutOfFold:
    folds = out_of_fold.folds(dataset)

    def each(panel: Panel, fold: Fold) -> Model:
        if progress:
            progress(f"{name}, out of fold {folds.index(fold) + 1} of {len(folds)}")
        return learn(make(name, params, settings), settings.stops(name), panel, fold)

    return out_of_fold.collect(each, dataset, folds)


def learn(model: Model, stops: bool, panel: Panel, fold: Fold, on_epoch: OnEpoch | None = None) -> Model:
    """Return a model that has nothing to stop on learns from all of the past."""
    rows = (fold.train, fold.valid) if stops else (fold.past, fold.past[:0])
    return model.fit(panel, *rows, on_epoch)


def seen_until(panel: Panel, fold: Fold) -> str:
    """Return the last date whose close a forecaster of a fold has seen."""
    return day(panel.dates[fold.past + panel.spec.horizon].max())


def check_belongs(name: str, forecaster: Forecaster, dataset: Dataset) -> None:
    """Refuse a forecaster of another target, other features or horizon, or a longer lookback than a dataset allows.

    Args:
        name: the forecaster's name in the message.
        forecaster: to forecast from the dataset's origins.
        dataset: that it may have been trained on.

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
