"""The forecasts table, made of quantiles of returns, with the trading days that are forecast."""

import numpy as np
import pandas as pd

from pricecast.data import calendars
from pricecast.dataset.panel import Panel
from pricecast.schema import FORECASTS, MEDIAN, QUANTILE_COLUMNS

HISTORY = 2500  # bars, ten years, that tell a ticker's trading days


def forecast_table(
    panel: Panel, origins: np.ndarray, last_close: np.ndarray, quantiles: np.ndarray, name: str
) -> pd.DataFrame:
    """Return the forecasts table of quantiles of log returns.

    Args:
        panel: panel that the origins are rows of.
        origins: row numbers, (n,).
        last_close: close of each origin, (n,); the table has its units.
        quantiles: quantiles of the log returns from it, (n, h, q).
        name: name of the model.
    """
    n, horizon = quantiles.shape[:2]
    flat = (last_close[:, None, None] * np.exp(quantiles)).reshape(n * horizon, -1)
    table = pd.DataFrame({
        "ticker": np.repeat(panel.tickers[origins], horizon),
        "cutoff": np.repeat(panel.dates[origins], horizon),
        "horizon": np.tile(np.arange(1, horizon + 1), n),
        "date": forecast_dates(panel, origins).ravel(),
        "model": name,
        "last_close": np.repeat(last_close, horizon),
        "forecast": flat[:, MEDIAN],
        **dict(zip(QUANTILE_COLUMNS, flat.T, strict=True)),
        "actual": (last_close[:, None] * np.exp(panel.returns(origins))).ravel(),
    })  # fmt: skip
    return table[list(FORECASTS)]


def forecast_dates(panel: Panel, origins: np.ndarray) -> np.ndarray:
    """Return the trading days that are forecast, (n, h): the panel's where it has them, then the calendar's."""
    horizon = panel.spec.horizon
    steps = np.arange(1, horizon + 1)
    ahead = panel.ahead[origins, None]
    later = np.where(steps <= ahead, origins[:, None] + steps, origins[:, None])
    dates = panel.dates[later]
    for ticker in np.unique(panel.tickers[origins[panel.ahead[origins] < horizon]]):
        rows = panel.tickers[origins] == ticker
        last = (origins[rows] + panel.ahead[origins[rows]]).max()
        own = slice(max(0, last + 1 - HISTORY), last + 1)
        known = pd.DatetimeIndex(panel.dates[own][panel.tickers[own] == ticker])
        coming = calendars.next_sessions(ticker, known[-1], horizon, known).to_numpy().astype(dates.dtype)
        beyond = steps - ahead[rows] - 1
        dates[rows] = np.where(beyond >= 0, coming[np.maximum(beyond, 0)], dates[rows])
    return dates
