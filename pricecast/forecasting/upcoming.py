"""Forecasts of the days after the last bar, by a forecaster that has learned from all bars up to it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pricecast.data.calendars import day
from pricecast.dataset.checks import has_context
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.failures import Failure, ModelError, one_model
from pricecast.forecasting.fitting import fit, refit, walk_past
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_plan import Candidate
from pricecast.text import listed

_log = logging.getLogger(__name__)


def refitted(forecaster: Forecaster, dataset: Dataset, past: OutOfFold | None = None) -> Forecaster:
    """Fit a judged forecaster once more on all rows; see `fitting.refit`.

    Args:
        forecaster: as it was judged, just fitted or loaded from a file.
        dataset: dataset that it was judged on; where it was fitted on another, all is fitted anew.
        past: out-of-fold forecasts that it was calibrated on; without them, the past is walked through again.
    """
    if forecaster.spec != dataset.spec:
        # What it was calibrated on are rows of another dataset.
        return fitted_on_all(Candidate(forecaster.name, forecaster.params, forecaster.settings), dataset)
    known = forecaster.past or past
    if known is None and forecaster.calibration is not None:
        known = walk_past(forecaster.name, forecaster.params, dataset, forecaster.settings)
    return refit(replace(forecaster, past=known), dataset)


def fitted_on_all(candidate: Candidate, dataset: Dataset) -> Forecaster:
    """Fit a model, first on the past alone for its calibration, then on all rows."""
    params = dict(candidate.params)
    return refit(fit(candidate.name, params, dataset, settings=candidate.settings), dataset)


@dataclass(frozen=True, eq=False)
class Upcoming:
    """Forecast of the coming days.

    Attributes:
        name: label of the model, as it was judged.
        forecaster: the model, fitted on all rows.
        table: forecasts table without `actual`, in quoted prices.
        failures: models that were to forecast before it, and could not.
    """

    name: str
    forecaster: Forecaster
    table: pd.DataFrame
    failures: Mapping[str, Failure] = field(default_factory=dict)


def forecast_by_first(names: Sequence[str], make: Callable[[str], Forecaster], dataset: Dataset) -> Upcoming:
    """Forecast the coming days with the first of some models that can be fitted on all rows.

    Args:
        names: labels in the order of preference; the last one's failure is raised.
        make: returns the model of a label, fitted on all rows.
        dataset: dataset that it is fitted on.
    """
    failures = dict[str, Failure]()
    for name in names:
        try:
            with one_model(name, "be fitted on all rows"):
                forecaster = make(name)
                return Upcoming(name, forecaster, upcoming(forecaster, dataset).assign(model=name), failures)
        except ModelError as error:
            if name == names[-1]:
                raise
            failures[name] = error.failure
    raise ValueError("expected a name")


def upcoming(forecaster: Forecaster, dataset: Dataset) -> pd.DataFrame:
    """Forecast the next `horizon` trading days after the last bar of every ticker.

    Args:
        forecaster: forecaster that has learned from all rows.
        dataset: dataset that it was fitted on.

    Returns:
        The forecasts table without `actual`, in quoted prices. A ticker whose last days lack what the model looks
        at, or whose bars end long before those of others, has no row.

    Raises:
        InputError: no ticker can be forecast.
    """
    table = dataset.features
    last = ~table["ticker"].duplicated(keep="last")
    complete = has_context(table, dataset.spec.features, forecaster.model.lookback)
    origins = np.flatnonzero(last & complete)
    lacking = table.loc[last & ~complete, "ticker"]
    if not len(origins):
        raise InputError(
            f"expected a ticker whose last {forecaster.model.lookback} days have every feature, got none of "
            f"{listed(lacking)}: give bars without gaps at the end, or an earlier --end"
        )
    if len(lacking):
        _log.warning("not forecast: %s, whose last days lack features", listed(lacking))
    panel = dataset.panel(forecaster.scalers)
    made = forecaster.table(panel, origins, panel.quote[origins]).drop(columns="actual")
    return _unseen(made, forecaster)


def _unseen(table: pd.DataFrame, forecaster: Forecaster) -> pd.DataFrame:
    """Return the forecasts of the tickers whose coming days begin after all that the forecaster has learned from.

    Raises:
        InputError: there is none.
    """
    first = table.groupby("ticker")["date"].transform("min")
    seen = first <= pd.Timestamp(forecaster.fitted_until)
    late = table[seen].drop_duplicates("ticker")
    words = [f"{row.ticker} (bars until {day(row.cutoff)})" for row in late.itertuples()]
    if seen.all():
        raise InputError(
            f"expected bars up to {forecaster.fitted_until}, the last that {forecaster.name} has learned from, or "
            f"later, got {listed(words)}: name a model that was fitted before, or a later end"
        )
    if words:
        _log.warning("not forecast: %s, as %s has learned from later days", listed(words), forecaster.name)
    return table[~seen].reset_index(drop=True)


def predict(
    forecaster: Forecaster, bars: pd.DataFrame, tickers: Sequence[str] = (), horizon: int = 0
) -> pd.DataFrame:
    """Forecast the days after the last bar of every ticker, by a forecaster that has not seen them.

    Args:
        forecaster: fitted forecaster.
        bars: prices table.
        tickers: tickers to forecast; none means all. Models that look across tickers see the others, too.
        horizon: trading days ahead; zero for all that the forecaster knows.

    Returns:
        The forecasts table without `actual`, in quoted prices.

    Raises:
        InputError: the horizon is longer than the forecaster's, or all bars end before what it has learned from.
    """
    longest = forecaster.spec.horizon
    if horizon > longest:
        raise InputError(
            f"expected at most the {longest} trading days ahead that {forecaster.name} was fitted for, got "
            f"{horizon}: fit a model with a longer horizon"
        )
    table = forecaster.predict_bars(bars)
    wanted = table["ticker"].isin(tickers) if tickers else table["ticker"].notna()
    return _unseen(table[wanted & (table["horizon"] <= (horizon or longest))], forecaster)
