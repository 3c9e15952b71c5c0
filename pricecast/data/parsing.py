"""Parsing of dates, numbers and tickers as people and programs write them; nothing is guessed.

Files and tables alike are parsed here, so that a cell means the same wherever it comes from.
"""

import re

import numpy as np
import pandas as pd

from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.text import parse_ticker, short

NULLS = {"", "-", ".", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat"}
THOUSANDS = r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?"
# ISO or YYYYMMDD, then perhaps a time of day and an offset; the local date is what counts.
DATE = re.compile(
    r"(\d{4})(-?)(\d{2})\2(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)


def dates(column: pd.Series, where: str) -> pd.Series:
    """Parse dates into local moments without a time zone, datetime64.

    Args:
        column: dates, or text such as 2020-01-31, 20200131 or 2020-01-31 16:00:00-05:00.
        where: the table's name in messages.

    Raises:
        InputError: a cell is not a date, or of a year outside `YEARS`; the message shows the cell and its row.

    >>> dates(pd.Series(["20240328", "2024-03-28T16:00-04:00"]), "a.csv").astype(str).tolist()
    ['2024-03-28 00:00:00', '2024-03-28 16:00:00']
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(column):
        moments = column.dt.tz_localize(None)
    else:
        # As text first: equal instants of two time zones are two local dates.
        codes, unique = pd.factorize(_text(column))
        parsed = pd.Series([_moment(str(value)) for value in unique], dtype="datetime64[us]")
        moments = parsed.reindex(codes)
    no_date = (moments.isna() | ~moments.dt.year.between(*YEARS)).to_numpy()
    if no_date.any():
        raise InputError(
            f"expected dates such as 2020-01-31 or 20200131, from {YEARS[0]} to {YEARS[1]}, in {where}, got "
            f"{short(str(column[no_date].iloc[0]))} in row {int(no_date.argmax()) + 1}: correct the column"
        )
    return moments.reset_index(drop=True)


def _text(column: pd.Series) -> pd.Series:
    is_text = isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.infer_dtype(column) == "string"
    return column if is_text else column.map(str)


def _moment(text: str) -> np.datetime64:
    match = DATE.fullmatch(text.strip())
    if not match:
        return np.datetime64("NaT")
    year, _, month, day, time, _ = match.groups()
    try:
        return np.datetime64(f"{year}-{month}-{day}T{time or '00:00'}", "us")
    except ValueError:  # such as a 31st of February
        return np.datetime64("NaT")


def numbers(column: pd.Series, name: str, where: str) -> np.ndarray:
    """Parse numbers into float64, NaN where a cell is empty; text may group its thousands by commas.

    Args:
        column: numbers or text.
        name: the column's name in messages.
        where: the table's name in messages.

    Raises:
        InputError: a cell is not a number; the message shows the cell and its row.

    >>> numbers(pd.Series(["1,234.5", "n/a", "-2"]), "close", "a.csv").tolist()
    [1234.5, nan, -2.0]
    """
    types = pd.api.types
    if types.is_numeric_dtype(column) and not (types.is_bool_dtype(column) or types.is_complex_dtype(column)):
        with np.errstate(over="ignore"):
            return column.to_numpy(dtype="float64", na_value=np.nan)
    text = column.astype(object).map(str).str.strip()
    grouped = text.str.fullmatch(THOUSANDS)
    text = text.mask(grouped, text.str.replace(",", "", regex=False))
    missing = text.str.lower().isin(NULLS)
    no_number = (pd.to_numeric(text, errors="coerce").isna() & ~missing).to_numpy()
    if no_number.any():
        raise InputError(
            f"expected numbers in the column {name} of {where}, got {short(text[no_number].iloc[0])} in row "
            f"{int(no_number.argmax()) + 1}: correct the cell or leave it empty"
        )
    # Not what to_numeric made of them: it may miss the last digit, and a float has to come back as it was.
    return text.mask(missing).to_numpy(dtype="float64", na_value=np.nan)


def tickers(column: pd.Series, where: str) -> np.ndarray:
    """Parse tickers into upper case.

    Args:
        column: text.
        where: the table's name in messages.

    Raises:
        InputError: a cell is not a ticker.

    >>> tickers(pd.Series(["aapl", " IBM "]), "a.csv").tolist()
    ['AAPL', 'IBM']
    """
    try:
        codes, unique = pd.factorize(column)
    except TypeError as error:  # lists or dicts
        raise InputError(f"expected text in the column ticker of {where}, got: {error}; correct it") from error
    if (codes < 0).any():
        raise InputError(f"expected a ticker in every row of {where}, got none in row {codes.argmin() + 1}: add it")
    try:
        parsed = [parse_ticker(value) for value in unique]
    except InputError as error:
        raise InputError(f"{where}: {error}; name the file after its ticker or give a column ticker") from error
    return np.array(parsed, dtype=object)[codes]
