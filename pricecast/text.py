"""Tickers, and values and lists of the user's as they stand in a message."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pricecast.errors import InputError

# Characters of Yahoo's, Stooq's and Nasdaq Data Link's tickers: M&M.NS, BRK_B, ^GSPC, EURUSD=X. None of them ends a
# quoted word or the name of a folder, and the first is none that an option, a hidden file or a formula begins with.
TICKER_PATTERN = re.compile(r"^[A-Z0-9^][A-Z0-9.:^=&_-]{0,23}$")


def parse_ticker(text: str) -> str:
    """Return a ticker in upper case, without blanks around it.

    Raises:
        InputError: the text is not a ticker.

    >>> parse_ticker(" btc-usd ")
    'BTC-USD'
    """
    ticker = text.strip() if isinstance(text, str) else ""
    # Only ASCII has one upper case that everybody expects: upper() makes "SS" of a sharp s.
    if not (ticker.isascii() and TICKER_PATTERN.fullmatch(ticker.upper())):
        raise InputError(
            f"expected a ticker such as AAPL, ^GSPC, BRK-B, EURUSD=X or 0700.HK, got {short(text)}: "
            "use 1 to 24 of the characters A-Z 0-9 . : ^ = & _ - (the first A-Z, 0-9 or ^)"
        )
    return ticker.upper()


def short(value: object, limit: int = 40) -> str:
    """Return a value as it stands in a message: its `repr` in one line, cut after `limit` characters.

    >>> short("AAPL")
    "'AAPL'"
    >>> short("A" * 5000, 4)
    "'AAA... (5002 characters)"
    """
    text = " ".join(repr(value).splitlines())
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def listed(items: Iterable[object], limit: int = 8) -> str:
    """Return the first `limit` items with commas, and how many follow.

    >>> listed(["AAPL", "IBM", "MSFT"], 2)
    'AAPL, IBM and 1 more'
    """
    names = [str(item) for item in items]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def advice(name: str, known: Iterable[str]) -> str:
    """Return what to do about a name that is not known: take the nearest one, or choose another.

    >>> advice("LSMT", ["har", "lstm"]), advice("x", ["har", "lstm"])
    ('did you mean lstm?', 'choose from these')
    """
    by_spelling = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_spelling, n=1)
    return f"did you mean {by_spelling[near[0]]}?" if near else "choose from these"
