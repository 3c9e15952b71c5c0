"""The reader of bars: any file or frame that holds them, as one table, and in words what it was taken for."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pricecast.data import parsing, tables
from pricecast.data.texts import date_formats, number_columns
from pricecast.data.texts.column_names import NUMBERS, NoBarsError
from pricecast.data.texts.file_names import name_of, ticker_in
from pricecast.data.texts.periods import not_daily
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE, PRICES, RANGE_COLUMNS
from pricecast.text import listed

_log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The bars of a file or frame.

    Attributes:
        held: all tickers that it holds.
        bars: of those that were asked for; volume, open, high and low are left out where it has none.
        notes: what was recognised, in words.
    """

    held: set[str]
    bars: pd.DataFrame
    notes: list[str]


def read_bars(
    source: str | Path | pd.DataFrame | pd.Series, tickers: Sequence[str] = (), unnamed: str = ""
) -> pd.DataFrame:
    """Read daily bars from a file, a folder of files or a frame, in any form that is understood.

    docs/your-data.md shows the forms: texts (perhaps packed), Excel and parquet of Yahoo, Stooq, Nasdaq,
    Investing.com, TradingView, Binance and others; frames of yfinance and of pandas. What is recognised is logged
    in one line. What can be read in two ways is refused with both.

    Args:
        source: path of a file or folder, a frame with date and ticker as columns or in the index, or a series of
            closes that is named after its ticker, or Close.
        tickers: to read, by default all. One names the bars of a frame or file that names none.
        unnamed: name of the bars of a frame that names none.

    Returns:
        The columns of `schema.PRICES`, sorted by ticker and date: dates are naive and local; what is not known is
        NaN. The bars are as they were written: duplicates, gaps and misprints are still there.

    Raises:
        InputError: it cannot be read, is ambiguous, holds no daily bars, or not those of a ticker asked for.

    >>> frame = pd.DataFrame({"AAPL": [1.5], "MSFT": [2.5]}, index=pd.DatetimeIndex(["2024-06-03"]))
    >>> read_bars(frame)[["ticker", "close"]].to_dict("list")
    {'ticker': ['AAPL', 'MSFT'], 'close': [1.5, 2.5]}
    """
    asked = tuple(map(parsing.parse_ticker, tickers))
    if isinstance(source, str | Path):
        # Here, because the sources stand on this module.
        from pricecast.data.sources import Request, load

        raw = load(Request("csv", asked, None, None, str(source), pd.Timestamp.max, 0))
    else:
        found = of_frame(source, asked, unnamed)
        _log.info("%s", said("the table", found))
        raw = complete(found.bars)
    return raw.sort_values(["ticker", "date"], kind="stable", ignore_index=True)


def of_file(path: Path, asked: Sequence[str] = (), alone: bool = True) -> Found:
    """Return the bars of a file.

    Args:
        path: of the file.
        asked: tickers, by default all.
        alone: it is no file of a folder, so that one ticker names the bars of a file that names none.

    Raises:
        InputError: it cannot be read, or does not hold daily bars.
    """
    name = name_of(path)
    own = ticker_in(name)
    if own is None and alone and len(asked) == 1:
        own = asked[0]
    if asked and own and own not in asked and path.suffix.lower() in (".csv", ".txt", ".tsv"):
        named = tables.tickers_in_header(path, asked)
        if named is None:
            return Found({own}, pd.DataFrame({"ticker": []}), [])
    table = tables.of_file(path, asked)
    return _found(table, str(path), own or name, asked)


def of_frame(frame: pd.DataFrame | pd.Series, asked: Sequence[str] = (), unnamed: str = "") -> Found:
    """Return the bars of a frame; without tickers in it, they are of the only one asked for, or `unnamed`."""
    table = tables.of_frame(frame, "the table", asked)
    if "ticker" not in table.frame and len(asked) != 1 and not unnamed:
        raise InputError(
            "expected a column or index level ticker in the table, or one ticker to read it as, got neither: name "
            "it, such as tickers=['AAPL']"
        )
    return _found(table, "the table", asked[0] if asked else unnamed, asked)


