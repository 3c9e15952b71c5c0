"""Daily bars from CSV or parquet files: one file or a folder of them, one or many tickers.

Column names of Yahoo, Stooq, Quandl / Nasdaq Data Link and of our own tables are understood. The ticker comes
from a column or, without one, from the file's name (`AAPL.csv`, `aapl.us.txt`).
"""

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pricecast.data import parsing
from pricecast.data.sources import Request, check_held
from pricecast.data.texts import files as text_files
from pricecast.data.texts.column_names import NUMBERS, NoBarsError, has_all, locate, volumes
from pricecast.data.texts.date_formats import dates
from pricecast.data.texts.layout import layout
from pricecast.data.texts.number_columns import numbers
from pricecast.data.texts.periods import not_daily
from pricecast.errors import InputError
from pricecast.files import read_parquet
from pricecast.schema import PRICE_COLUMNS
from pricecast.table_checks import check_single_header
from pricecast.text import listed

_log = logging.getLogger(__name__)

LIVE = False
SUFFIXES = (".csv", ".txt", ".parquet")


def fetch(request: Request) -> pd.DataFrame:
    """Read the bars of the file or folder at `request.path`: all, or those of the tickers asked for.

    What was not asked for is never an error. Without tickers, a file of a folder that has no bars is left out.

    Raises:
        InputError: no such file, not readable, not daily bars, or a ticker is not there; it names the file.
    """
    if not os.path.exists(request.path):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise InputError(f"expected a file or folder for the source csv, got {request.path!r}: give --path")
    path = Path(request.path)
    if path.is_file():
        held, bars = _bars(path, request.tickers)
        check_held(request, held)
        return bars
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"expected files ending in {', '.join(SUFFIXES)} in {path}, got none: check the folder")
    return _folder(files, request)


def _folder(files: list[Path], request: Request) -> pd.DataFrame:
    """Return the bars of the files that have any of those asked for, and tell which files were left out."""
    held: set[str] = set()
    tables, left_out = [], []
    by_name = True  # whether each ticker that was asked for is in a file of its name
    for file in files:
        own = parsing.ticker_of(file.stem)
        try:
            _check_visible(file)
            found, bars = _bars(file, request.tickers)
        except InputError as error:
            if own in request.tickers or not (request.tickers or isinstance(error, NoBarsError)):
                raise
            left_out.append(error)
            continue
        held |= found
        tables += [bars] if len(bars) else []
        by_name &= set(bars["ticker"]) <= {own}
    broken = [error for error in left_out if not isinstance(error, NoBarsError)]
    if left_out and (not held or (broken and not by_name)):
        raise (broken or left_out)[0]  # which may hold what was asked for
    for reason in left_out:
        _log.warning("left out: %s", reason)
    check_held(request, held)
    return pd.concat(tables, ignore_index=True)


def _check_visible(path: Path) -> None:
    if path.name.startswith("."):  # such as ._AAPL.csv, which macOS puts beside AAPL.csv
        raise NoBarsError(f"expected a file with daily bars, got the hidden file {path}: remove it")


def _bars(path: Path, asked: Sequence[str]) -> tuple[set[str], pd.DataFrame]:
    """Return the tickers that a file holds, and its bars of those asked for, by default of all."""
    own = parsing.ticker_of(path.stem)
    if asked and own and own not in asked and _is_named(path):
        return {own}, pd.DataFrame({"ticker": []})
    table, plain = _read(path, asked)
    if table.empty:
        raise NoBarsError(f"expected rows in {path}, got a header alone: give a file with daily bars")
    names = table["ticker"] if "ticker" in table else pd.Series(path.stem, index=table.index)
    tickers = parsing.tickers(names, str(path), lenient=bool(asked) and "ticker" in table)
    rows = pd.Series(tickers).isin(asked).to_numpy() if asked else np.ones(len(table), bool)
    held = set(tickers) - {None}
    if not rows.any():
        return held, pd.DataFrame({"ticker": []})
    chosen = table[rows]
    if "period" in table and (others := not_daily(chosen["period"])):
        raise InputError(f"expected daily bars (D) in {path}, got the period {listed(others)}: export daily ones")
    bars = pd.DataFrame({"date": dates(table["date"], str(path), tickers, rows), "ticker": tickers[rows]})
    _check_daily(bars, chosen.get("time"), path)
    bars = bars.assign(**numbers(table[[name for name in NUMBERS if name in table]], str(path), rows, plain))
    for name in PRICE_COLUMNS:
        if not np.isfinite(bars[name]).any():
            raise InputError(f"expected numbers in the column {name} of {path}, got none: give complete daily bars")
    # Indices and exchange rates come without a volume.
    return held, bars if "volume" in bars else bars.assign(volume=0.0)


def _read(path: Path, asked: Sequence[str]) -> tuple[pd.DataFrame, bool]:
    """Return the file's known columns under our names, and whether its numbers have a decimal point by custom.

    Text columns stay text.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(SUFFIXES)}, got {path}: convert or rename it")
    if path.suffix.lower() == ".parquet":
        table = read_parquet(path)
        check_single_header(table, str(path))
        if not isinstance(table.index, pd.RangeIndex):
            table = pd.concat([table.index.to_frame(index=False), table.reset_index(drop=True)], axis=1)
        places = _located([str(name) for name in table.columns], path)
        return table.iloc[:, list(places.values())].set_axis(list(places), axis=1), True
    about = layout(path, has_all)
    places = _located(about.header, path)
    skip = partial(_is_of_others, places.get("ticker"), asked) if asked else None
    table = text_files.read(path, about, places, NUMBERS, skip)
    # Columns that semicolons part are mostly of a country with a decimal comma.
    return table, about.delimiter == ","


def _located(columns: list[str], path: Path) -> dict[str, int]:
    places = locate(columns, path)
    if "volume" not in places and (several := volumes(columns)):
        _log.warning("%s has no volume: rename one of %s to volume", path, listed(several))
    return places


def _is_named(path: Path) -> bool:
    """Return True for a text without a column of tickers, which is named after its ticker."""
    is_text = path.suffix.lower() in (".csv", ".txt")
    return is_text and "ticker" not in locate(layout(path, has_all).header, path)


def _is_of_others(place: int | None, asked: Sequence[str], cells: list[str]) -> bool:
    """Return True if a line names a ticker, and nowhere one that was asked for: its cells may have moved."""
    name = "" if place is None else "".join(cells[place : place + 1]).strip()
    is_name = name.isdigit() or name.strip("0123456789.,:/-")  # and no date or price
    return bool(is_name) and {*map(parsing.ticker_of, cells)}.isdisjoint(asked)


def _check_daily(bars: pd.DataFrame, time: pd.Series | None, path: Path) -> None:
    moments = bars.assign(day=bars["date"].dt.normalize())
    if time is None and moments["day"].eq(moments["date"]).all():
        return
    moments = moments.assign(time="" if time is None else time.astype(str).to_numpy())
    distinct = moments.drop_duplicates(["ticker", "date", "time"])
    intraday = distinct.duplicated(["ticker", "day"])
    if intraday.any():
        row = distinct[intraday].iloc[0]
        raise InputError(
            f"expected one bar a day in {path}, got several for {row['ticker']} on {row['day'].date()}: "
            "aggregate intraday bars to daily ones first"
        )
