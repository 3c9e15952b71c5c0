"""Parsing of tickers, in files and in tables alike; `number_formats` and `date_formats` have the other cells."""

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.text import parse_ticker


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