def _found(table: tables.Table, where: str, own: str, asked: Sequence[str]) -> Found:
    frame = table.frame
    if frame.empty:
        raise NoBarsError(f"expected rows in {where}, got a header alone: give a file with daily bars")
    names = frame["ticker"] if "ticker" in frame else pd.Series(own, index=frame.index)
    tickers = parsing.tickers(names, where, lenient=bool(asked) and "ticker" in frame)
    rows = pd.Series(tickers).isin(asked).to_numpy() if asked else np.ones(len(frame), bool)
    held = set(tickers) - {None}
    if not rows.any():
        return Found(held, pd.DataFrame({"ticker": []}), [])
    chosen = frame[rows]
    if "period" in frame and (others := not_daily(chosen["period"])):
        raise InputError(f"expected daily bars (D) in {where}, got the period {listed(others)}: export daily ones")
    moments, days = date_formats.parse(frame["date"], where, tickers, rows)
    bars = pd.DataFrame({"date": moments, "ticker": tickers[rows]})
    _check_daily(bars, chosen.get("time"), where)
    values, form = number_columns.parse(frame[[n for n in NUMBERS if n in frame]], where, rows, table.has_point)
    bars = _checked(bars.assign(**values), where)
    backwards = ["newest first"] if len(bars) > 1 and bars["date"].iloc[0] > bars["date"].iloc[-1] else []
    lacking = [] if "open" in bars else ["no open, high and low"]
    lacking += (
        [] if "volume" in bars or any(note.startswith("no volume") for note in table.notes) else ["no volume"]
    )
    return Found(held, bars, [note for note in (*table.notes, days, form, *backwards, *lacking) if note])


def _checked(bars: pd.DataFrame, where: str) -> pd.DataFrame:
    """Refuse a price without any number; leave open, high and low out where none of the three has one."""
    empty = [name for name in (*RANGE_COLUMNS, "close") if name in bars and not np.isfinite(bars[name]).any()]
    if empty == list(RANGE_COLUMNS):
        return bars.drop(columns=empty)
    if empty:
        raise InputError(
            f"expected numbers in the column {empty[0]} of {where}, got none: give complete daily bars"
        )
    return bars


def _check_daily(bars: pd.DataFrame, time: pd.Series | None, where: str) -> None:
    moments = bars.assign(day=bars["date"].dt.normalize())
    if time is None and moments["day"].eq(moments["date"]).all():
        return
    moments = moments.assign(time="" if time is None else time.astype(str).to_numpy())
    distinct = moments.drop_duplicates(["ticker", "date", "time"])
    intraday = distinct.duplicated(["ticker", "day"])
    if intraday.any():
        row = distinct[intraday].iloc[0]
        raise InputError(
            f"expected one bar a day in {where}, got several for {row['ticker']} on {row['day'].date()}: "
            "aggregate intraday bars to daily ones first"
        )


def complete(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars with all columns of `schema.PRICES`, NaN where one is not known."""
    types = dict.fromkeys(PRICES[2:], "float64") | {"date": DATE_DTYPE, "ticker": "object"}
    return bars.reindex(columns=list(PRICES)).astype(types)


def said(name: str, found: Found) -> str:
    """Return in one line what was read from where, and what it was taken for.

    >>> said("SPY.csv", Found({"SPY"}, pd.DataFrame({"ticker": ["SPY", "SPY"]}), ["comma", "dates day-first"]))
    'SPY.csv: comma, dates day-first; 2 bars of SPY'
    """
    return f"{name}: {summary(found.notes, found.bars['ticker'])}"


def summary(notes: Collection[str], tickers: pd.Series) -> str:
    """Return what a table was taken for, with the number of its bars and their tickers."""
    bars = f"{len(tickers):,} bars of {listed(sorted(tickers.unique()), 4)}"
    return f"{', '.join(notes)}; {bars}" if notes else bars
