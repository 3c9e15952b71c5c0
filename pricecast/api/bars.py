"""Bars of any table or file as the prices table that all other calls take."""

import logging
from os import PathLike, fspath
from typing import TypeAlias

import pandas as pd

from pricecast.data import quality, reading
from pricecast.data.sources import Request

# The ticker of a table that names none.
UNNAMED = "SERIES"
Bars: TypeAlias = pd.DataFrame | pd.Series | str | PathLike[str]
_log = logging.getLogger(__name__)


def read_bars(bars: Bars) -> pd.DataFrame:
    """Return clean daily bars, sorted by ticker and date; what is dropped or repaired is logged as a warning.

    Args:
        bars: a file, a folder of files, or a table: columns date, open, high, low, close and, where there are any,
            ticker, volume and adj_close, in most spellings; dates and tickers may stand in the index, tickers in
            the columns, as yfinance has them; or a series of closes, named after its ticker or Close. Bars of a
            day that is not over are dropped. A table without tickers is of one, named SERIES.

    Returns:
        date, ticker, open, high, low, close, adj_close, volume.

    Raises:
        InputError: there is no such file, columns are missing, or the bars are broken beyond repair.

    >>> days = pd.DataFrame({"Open": 10.0, "High": [11, 12], "Low": 9.0, "Close": [10.5, 11.0]},
    ...                     index=pd.to_datetime(["2024-03-04", "2024-03-05"]))
    >>> read_bars(days)[["date", "ticker", "close", "volume"]]
            date  ticker  close  volume
    0 2024-03-04  SERIES   10.5     0.0
    1 2024-03-05  SERIES   11.0     0.0
    """
    raw = reading.read_bars(fspath(bars) if isinstance(bars, PathLike) else bars, unnamed=UNNAMED)
    prices, report = quality.clean(raw, as_of=Request().as_of, strict=False, allow_splits=False)
    for finding in report["findings"]:
        if finding["action"] in ("dropped", "repaired"):
            _log.warning("%s: %d bars %s", finding["kind"], finding["count"], finding["action"])
    return prices
