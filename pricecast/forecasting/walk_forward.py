"""Walk forward: learn from the past of each fold, forecast the fold, calibrate on all forecasts before it.

Fits are independent of one another and take the time, so they come first, in any order and in any process;
calibration needs the forecasts of all folds before and takes no time, so it comes after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.forecasting import fitting, out_of_fold, parity
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.replay import Replay
from pricecast.forecasting.settings import DEFAULTS, Settings
from pricecast.forecasting.walk_plan import (
    EVERY_FOLD,
    PARITY,
    Candidate,
    Fit,
    Plan,
    fits,
    prototype,
    refit_groups,
)

_LEARNED = ("past", "train", "valid")  # origins of a fold that a model learns from


@dataclass(frozen=True, eq=False)
class FoldData:
    """A fold, with the dataset and the panel as of its start."""

    fold: Fold
    dataset: Dataset
    panel: Panel


def fold_data(dataset: Dataset, folds: Sequence[Fold]) -> list[FoldData]:
    """Return the data of each fold as of its start, which all models share."""
    parts = [(fold, dataset.as_of(fold.valid_start, fold.start)) for fold in folds]
    return [FoldData(fold, part, part.panel()) for fold, part in parts]


def run_fit(fit: Fit, dataset: Dataset) -> OutOfFold:
    """Fit scalers and model on the past of a fold, and forecast the rows of the fit."""
    if fit.name == PARITY:
        return parity.forecast(
            dataset, fit.candidate.name, dict(fit.candidate.params), fit.candidate.settings, fit.fold, fit.rows
        )
    scalers = fit_scalers(dataset.features, dataset.spec, _recent(dataset, fit.fold.train, fit.window))
    panel = dataset.panel(scalers)
    inside = (panel, fit.fold) if fit.window is None else _within(panel, fit.fold, fit.window)
    model = fitting.learn(prototype(fit.candidate), fit.candidate.settings.stops(fit.candidate.name), *inside)
    return out_of_fold.forecast_rows(fit.candidate.name, model, panel, fit.rows)


def calibrated_forecasts(
    candidate: Candidate, data: Sequence[FoldData], results: Sequence[OutOfFold], plan: Plan = EVERY_FOLD
) -> pd.DataFrame:
    """Calibrate what the fits forecast, fold by fold.

    The first fold is calibrated on the folds of its own past, each later one on the forecasts of those before, too.

    Args:
        candidate: the model that was fitted.
        data: the folds in order.
        results: forecasts of `run_fit` for each of the `fits`, in their order.
        plan: plan of the `fits`.

    Returns:
        The forecasts table, in units of the adjusted close, with a column `fold` from 1 on.
    """
    groups = refit_groups(candidate, data[0].panel, [part.fold for part in data], plan)
    n_past = len(results) - len(groups)
    by_fold = {number: result for group, result in zip(groups, results[n_past:], strict=True) for number in group}
    past, tables = out_of_fold.join(results[:n_past]) if n_past else None, []
    for number, part in enumerate(data):
        model = Replay(by_fold[number], prototype(candidate))
        forecaster = _forecaster(candidate, part, model, past)
        origins, panel = part.fold.origins, part.panel
        tables.append(forecaster.table(panel, origins, panel.close[origins]).assign(fold=number + 1))
        if past is not None:
            known = origins[panel.ahead[origins] >= panel.spec.horizon]
            past = out_of_fold.join([past, OutOfFold(known, model.predict(panel, known))])
    return pd.concat(tables, ignore_index=True)


def walk_forward(
    name: str, params: dict[str, Any], dataset: Dataset, folds: Sequence[Fold], settings: Settings = DEFAULTS,
    plan: Plan = EVERY_FOLD,
) -> pd.DataFrame:  # fmt: skip
    """Forecast every fold by a model, scalers and calibration that know nothing of it, one fit after the other.

    Args:
        name: name of the model.
        params: hyperparameters of the model.
        dataset: dataset to walk through; its own spans only decide which tickers are long enough to be in it.
        folds: folds in order, as `newest_folds` makes them.
        settings: how the forecasters are made of the model.
        plan: window, and how often to refit; its number of folds is not used.

    Returns:
        The forecasts table, in units of the adjusted close, with a column `fold`.
    """
    candidate = Candidate(name, params, settings)
    results = [run_fit(fit, dataset) for fit in fits(candidate, dataset, folds, plan)]
    return calibrated_forecasts(candidate, fold_data(dataset, folds), results, plan)


def _forecaster(candidate: Candidate, data: FoldData, model: Replay, past: OutOfFold | None) -> Forecaster:
    settings, calibration = candidate.settings, None
    if past is not None:
        before = past.before(data.dataset, data.fold.start)
        calibration = calibrate(before.forecast, data.panel, before.origins, settings.mondrian, settings.online)
    until = fitting.seen_until(data.panel, data.fold)
    return Forecaster(
        candidate.name, model, calibration, data.dataset.spec, data.dataset.scalers, until, settings=settings
    )


def _recent(dataset: Dataset, origins: np.ndarray, window: pd.Timestamp | None) -> np.ndarray:
    if window is None:
        return origins
    return origins[(dataset.features["date"] >= window).to_numpy()[origins]]


def _within(panel: Panel, fold: Fold, window: pd.Timestamp) -> tuple[Panel, Fold]:
    """Return the panel from a date on, and the fold in its row numbers, without origins that lack context there."""
    keep = panel.dates >= window.to_datetime64()
    arrays: dict[str, Any] = {
        field.name: value[keep]
        for field in fields(panel)
        if isinstance(value := getattr(panel, field.name), np.ndarray)
    }
    recent = replace(panel, **arrays, bars=panel.bars[keep].reset_index(drop=True))
    usable, new_row = recent.context(panel.spec.max_lookback), np.cumsum(keep) - 1
    kept = {name: new_row[rows[keep[rows]]] for name in _LEARNED for rows in [getattr(fold, name)]}
    return recent, replace(fold, **{name: rows[usable[rows]] for name, rows in kept.items()})
