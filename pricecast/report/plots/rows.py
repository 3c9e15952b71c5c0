"""The rows of a forecasts table that a figure shows."""

import numpy as np
import pandas as pd

from pricecast.errors import InputError

# Points of a scatter plot: more only make a darker blot, and cost time.
MAX_POINTS = 4000


def select(forecasts: pd.DataFrame, model: str, ticker: str | None = None) -> pd.DataFrame:
    """Return the rows of a model, or those of a model and a ticker in order.

    Raises:
        InputError: there are none.
    """
    # The ticker first: of 600 tickers it leaves few rows for the other comparisons.
    rows = forecasts if ticker is None else forecasts[forecasts["ticker"] == ticker]
    rows = rows[rows["model"] == model]
    if rows.empty:
        what = f"the model {model}" + ("" if ticker is None else f" and the ticker {ticker}")
        raise InputError(f"expected forecasts of {what}, got none: choose a model and a ticker of this table")
    return rows if ticker is None else rows.sort_values(["cutoff", "horizon"])


def outcomes_of(forecasts: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of a model at the shortest horizon whose outcome is known."""
    first = forecasts["horizon"] == forecasts["horizon"].min()
    # The horizon first: comparing numbers is cheap, comparing names is not.
    rows = select(forecasts[first], model)
    return rows[rows["actual"].notna()]


def log_return(rows: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Return the log returns from the last close to a column of prices, in percent."""
    return pd.Series(100 * np.log(rows[column] / rows["last_close"]), index=rows.index)


def sample(count: int) -> np.ndarray:
    """Return the positions of at most MAX_POINTS rows, the same ones every time."""
    if count <= MAX_POINTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MAX_POINTS, replace=False))
