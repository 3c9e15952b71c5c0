"""The plan of a walk-forward: its folds, and the fits that a model needs to forecast them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast import defaults, models
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.forecasting import context, fitting, out_of_fold
from pricecast.forecasting.settings import DEFAULTS, Settings, make

PARITY = "parity"


@dataclass(frozen=True)
class Plan:
    """Settings of a walk-forward.

    Attributes:
        folds: number of folds.
        share: share of the dates, the newest ones, that the folds cover.
        window: "expanding" (learn from all of the past) or "rolling" (from as many dates as the first fold has).
        refit_every: number of folds that one fit of a model that stops early forecasts (these take the time); any
            other model is fitted anew in each fold, and so is every calibration.
    """

    folds: int = defaults.FOLDS
    share: float = defaults.SHARE
    window: str = defaults.WINDOWS[0]
    refit_every: int = defaults.REFIT_EVERY


EVERY_FOLD = Plan()


@dataclass(frozen=True)
class Candidate:
    """An unfitted model: its name, its parameters, and how its forecasters are made."""

    name: str
    params: Mapping[str, Any]
    settings: Settings = DEFAULTS


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit of a walk-forward, and the rows that it forecasts.

    Attributes:
        candidate: the model to fit.
        name: "past 1", "fold 3" and so on, or "parity".
        fold: the fold whose past it learns from.
        rows: sorted rows to forecast; where a calibration is updated after the fit, those since the fit, too.
        window: first date that it learns from, None for all.
    """

    candidate: Candidate
    name: str
    fold: Fold
    rows: np.ndarray
    window: pd.Timestamp | None = None


def newest_folds(dataset: Dataset, count: int, share: float) -> list[Fold]:
    """Cut the newest share of the dates into folds of about equal length, each with all of its past behind it.

    Raises:
        InputError: there are fewer dates than folds, or a fold has nothing to learn from.
    """
    dates = np.sort(dataset.features["date"].unique())
    first = round((1 - share) * len(dates))
    starts = [int(start) for start in np.linspace(first, len(dates), count + 1)[:-1]]
    distinct = len(set(starts)) == count and first < len(dates)
    folds = out_of_fold.cut(dataset, [pd.Timestamp(dates[start]) for start in starts]) if distinct else []
    if len(folds) < count or not all(len(fold.origins) for fold in folds):
        raise InputError(
            f"expected dates enough for {count} folds in the newest {share:.0%} of {len(dates)} dates, each with "
            "a past to learn from, got too few: take fewer folds, a smaller share or a longer history"
        )
    return folds


def prototype(candidate: Candidate) -> models.Model:
    """Return the unfitted model of a candidate."""
    return make(candidate.name, dict(candidate.params), candidate.settings)


def fits(candidate: Candidate, dataset: Dataset, folds: Sequence[Fold], plan: Plan = EVERY_FOLD) -> list[Fit]:
    """Return all fits of one model: those of the folds in the first fold's past, then those of the folds.

    A model that keeps its own quantiles needs no fits in the past.
    """
    first = folds[0]
    needed = _past_fits(candidate, dataset, first) if models.about(candidate.name).calibrate else []
    panel, lookback = dataset.panel(), prototype(candidate).lookback
    for group in refit_groups(candidate, panel, folds, plan):
        rows = [_rows(panel, folds[number], lookback) for number in group]
        head = folds[group[0]]
        since = _window(dataset, first, head) if plan.window != defaults.WINDOWS[0] else None
        needed.append(Fit(candidate, f"fold {group[0] + 1}", head, np.unique(np.concatenate(rows)), since))
    return needed


def refit_groups(candidate: Candidate, panel: Panel, folds: Sequence[Fold], plan: Plan) -> list[list[int]]:
    """Return the numbers of the folds that share one fit, group by group, from 0 on.

    A ticker that is new in a fold begins a group, since the fit before does not know it.
    """
    longest = plan.refit_every if models.about(candidate.name).stops_early else 1
    groups: list[list[int]] = []
    known: set[str] = set()
    for number, fold in enumerate(folds):
        if not groups or len(groups[-1]) == longest or not set(panel.tickers[fold.origins]) <= known:
            groups.append([])
            known = set(panel.tickers[fold.origins])
        groups[-1].append(number)
    return groups


def parity_fit(candidate: Candidate, dataset: Dataset, first: Fold) -> Fit:
    """Return the fit that `parity` compares: the first fold's last cutoff, forecast without any later row."""
    dates = dataset.features["date"].to_numpy()[first.origins]
    return Fit(candidate, PARITY, first, first.origins[dates == dates.max()])


def _past_fits(candidate: Candidate, dataset: Dataset, first: Fold) -> list[Fit]:
    past = dataset.as_of(first.valid_start, first.start)
    folds = out_of_fold.past_folds(past)
    return [Fit(candidate, f"past {number}", fold, fold.origins) for number, fold in enumerate(folds, 1)]


def _rows(panel: Panel, fold: Fold, lookback: int) -> np.ndarray:
    """Return the origins of a fold, and those since its fit, whose outcomes may move the quantiles; (n,)."""
    since = pd.Timestamp(fitting.seen_until(panel, fold))
    return np.union1d(fold.origins, context.walked_rows(panel, fold.origins, lookback, since))


def _window(dataset: Dataset, first: Fold, fold: Fold) -> pd.Timestamp:
    """Return the first of as many dates before a fold as there are before the first one."""
    dates = np.sort(dataset.features["date"].unique())
    longest = np.searchsorted(dates, first.start.to_datetime64())
    return pd.Timestamp(dates[np.searchsorted(dates, fold.start.to_datetime64()) - longest])
