"""Tickers, values and lists of the user's as they may stand in a message; no table and no array is needed here."""

import re
from collections.abc import Iterable

from pricecast.errors import InputError

TICKER_PATTERN = re.compile(r"^[A-Z0-9^][A-Z0-9.:^=-]{0,23}$")


def parse_ticker(text: str) -> str:
    """Return the ticker in upper case.

    Raises:
        InputError: the text is no ticker.
    """
    ticker = text.strip() if isinstance(text, str) else ""
    # Only ASCII has one upper case that everybody expects: upper() makes "SS" of a sharp s.
    if not (ticker.isascii() and TICKER_PATTERN.fullmatch(ticker.upper())):
        raise InputError(
            f"expected a ticker such as AAPL, ^GSPC, BRK-B, EURUSD=X or 0700.HK, got {short(text)}: "
            "use 1 to 24 of the characters A-Z 0-9 . : ^ = - (the first A-Z, 0-9 or ^)"
        )
    return ticker.upper()


def short(value: object, limit: int = 40) -> str:
    """Return a value of the user's as it may stand in a message."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def listed(items: Iterable[object], limit: int = 8) -> str:
    """Return the first items with commas, and how many follow."""
    names = [str(item) for item in items]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
