"""Parsing of tickers, in files and in tables alike; `texts` has the other cells."""

import logging

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.text import parse_ticker

_log = logging.getLogger(__name__)


def tickers(column: pd.Series, where: str, lenient: bool = False) -> np.ndarray:
    """Parse tickers into upper case.

    Args:
        column: text.
        where: the table's name in messages.
        lenient: return None for a text that is not a ticker; a warning counts those that are empty.

    Raises:
        InputError: a cell is empty, or not a ticker.

    >>> tickers(pd.Series(["aapl", " IBM "]), "a.csv").tolist()
    ['AAPL', 'IBM']
    """
    try:
        codes, unique = pd.factorize(column)
    except TypeError as error:  # lists or dicts
        raise InputError(f"expected text in the column ticker of {where}, got: {error}; correct it") from error
    empty = np.array([str(value).strip() == "" for value in unique] + [True])[codes]
    if empty.any() and lenient:
        _log.warning("left out: rows without a ticker in %s, %d of them", where, empty.sum())
    elif empty.any():
        raise InputError(f"expected a ticker in every row of {where}, got none in row {empty.argmax() + 1}: add it")
    try:
        parsed = [ticker_of(value) if lenient else parse_ticker(value) for value in unique]
    except InputError as error:
        raise InputError(f"{where}: {error}; name the file after its ticker or give a column ticker") from error
    return np.array([*parsed, None], dtype=object)[codes]


def ticker_of(text: str) -> str | None:
    """Return a ticker in upper case, None where the text is not one.

    >>> ticker_of("aapl.us"), ticker_of("READ ME")
    ('AAPL.US', None)
    """
    try:
        return parse_ticker(text)
    except InputError:
        return None
