"""Walk forward: learn from the past of each fold, forecast the fold, calibrate on all forecasts before it.

Fits are independent of one another and take the time, so they come first, in any order and place; calibration needs
the forecasts of all folds before and takes none, so it comes after them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from pricecast import defaults, models
from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.forecasting import context, fitting, out_of_fold, parity
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.replay import Recorded
from pricecast.forecasting.settings import DEFAULTS, Settings, make

PARITY = "parity"
_PARTS = ("past", "train", "valid")  # of a fold, to learn from


@dataclass(frozen=True)
class Plan:
    """How to walk.

    Attributes:
        folds: how many.
        share: of the dates, the newest ones, that is walked through.
        window: "expanding" (learn from all of the past) or "rolling" (from as many dates as the first fold has).
        refit_every: folds that one fit of a model that stops early forecasts (these take the time); any other is
            fitted anew in each, and so is every calibration.
    """

    folds: int = defaults.FOLDS
    share: float = defaults.SHARE
    window: str = defaults.WINDOWS[0]
    refit_every: int = defaults.REFIT_EVERY


EVERY_FOLD = Plan()


@dataclass(frozen=True)
class Candidate:
    """A model to walk with: its name, parameters, and how its forecasters are made."""

    name: str
    params: Mapping[str, Any]
    settings: Settings = DEFAULTS


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit of a walk, and what it forecasts.

    Attributes:
        candidate: what is fitted.
        place: "past 1", "fold 3" and so on, or "parity".
        fold: what it learns from.
        rows: to forecast, in order; where a calibration goes on, those since the fit, too.
        window: the first date that it learns from, None for all.
    """

    candidate: Candidate
    place: str
    fold: Fold
    rows: np.ndarray
    window: pd.Timestamp | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """A fold, with the dataset and the panel as of its start."""

    fold: Fold
    own: Dataset
    panel: Panel


def folds(dataset: Dataset, count: int, share: float) -> list[Fold]:
    """Cut the newest share of the dates into folds of about equal length, each with all of its past behind it.

    Raises:
        InputError: there are fewer dates than folds, or a fold has nothing to learn from.
    """
    dates = np.sort(dataset.features["date"].unique())
    first = round((1 - share) * len(dates))
    places = [int(at) for at in np.linspace(first, len(dates), count + 1)[:-1]]
    distinct = len(set(places)) == count and first < len(dates)
    found = out_of_fold.cut(dataset, [pd.Timestamp(dates[at]) for at in places]) if distinct else []
    if len(found) < count or not all(len(fold.origins) for fold in found):
        raise InputError(
            f"expected dates enough for {count} folds in the newest {share:.0%} of {len(dates)} dates, each with "
            "a past to learn from, got too few: take fewer folds, a smaller share or a longer history"
        )
    return found


def fits(candidate: Candidate, dataset: Dataset, walked: Sequence[Fold], plan: Plan = EVERY_FOLD) -> list[Fit]:
    """All that has to be fitted for one model: the folds of the first fold's past, and the folds.

    A model that keeps its own quantiles needs nothing of the past.
    """
    first, found = walked[0], []
    if models.about(candidate.name).calibrate:
        own = dataset.as_of(first.valid_start, first.start)
        found = [
            Fit(candidate, f"past {number}", fold, fold.origins)
            for number, fold in enumerate(out_of_fold.folds(own), 1)
        ]
    panel, lookback = dataset.panel(), prototype(candidate).lookback
    for together in stretches(candidate, panel, walked, plan):
        rows = [_rows(panel, walked[at], lookback) for at in together]
        head = walked[together[0]]
        since = _window(dataset, first, head) if plan.window != defaults.WINDOWS[0] else None
        found.append(Fit(candidate, f"fold {together[0] + 1}", head, np.unique(np.concatenate(rows)), since))
    return found


def stretches(candidate: Candidate, panel: Panel, walked: Sequence[Fold], plan: Plan) -> list[list[int]]:
    """Return the folds that one fit forecasts, by their places; a ticker that has come since wants a fit that knows it."""
    longest = plan.refit_every if models.about(candidate.name).stops_early else 1
    found: list[list[int]] = []
    known: set[str] = set()
    for at, fold in enumerate(walked):
        if not found or len(found[-1]) == longest or not set(panel.tickers[fold.origins]) <= known:
            found.append([])
            known = set(panel.tickers[fold.origins])
        found[-1].append(at)
    return found


def parity_fit(candidate: Candidate, dataset: Dataset, first: Fold) -> Fit:
    """What `parity` compares: the first fold's last cutoff, forecast by a bundle that has no later row."""
    dates = dataset.features["date"].to_numpy()[first.origins]
    return Fit(candidate, PARITY, first, first.origins[dates == dates.max()])


def prototype(candidate: Candidate) -> models.Model:
    """Return the model of a candidate, not fitted."""
    return make(candidate.name, dict(candidate.params), candidate.settings)


