"""The ticker in the name of a file, as sites that export bars write it."""

import re
import zipfile
from contextlib import suppress
from pathlib import Path

from pricecast.data.parsing import ticker_of
from pricecast.data.texts.encodings import PACKED, stem, texts_within

_SITES = (
    re.compile(r"(?P<ticker>\S+) (?:Stock Price )?Historical Data(?: ?\(\d+\))?", re.IGNORECASE),  # Investing.com
    re.compile(r"(?:[A-Z]+_)(?P<ticker>[^ ,]+), (?:1D|D)(?:_\w+)?(?: ?\(\d+\))?"),  # TradingView
    re.compile(r"(?P<ticker>[A-Z0-9]{2,})-1d(?:-\d{4}-\d\d(?:-\d\d)?)?"),  # Binance
    re.compile(r"daily(?:_adjusted)?_(?P<ticker>[^ _]+)"),  # Alpha Vantage
)
_STOOQ = re.compile(r"(?P<ticker>[a-z0-9^.-]+?)(?:_(?P<market>[a-z]{1,2}))?_d")
# Of no ticker: Nasdaq.com's.
_NOBODY = re.compile(r"HistoricalData_\d+|HistoricalQuotes", re.IGNORECASE)
# Of archives and of files within them, where the other one of the two may tell a ticker.
_ANYTHING = re.compile(
    r"(archive|bars|csv|data|download|export|file|history|output|prices|quotes|stocks?|table)s?[-_ \d()]*",
    re.IGNORECASE,
)


def name_of(path: Path) -> str:
    """Return the name of a file without the endings that tell its format; of a zip file, that of the text within.

    >>> name_of(Path("data/aapl.us.txt")), name_of(Path("AAPL.csv.gz"))
    ('aapl.us', 'AAPL')
    """
    names = [stem(path)]
    with suppress(OSError, zipfile.BadZipFile):
        if path.suffix.lower() in PACKED and zipfile.is_zipfile(path):
            within = texts_within(path)
            names = [*(stem(Path(within[0])) for _ in within if len(within) == 1), *names]
    return next((name for name in names if ticker_in(name) and not _ANYTHING.fullmatch(name)), names[0])


def ticker_in(stem: str) -> str | None:
    """Return the ticker that a file is named after, None if it tells none.

    >>> [ticker_in(name) for name in ("aapl.us", "AAPL Historical Data", "NASDAQ_MSFT, 1D", "aapl_us_d")]
    ['AAPL.US', 'AAPL', 'MSFT', 'AAPL.US']
    >>> ticker_in("BTCUSDT-1d-2024-01"), ticker_in("HistoricalData_1700000000000"), ticker_in("my prices")
    ('BTCUSDT', None, None)
    """
    if _NOBODY.fullmatch(stem):
        return None
    if match := _STOOQ.fullmatch(stem):
        return ticker_of(".".join(part for part in match.group("ticker", "market") if part))
    found = next((match["ticker"] for each in _SITES if (match := each.fullmatch(stem))), stem)
    return ticker_of(found)
