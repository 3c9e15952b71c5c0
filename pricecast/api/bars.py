"""Bars of any table or file as the prices table that all other calls take."""

import logging
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from pricecast.data import quality, sources
from pricecast.data.column_names import SPELLINGS, has_all, locate
from pricecast.data.sources import Request
from pricecast.schema import PRICES

# The ticker of a table that names none.
UNNAMED = "SERIES"
Bars: TypeAlias = pd.DataFrame | str | PathLike[str]
_log = logging.getLogger(__name__)


def read_bars(bars: Bars) -> pd.DataFrame:
    """Return clean daily bars, sorted by ticker and date; what is dropped or repaired is logged as a warning.

    Args:
        bars: a file, a folder of files, or a table: columns date, open, high, low, close and, where there are any,
            ticker, volume and adj_close, in most spellings; dates and tickers may stand in the index, tickers in
            the columns, as yfinance has them. Bars of a day that is not over are dropped. A table without tickers
            is of one, named SERIES.

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
    prices, report = quality.clean(_raw(bars), as_of=Request().as_of, strict=False, allow_splits=False)
    for finding in report["findings"]:
        if finding["action"] in ("dropped", "repaired"):
            _log.warning("%s: %d bars %s", finding["kind"], finding["count"], finding["action"])
    return prices


def _raw(bars: Bars) -> pd.DataFrame:
    """Return the columns of `PRICES`, not clean yet."""
    if not isinstance(bars, pd.DataFrame):
        return sources.load(Request(source="csv", path=fspath(bars)))
    table = _with_index(_stacked(bars))
    places = locate([str(name) for name in table.columns], Path("the bars"))
    found = table.iloc[:, list(places.values())].set_axis(list(places), axis=1)
    defaults = pd.DataFrame({"ticker": UNNAMED, "volume": 0.0, "adj_close": np.nan}, index=found.index)
    raw = pd.concat([found, defaults[[name for name in defaults if name not in found]]], axis=1)
    if isinstance(raw["date"].dtype, pd.DatetimeTZDtype):
        # The day of a session is that of its exchange's own clock.
        raw["date"] = raw["date"].dt.tz_localize(None)
    return raw[list(PRICES)]


def _stacked(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose column names have two levels, fields and tickers, with a row per date and ticker."""
    if table.columns.nlevels != 2:
        return table
    fields = next((level for level in (0, 1) if has_all(["date", *_names(table, level)])), 0)
    levels = ["field", "ticker"] if fields == 0 else ["ticker", "field"]
    named = table.set_axis(table.columns.set_names(levels), axis=1)
    stacked = pd.DataFrame(named.stack("ticker", future_stack=True))
    return stacked.dropna(how="all").rename_axis(columns=None)


def _names(table: pd.DataFrame, level: int) -> list[str]:
    return [str(name) for name in table.columns.unique(level)]


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with dates and tickers as columns, where they stand in the index."""
    index = table.index.to_frame(index=False)
    dates = [name for name in index if pd.api.types.is_datetime64_any_dtype(index[name])]
    known = {spelling for field in ("date", "ticker") for spelling in SPELLINGS[field]}
    index = index.rename(columns={name: "date" for name in dates if str(name).lower() not in known})
    kept = [name for name in index if str(name).lower() in known and name not in table.columns]
    return pd.concat([index[kept], table.reset_index(drop=True)], axis=1)