def run(fit: Fit, dataset: Dataset) -> OutOfFold:
    """Fit scalers and model on the past of a fold, and forecasts."""
    if fit.place == PARITY:
        return parity.forecast(
            dataset, fit.candidate.name, dict(fit.candidate.params), fit.candidate.settings, fit.fold, fit.rows
        )
    scalers = fit_scalers(dataset.features, dataset.spec, _recent(dataset, fit.fold.train, fit.window))
    panel = dataset.panel(scalers)
    inside = (panel, fit.fold) if fit.window is None else _within(panel, fit.fold, fit.window)
    learned = fitting.learn(prototype(fit.candidate), fit.candidate.settings.stops(fit.candidate.name), *inside)
    return OutOfFold(fit.rows, learned.predict(panel, fit.rows))


def _recent(dataset: Dataset, origins: np.ndarray, window: pd.Timestamp | None) -> np.ndarray:
    if window is None:
        return origins
    return origins[(dataset.features["date"] >= window).to_numpy()[origins]]


def stages(dataset: Dataset, walked: Sequence[Fold]) -> list[Stage]:
    """What every model shares in the folds."""
    owned = [(fold, dataset.as_of(fold.valid_start, fold.start)) for fold in walked]
    return [Stage(fold, own, own.panel()) for fold, own in owned]


def forecasts(
    candidate: Candidate, through: Sequence[Stage], found: Sequence[OutOfFold], plan: Plan = EVERY_FOLD
) -> pd.DataFrame:
    """Calibrate what the fits forecast, fold by fold.

    The first fold is calibrated on the folds of its own past, each later one on the forecasts of those before, too.

    Args:
        candidate: what was fitted.
        through: the folds in order.
        found: what `run` made of `fits`, in that order.
        plan: as in `fits`.

    Returns:
        The forecasts table, in units of the adjusted close, with a column `fold` from 1 on.
    """
    walked = [stage.fold for stage in through]
    together = stretches(candidate, through[0].panel, walked, plan)
    before = len(found) - len(together)
    place = {at: before + number for number, own in enumerate(together) for at in own}
    past, tables = out_of_fold.join(found[:before]) if before else None, []
    for number, stage in enumerate(through):
        model = Recorded(found[place[number]], prototype(candidate))
        fitted = _forecaster(candidate, stage, model, past)
        origins, panel = stage.fold.origins, stage.panel
        tables.append(fitted.table(panel, origins, panel.close[origins]).assign(fold=number + 1))
        if past is not None:
            known = origins[panel.ahead[origins] >= panel.spec.horizon]
            past = out_of_fold.join([past, OutOfFold(known, model.predict(panel, known))])
    return pd.concat(tables, ignore_index=True)


def walk_forward(
    name: str, params: dict[str, Any], dataset: Dataset, walked: Sequence[Fold], settings: Settings = DEFAULTS,
    plan: Plan = EVERY_FOLD,
) -> pd.DataFrame:  # fmt: skip
    """Forecast every fold by a model, scalers and calibration that know nothing of it, one fit after the other.

    Args:
        name: of the model.
        params: of the model.
        dataset: to walk through; its own spans only decide which tickers it holds (those long enough for them).
        walked: folds in order, as `folds` makes them.
        settings: how to make the forecasters.
        plan: window and how often to refit; its folds are those given.

    Returns:
        The forecasts table, in units of the adjusted close, with a column `fold`.
    """
    candidate = Candidate(name, params, settings)
    found = [run(fit, dataset) for fit in fits(candidate, dataset, walked, plan)]
    return forecasts(candidate, stages(dataset, walked), found, plan)


def _forecaster(candidate: Candidate, stage: Stage, model: Recorded, past: OutOfFold | None) -> Forecaster:
    settings, calibrated = candidate.settings, None
    if past is not None:
        before = past.before(stage.own, stage.fold.start)
        calibrated = calibrate(before.forecast, stage.panel, before.origins, settings.mondrian, settings.online)
    until = fitting.seen_until(stage.panel, stage.fold)
    return Forecaster(
        candidate.name, model, calibrated, stage.own.spec, stage.own.scalers, until, settings=settings
    )


def _rows(panel: Panel, fold: Fold, lookback: int) -> np.ndarray:
    """Return the origins of a fold, and those since its forecaster was made, whose outcomes may move the quantiles."""
    since = pd.Timestamp(fitting.seen_until(panel, fold))
    return np.union1d(fold.origins, context.walked_rows(panel, fold.origins, lookback, since))


def _window(dataset: Dataset, first: Fold, fold: Fold) -> pd.Timestamp:
    """Return the first of as many dates before a fold as there are before the first one."""
    dates = np.sort(dataset.features["date"].unique())
    longest = np.searchsorted(dates, first.start.to_datetime64())
    return pd.Timestamp(dates[np.searchsorted(dates, fold.start.to_datetime64()) - longest])


def _within(panel: Panel, fold: Fold, window: pd.Timestamp) -> tuple[Panel, Fold]:
    """Return the panel from a date on, and a fold's origins in it with all of their context there, by its row numbers."""
    keep = panel.dates >= window.to_datetime64()
    arrays: dict[str, Any] = {
        field.name: value[keep]
        for field in fields(panel)
        if isinstance(value := getattr(panel, field.name), np.ndarray)
    }
    recent = replace(panel, **arrays, bars=panel.bars[keep].reset_index(drop=True))
    usable, place = recent.context(panel.spec.max_lookback), np.cumsum(keep) - 1
    kept = {name: place[own[keep[own]]] for name in _PARTS for own in [getattr(fold, name)]}
    return recent, replace(fold, **{name: own[usable[own]] for name, own in kept.items()})
