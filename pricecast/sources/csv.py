"""Daily bars from CSV or parquet files: one file or a folder of them, one or many tickers.

Column names of Yahoo, Stooq, Quandl / Nasdaq Data Link and of our own tables are understood. The ticker comes
from a column or, without one, from the file's name (`AAPL.csv`, `aapl.us.txt`).
"""

import re
from csv import reader
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from pricecast import storage
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE, PRICE_COLUMNS, parse_ticker
from pricecast.sources import Request, listed

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
NULLS = {"", "-", ".", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat"}
THOUSANDS = r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?"
# ISO or YYYYMMDD, then perhaps a time of day and an offset; the local date is what counts.
DATE = re.compile(
    r"(\d{4})(-?)(\d{2})\2(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)
YEARS = (1800, 2200)


def fetch(request: Request) -> pd.DataFrame:
    """All bars of the file or folder at `request.path`.

    Raises:
        InputError: no such file, not readable, or not daily bars; the message names the file.
    """
    path = Path(request.path)
    if not request.path or not path.exists():
        raise InputError(f"expected a file or folder for the source csv, got {request.path!r}: give --path")
    if path.is_file():
        return _bars(path)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"expected files ending in {', '.join(SUFFIXES)} in {path}, got none: check the folder")
    return pd.concat([_bars(file) for file in files], ignore_index=True)


def _bars(path: Path) -> pd.DataFrame:
    table = _read(path)
    if table.empty:
        raise InputError(f"expected rows in {path}, got a header alone: give a file with daily bars")
    if "period" in table and (odd := set(table["period"].astype(str).str.upper()) - {"D"}):
        raise InputError(
            f"expected daily bars (D) in {path}, got the period {listed(sorted(odd))}: export daily ones"
        )
    bars = pd.DataFrame({"date": _dates(table["date"], path)})
    bars["ticker"] = _tickers(table.get("ticker"), len(table), path)
    _check_daily(bars, table.get("time"), path)
    for name in NUMBERS:
        if name in table:
            bars[name] = _numbers(table[name], name, path)
    for name in PRICE_COLUMNS:
        if not np.isfinite(bars[name]).any():
            raise InputError(f"expected numbers in the column {name} of {path}, got none: give complete daily bars")
    # Indices and exchange rates come without a volume.
    bars = bars if "volume" in bars else bars.assign(volume=0.0)
    return bars.assign(date=bars["date"].dt.normalize().astype(DATE_DTYPE))


def _read(path: Path) -> pd.DataFrame:
    """The file's known columns under our names; text columns stay text."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(SUFFIXES)}, got {path}: convert or rename it")
    if path.suffix.lower() == ".parquet":
        table = storage.read_parquet(path)
        table = table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
        where = _locate([str(name) for name in table.columns], path)
        return table.iloc[:, list(where.values())].set_axis(list(where), axis=1)
    header = _header(path)
    where = _locate(header, path)
    try:
        try:
            return _read_text(path, header, where, pa.float64())
        except pa.ArrowInvalid:
            return _read_text(path, header, where, pa.string())  # slower; finds odd numbers and names bad ones
    except pa.ArrowException as error:
        if "Empty CSV" in str(error):
            return pd.DataFrame()
        line = " ".join(str(error).split())[:160]
        raise InputError(
            f"expected a comma-separated UTF-8 text in {path}, got: {line}; export it again"
        ) from error


def _header(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16)
        if b"\0" in line:
            raise InputError(f"expected UTF-8 text in {path}, got UTF-16 or binary data: save it as CSV in UTF-8")
        return next(reader([line.decode("utf-8-sig")]), [])
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expected a readable UTF-8 text in {path}, got: {error}; save it as UTF-8") from error


def _read_text(path: Path, header: list[str], where: dict[str, int], number: pa.DataType) -> pd.DataFrame:
    text = pa.dictionary(pa.int32(), pa.string())  # dates and tickers repeat
    types = {str(i): number if field in NUMBERS else text for field, i in where.items()}
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(column_names=[str(i) for i in range(len(header))], skip_rows=1),
        convert_options=arrow_csv.ConvertOptions(column_types=types, include_columns=list(types)),
    )
    return table.to_pandas().set_axis(list(where), axis=1)


def _locate(columns: list[str], path: Path) -> dict[str, int]:
    """Where each field stands among the columns."""
    plain = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in columns]
    where = {}
    for field, spellings in SPELLINGS.items():
        for spelling in spellings:
            if plain.count(spelling) > 1:
                raise InputError(f"expected one column {spelling} in {path}, got {plain.count(spelling)}: keep one")
            if spelling in plain and field not in where:
                where[field] = plain.index(spelling)
    if missing := [field for field in REQUIRED if field not in where]:
        found = ", ".join(columns[:12]) or "nothing"
        raise InputError(
            f"expected the columns {', '.join(REQUIRED)} in {path}, got {found[:200]}: add {', '.join(missing)}"
        )
    return where


def _dates(column: pd.Series, path: Path) -> pd.Series:
    """Local moments without a time zone, checked to be dates of a market."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        moments = column.dt.tz_localize(None)
    else:
        codes, unique = pd.factorize(column)
        parsed = pd.Series([_moment(str(value)) for value in unique], dtype="datetime64[us]")
        moments = parsed.reindex(codes).reset_index(drop=True)
    wrong = moments.isna() | ~moments.dt.year.between(*YEARS)
    if wrong.any():
        value = column[wrong.to_numpy()].iloc[0]
        raise InputError(
            f"expected dates such as 2020-01-31 or 20200131, from {YEARS[0]} to {YEARS[1]}, in {path}, got "
            f"{str(value)!r:.60} in row {int(wrong.to_numpy().argmax()) + 1}: correct the column"
        )
    return moments.reset_index(drop=True)


def _moment(text: str) -> np.datetime64:
    match = DATE.fullmatch(text.strip())
    if not match:
        return np.datetime64("NaT")
    year, _, month, day, time, _ = match.groups()
    try:
        return np.datetime64(f"{year}-{month}-{day}T{time or '00:00'}", "us")
    except ValueError:  # such as a 31st of February
        return np.datetime64("NaT")


def _tickers(column: pd.Series | None, n: int, path: Path) -> np.ndarray:
    try:
        if column is None:
            return np.full(n, parse_ticker(path.stem), dtype=object)
        codes, unique = pd.factorize(column)
        tickers = np.array([parse_ticker(value) for value in unique] + [None], dtype=object)[codes]
    except InputError as error:
        raise InputError(f"{path}: {error}; name the file after its ticker or give a column ticker") from error
    if (codes < 0).any():
        raise InputError(f"expected a ticker in every row of {path}, got none in row {codes.argmin() + 1}: add it")
    return tickers


def _check_daily(bars: pd.DataFrame, time: pd.Series | None, path: Path) -> None:
    moments = bars.assign(day=bars["date"].dt.normalize())
    if time is None and moments["day"].eq(moments["date"]).all():
        return
    moments = moments.assign(time="" if time is None else time.astype(str).to_numpy())
    days = moments.drop_duplicates(["ticker", "date", "time"])
    again = days.duplicated(["ticker", "day"])
    if again.any():
        row = days[again].iloc[0]
        raise InputError(
            f"expected one bar a day in {path}, got several for {row['ticker']} on {row['day'].date()}: "
            "aggregate intraday bars to daily ones first"
        )


def _numbers(column: pd.Series, name: str, path: Path) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype="float64", na_value=np.nan)
    text = column.astype(str).str.strip()
    grouped = text.str.fullmatch(THOUSANDS)
    text = text.mask(grouped, text.str.replace(",", "", regex=False))
    values = pd.to_numeric(text, errors="coerce")
    bad = values.isna() & ~text.str.lower().isin(NULLS)
    if bad.any():
        raise InputError(
            f"expected numbers in the column {name} of {path}, got {text[bad].iloc[0]!r:.60} in row "
            f"{int(bad.to_numpy().argmax()) + 1}: correct the cell or leave it empty"
        )
    return values.to_numpy(dtype="float64")
