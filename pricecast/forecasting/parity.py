"""Live equals backtest: a bundle made without any later row gives the backtest's forecast for a cutoff."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricecast.dataset import subsets
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.features import SCALE_FLOOR
from pricecast.dataset.ordinary import repeats_itself
from pricecast.dataset.splits import Fold
from pricecast.forecasting.fitting import fit
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.settings import Settings
from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_COLUMNS

# Largest difference of a live forecast from the backtest's, in widths of its 90 % interval.
TOLERANCE = 1e-6


def forecast(
    dataset: Dataset, name: str, params: dict[str, Any], settings: Settings, fold: Fold, rows: np.ndarray
) -> OutOfFold:
    """Make a forecaster as of a fold's start from the rows up to one cutoff, and forecast from raw bars.

    Features, scalers, calibration and model are made anew, saved and loaded again; the forecaster gets only the
    bars that it asks for.

    Args:
        dataset: dataset with all rows.
        name: name of the model.
        params: hyperparameters of the model.
        settings: how the forecaster is made of the model.
        fold: fold at whose start the forecaster is made.
        rows: rows of the cutoff, one a ticker, (n,).

    Returns:
        The calibrated quantiles of the rows whose tickers have enough bars for a live forecast.
    """
    known_bars = dataset.bars[dataset.bars["date"] <= dataset.features["date"].iloc[rows[0]]].reset_index(drop=True)
    past = subsets.unspanned(dataset, known_bars).as_of(fold.valid_start, fold.start)
    fitted = fit(name, params, past, settings=settings)
    with tempfile.TemporaryDirectory() as folder:
        live = Forecaster.load(fitted.save(Path(folder) / "forecaster"))
    prices = subsets.prices(known_bars)
    bars = live.context.needed(prices).reset_index(drop=True)
    if bars.empty or (live.about.across and bars["ticker"].nunique() < prices["ticker"].nunique()):
        # A ticker is too young for a live forecast, and the model looks at all of them.
        nothing = np.empty((0, dataset.spec.horizon, len(QUANTILE_COLUMNS)))
        return OutOfFold(rows[:0], Forecast(nothing[:, :, MEDIAN], quantiles=nothing))
    table = live.predict_bars(bars)
    tickers = dataset.features["ticker"].to_numpy()[rows]
    known = rows[np.isin(tickers, table["ticker"].unique())]
    order = pd.Index(table["ticker"].unique()).get_indexer(dataset.features["ticker"].to_numpy()[known])
    quantiles = quantile_returns(table).reshape(-1, dataset.spec.horizon, len(QUANTILE_COLUMNS))[order]
    return OutOfFold(known, Forecast(quantiles[:, :, MEDIAN], quantiles=quantiles))


def difference(live: OutOfFold, dataset: Dataset, forecasts: pd.DataFrame) -> float:
    """Return the largest difference of live forecasts from a backtest's, in widths of its 90 % interval.

    Args:
        live: forecasts of one model.
        dataset: dataset that the origins are rows of.
        forecasts: the backtest's forecasts table of that model.

    Returns:
        NaN if there is none to compare.
    """
    compared = is_compared(live, dataset)
    rows = dataset.features.iloc[live.origins][["ticker", "date"]].rename(columns={"date": "cutoff"})
    backtest = rows[compared].merge(forecasts, on=["ticker", "cutoff"], how="left")
    returns = quantile_returns(backtest)
    assert live.forecast.quantiles is not None  # noqa: S101 - made by `forecast`
    relative = relative_difference(live.forecast.quantiles[compared].reshape(returns.shape), returns)
    return float(relative.max(initial=np.nan if backtest.empty else 0.0))


def is_compared(live: OutOfFold, dataset: Dataset) -> np.ndarray:
    """Mark the live forecasts, (n,), but of tickers whose prices repeat themselves: rounding decides those."""
    closes = dataset.features.groupby("ticker")["close"]
    regular = [ticker for ticker, close in closes if repeats_itself(close.to_numpy())]
    return ~dataset.features["ticker"].iloc[live.origins].isin(regular).to_numpy()


def quantile_returns(table: pd.DataFrame, suffix: str = "") -> np.ndarray:
    """Log returns from the last close to the quantiles of a forecasts table, (n, q).

    Args:
        table: `last_close` and the quantile columns, n rows.
        suffix: suffix of the column names, where the table holds two sets of them.
    """
    prices = table[[f"{name}{suffix}" for name in QUANTILE_COLUMNS]].to_numpy()
    return np.log(prices / table[[f"last_close{suffix}"]].to_numpy())


def relative_difference(live: np.ndarray, backtest: np.ndarray) -> np.ndarray:
    """Return the largest difference of each row's quantiles (n, q), in widths of the 90 % interval, (n,).

    Where a series is so regular that its interval has hardly any width, the largest quantile stands in for it.

    >>> relative_difference(np.array([[-2.0, 0.0, 2.5]]), np.array([[-2.0, 0.0, 2.0]]))
    array([0.125])
    >>> relative_difference(np.array([[7.99, 8.0, 8.0]]), np.array([[8.0, 8.0, 8.0]])).round(5)
    array([0.00125])
    """
    width = np.maximum(backtest[:, -1] - backtest[:, 0], np.abs(backtest).max(axis=1))
    return np.abs(live - backtest).max(axis=1) / np.maximum(width, SCALE_FLOOR)
