"""Bars of any table or file as the prices table that all other calls take."""

import logging
from os import PathLike, fspath
from typing import Any, TypeAlias

import pandas as pd

from pricecast.data import quality, reading, sources
from pricecast.data.calendars import LONG_OVER, count_closed, day
from pricecast.data.quality_rules import STRICT
from pricecast.errors import InputError
from pricecast.text import listed, short

# The ticker of a table that names none.
UNNAMED = "SERIES"
Bars: TypeAlias = pd.DataFrame | pd.Series | str | PathLike[str]
_log = logging.getLogger(__name__)


def read_bars(bars: Bars) -> pd.DataFrame:
    """Return clean daily bars, sorted by ticker and date.

    What is dropped or repaired is logged as a warning, and so are findings that somebody has to look at: gaps, bars
    of weeks or months, prices that were adjusted twice and so on (docs/data-quality.md).

    Args:
        bars: a file, a folder of files, or a table: columns date, open, high, low, close and, where there are any,
            ticker, volume and adj_close, in most spellings; dates and tickers may stand in the index, tickers in
            the columns, as yfinance has them; or a series of closes, named after its ticker or Close. The bars of
            a session that is not over are dropped. A table without tickers is of one, named SERIES.

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
    return _read(bars)[0]


def daily_bars(bars: Bars) -> pd.DataFrame:
    """Return clean bars as `read_bars` does, if they are daily: forecasts count trading days.

    Raises:
        InputError: `read_bars` raises one, or the bars of a ticker are of weeks, months or longer.
    """
    prices, report = _read(bars)
    for finding in report["findings"]:
        if finding["kind"] == "not_daily":
            raise InputError(
                f"expected daily bars, got bars of {listed(finding['tickers'])} that are mostly 5 or more days "
                "apart (of weeks, months, or hardly traded): give daily ones, or leave the ticker out"
            )
    return prices


def _read(bars: Bars) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return clean bars of days that are over, and the report of their quality, whose warnings are logged."""
    if not isinstance(bars, pd.DataFrame | pd.Series | str | PathLike):
        raise InputError(
            "expected bars as a DataFrame or Series of pandas or the path of a file or folder, got "
            f"{short(bars)}: give one"
        )
    raw = reading.read_bars(fspath(bars) if isinstance(bars, PathLike) else bars, unnamed=UNNAMED)
    now = sources.now()
    prices, report = quality.clean(_finished(raw, now), as_of=now, strict=False, allow_splits=False)
    quality.warn(report, STRICT)
    return prices, report


def _finished(raw: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Return bars, sorted by ticker and date, without those of a session that has begun and is not over."""
    dates = raw["date"].dt.normalize()
    recent = (dates <= now) & (now - dates < LONG_OVER)
    open_since = pd.Series(pd.NaT, raw["ticker"].unique(), dtype=dates.dtype)
    for ticker in raw.loc[recent, "ticker"].unique():
        own = pd.DatetimeIndex(dates[raw["ticker"].eq(ticker) & (dates <= now)].unique())
        count = count_closed(ticker, own, now)
        for date in own[count:]:
            _log.warning("%s: dropped the bar of %s, its session is not over", ticker, day(date))
        if count < len(own):
            open_since[ticker] = own[count]
    # What comes after this moment is left to the rules of quality.
    kept = raw[~(dates.ge(raw["ticker"].map(open_since)) & (dates <= now))]
    if kept.empty and not raw.empty:
        raise InputError("expected bars of days that are over, got none: give earlier ones, too")
    return kept
