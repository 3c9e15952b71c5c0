"""Daily bars from CSV or parquet files: one file or a folder of them, one or many tickers.

Column names of Yahoo, Stooq, Quandl / Nasdaq Data Link and of our own tables are understood. The ticker comes
from a column or, without one, from the file's name (`AAPL.csv`, `aapl.us.txt`).
"""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from pricecast.data import parsing, text_files
from pricecast.data.date_formats import dates
from pricecast.data.number_formats import numbers
from pricecast.data.sources import Request
from pricecast.errors import InputError
from pricecast.files import read_parquet
from pricecast.schema import PRICE_COLUMNS
from pricecast.table_checks import check_single_header
from pricecast.text import listed

LIVE = False
SUFFIXES = (".csv", ".txt", ".parquet")
# Accepted names per field, the first match wins. "Adj. Open" becomes adj_open and is never taken for open.
SPELLINGS = {
    "date": ("date", "datetime", "timestamp"), "ticker": ("ticker", "symbol", "name"), "open": ("open",),
    "high": ("high",), "low": ("low",), "close": ("close",), "volume": ("volume", "vol"),
    "adj_close": ("adj_close", "adjclose", "adjusted_close"), "time": ("time",), "period": ("per",),
}  # fmt: skip
REQUIRED = ("date", *PRICE_COLUMNS)
NUMBERS = (*PRICE_COLUMNS, "adj_close", "volume")


def fetch(request: Request) -> pd.DataFrame:
    """Read all bars of the file or folder at `request.path`.

    Raises:
        InputError: no such file, not readable, or not daily bars; the message names the file.
    """
    if not os.path.exists(request.path):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise InputError(f"expected a file or folder for the source csv, got {request.path!r}: give --path")
    path = Path(request.path)
    if path.is_file():
        return _bars(path)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"expected files ending in {', '.join(SUFFIXES)} in {path}, got none: check the folder")
    return pd.concat([_bars(file) for file in files], ignore_index=True)


def _bars(path: Path) -> pd.DataFrame:
    table, plain = _read(path)
    if table.empty:
        raise InputError(f"expected rows in {path}, got a header alone: give a file with daily bars")
    if "period" in table and (others := set(table["period"].astype(str).str.upper()) - {"D"}):
        raise InputError(
            f"expected daily bars (D) in {path}, got the period {listed(sorted(others))}: export daily ones"
        )
    names = table["ticker"] if "ticker" in table else pd.Series(path.stem, index=table.index)
    tickers = parsing.tickers(names, str(path))
    bars = pd.DataFrame({"date": dates(table["date"], str(path), tickers), "ticker": tickers})
    _check_daily(bars, table.get("time"), path)
    bars = bars.assign(**numbers(table[[name for name in NUMBERS if name in table]], str(path), plain=plain))
    for name in PRICE_COLUMNS:
        if not np.isfinite(bars[name]).any():
            raise InputError(f"expected numbers in the column {name} of {path}, got none: give complete daily bars")
    # Indices and exchange rates come without a volume.
    return bars if "volume" in bars else bars.assign(volume=0.0)


def _read(path: Path) -> tuple[pd.DataFrame, bool]:
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
        places = _locate([str(name) for name in table.columns], path)
        return table.iloc[:, list(places.values())].set_axis(list(places), axis=1), True
    about = text_files.layout(path, _has_all)
    table = text_files.read(path, about, _locate(about.header, path), NUMBERS)
    # Columns that semicolons part are mostly of a country with a decimal comma.
    return table, about.delimiter == ","


def _has_all(columns: list[str]) -> bool:
    plain = {_plain(name) for name in columns}
    return all(plain & {*SPELLINGS[field]} for field in REQUIRED)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _locate(columns: list[str], path: Path) -> dict[str, int]:
    """Return the position of each known field among the columns."""
    plain = [_plain(name) for name in columns]
    places: dict[str, int] = {}
    for field, spellings in SPELLINGS.items():
        for spelling in spellings:
            if plain.count(spelling) > 1:
                raise InputError(f"expected one column {spelling} in {path}, got {plain.count(spelling)}: keep one")
            if spelling in plain and field not in places:
                places[field] = plain.index(spelling)
    if missing := [field for field in REQUIRED if field not in places]:
        present = ", ".join(columns[:12]) or "nothing"
        raise InputError(
            f"expected the columns {', '.join(REQUIRED)} in {path}, got {present[:200]}, missing: "
            f"{', '.join(missing)}: add them"
        )
    return places


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
