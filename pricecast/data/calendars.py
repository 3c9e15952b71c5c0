"""Trading days ahead and closing times: which market a ticker trades at, by its spelling and by its own dates.

Round-the-clock markets need no calendar: crypto trades every day and currencies on weekdays, both until
midnight UTC.
"""

import logging
import re
from typing import Any

import pandas as pd

from pricecast.data import own_days
from pricecast.data.market_codes import (
    ALWAYS,
    COINS,
    CURRENCIES,
    INDICES,
    OTHER_INDICES,
    OTHER_SUFFIXES,
    PREFIXES,
    STABLECOINS,
    SUFFIXES,
    WEEKDAYS,
    WEEKS,
)
from pricecast.data.sessions import calendar, decades, explains, knows_no_holidays, rests_on_holidays
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE

logger = logging.getLogger(__name__)

DEFAULTS = ("XNYS", "XWAR")  # of tickers without a suffix: Yahoo's are of New York, Stooq's may be of Warsaw
OWN = "own days"  # of the ticker, where no calendar fits them
LONG_OVER = pd.Timedelta(3, "D")  # a trading day that began so long ago has ended in every market
FEW = 20  # dates that tell no market from another
# What follows the dash of a crypto pair (BTC-USD); BRK-B and RDS-A are share classes.
CRYPTO = re.compile(r"^([A-Z0-9]{2,})-(USD|USDT|USDC|EUR|GBP|JPY|AUD|CAD|CHF|CNY|KRW|INR|BTC|ETH)$")
PERPETUAL = re.compile(r"(\.P|[-_]?PERP|-SWAP)$")


def spelled(ticker: str) -> tuple[str, ...]:
    """Return the markets that a ticker's spelling may mean, the likeliest first; none for a plain name.

    >>> [spelled(ticker) for ticker in ("2222.SR", "BTCUSDT", "EURUSD", "BTC.V", "AAPL")]
    [('XSAU',), ('24/7',), ('24/5',), ('24/7', 'XTSE'), ()]
    """
    if ticker in INDICES:
        return tuple(table[ticker] for table in (INDICES, OTHER_INDICES) if ticker in table)
    if ticker.partition(":")[0] in PREFIXES and ":" in ticker:
        return (PREFIXES[ticker.partition(":")[0]],)
    pair = _pair(PERPETUAL.sub("", ticker))
    if pair:
        return pair
    if ticker.endswith("=F"):
        return ("us_futures",)
    root, _, suffix = ticker.rpartition(".")
    names = tuple(table[suffix] for table in (SUFFIXES, WEEKS, OTHER_SUFFIXES) if root and suffix in table)
    return names[::-1] if root in COINS else names


def _pair(ticker: str) -> tuple[str, ...]:
    """Return the markets of a pair of currencies or coins, with or without a sign between them."""
    plain = re.sub(r"[-_]", "", ticker.removesuffix("=X"))
    base, quote = plain[:-3], plain[-3:]
    if base in CURRENCIES and quote in CURRENCIES:
        return (ALWAYS, WEEKDAYS) if "-" in ticker else (WEEKDAYS,)
    coin = base in COINS and (quote in CURRENCIES or quote in COINS)
    if coin or CRYPTO.match(ticker) or any(len(plain) - len(s) > 1 and plain.endswith(s) for s in STABLECOINS):
        return (ALWAYS,)
    return (WEEKDAYS,) if ticker.endswith("=X") else ()


def calendar_name(ticker: str, dates: pd.DatetimeIndex | None = None) -> str:
    """Return the exchange_calendars name of a ticker's market, or days of the week where that has none.

    Args:
        ticker: as `text.parse_ticker` returns it.
        dates: its own trading days, in order. `FEW` of them decide between the markets that its spelling may mean;
            ten show one that trades on all days of the week, whatever the spelling. Bars of weeks or months tell
            nothing.

    Returns:
        Without dates, the likeliest by spelling, New York where it means nothing; `OWN` where the dates fit none.

    >>> [calendar_name(ticker) for ticker in ("AAPL", "BRK-B", "BTC-USD", "SAP.DE", "EURUSD=X")]
    ['XNYS', 'XNYS', '24/7', 'XETR', '24/5']
    >>> calendar_name("AAPL", pd.date_range("2024-01-01", periods=60))
    '24/7'
    """
    meant = spelled(ticker)
    names = meant or DEFAULTS
    if dates is not None and own_days.is_every_day(dates):
        return ALWAYS
    if dates is None or len(dates) < FEW or not own_days.is_daily(dates):
        return names[0]
    found = next((name for name in names if explains(name, dates, bool(meant))), OWN)
    # Nothing speaks for Warsaw but days without a bar: a few made-up dates fit it as well.
    if not meant and found not in (names[0], OWN) and not rests_on_holidays(found, dates):
        found = OWN
    return names[0] if found == OWN and knows_no_holidays(names[0], dates) else found


def day(moment: Any) -> str:
    """Return the date of a moment, of pandas or numpy, as `YYYY-MM-DD`.

    >>> day(pd.Timestamp("2024-03-28 16:00"))
    '2024-03-28'
    """
    return str(pd.Timestamp(moment).date())


def utc(moment: pd.Timestamp) -> pd.Timestamp:
    """Return a moment in UTC; one without a time zone is taken as UTC."""
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def next_sessions(
    ticker: str, after: pd.Timestamp, n: int, dates: pd.DatetimeIndex | None = None
) -> pd.DatetimeIndex:
    """Return the next trading days of a ticker.

    Args:
        ticker: as `text.parse_ticker` returns it.
        after: the last known session, a naive date; it is not part of the answer.
        n: how many sessions.
        dates: the trading days of the ticker up to then, in order, where they are known; see `calendar_name`.

    Returns:
        n naive midnights. Where no calendar fits, they follow the ticker's own days of the week and holidays. Past
        the end of what a calendar knows they are weekdays.

    Raises:
        InputError: n is negative.

    >>> [day(session) for session in next_sessions("AAPL", pd.Timestamp("2024-03-28"), 2)]  # after Good Friday
    ['2024-04-01', '2024-04-02']
    >>> [day(session) for session in next_sessions("BTC-USD", pd.Timestamp("2024-03-28"), 2)]
    ['2024-03-29', '2024-03-30']
    """
    if n < 0:
        raise InputError(f"expected zero or more sessions ahead, got {n}: give a horizon of 1 or more")
    first = pd.Timestamp(after).normalize() + pd.Timedelta(days=1)
    name = calendar_name(ticker, dates)
    if name == ALWAYS:
        return _dates(pd.date_range(first, periods=n))
    if name == OWN or name in WEEKS.values():
        whole = dates if dates is not None and len(dates) >= FEW else pd.bdate_range(
            "2024-01-01", periods=FEW, freq="C", weekmask=name)  # fmt: skip
        return _dates(own_days.next_own(whole, first - pd.Timedelta(days=1), n))
    known = pd.DatetimeIndex([])
    if name != WEEKDAYS:
        # 365 days hold at least 230 sessions anywhere, so n sessions fit in 1.6 n days and a margin.
        last = first + pd.Timedelta(days=int(1.6 * n) + 30)
        market = calendar(name, *decades(first.year, last.year))
        known = market.sessions if market is not None else known
        known = known[known.searchsorted(first) :][:n]
    missing = n - len(known)
    if missing and name != WEEKDAYS:
        logger.info("the calendar %s ends before session %d after %s: weekdays stand in", name, n, after.date())
    weekdays = pd.bdate_range(known[-1] + pd.Timedelta(days=1) if len(known) else first, periods=missing)
    return _dates(known.append(weekdays) if len(known) else weekdays)


def _dates(days: pd.Index) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(days.to_numpy().astype(DATE_DTYPE))


def is_closed(ticker: str, session: pd.Timestamp, now: pd.Timestamp, dates: pd.DatetimeIndex | None = None) -> bool:
    """Return True if a trading day has ended.

    A day the calendar does not know (a holiday, or past its end) ends with the exchange's local day; that of an
    unknown market is over when it is in every time zone.

    Args:
        ticker: as `text.parse_ticker` returns it.
        session: the trading day, a naive date.
        now: the moment to compare with, UTC where it has no time zone.
        dates: the trading days of the ticker, in order, where they are known; see `calendar_name`.

    >>> thursday = pd.Timestamp("2024-03-28")  # New York closes at 20:00 UTC
    >>> is_closed("AAPL", thursday, thursday + pd.Timedelta(hours=19))
    False
    >>> is_closed("AAPL", thursday, thursday + pd.Timedelta(hours=20))
    True
    """
    date = pd.Timestamp(session).normalize()
    name = calendar_name(ticker, dates)
    tomorrow = date + pd.Timedelta(days=1)
    if name in (ALWAYS, WEEKDAYS):
        return utc(now) >= utc(tomorrow)
    known = name != OWN and name not in WEEKS.values()
    market = calendar(name, *decades(date.year, date.year)) if known else None
    if market is None:
        return utc(now) >= utc(tomorrow) + pd.Timedelta(hours=12)  # the day is then over in every time zone
    if date in market.sessions:
        return utc(now) >= market.session_close(date)
    return utc(now) >= utc(tomorrow.tz_localize(market.tz))


def count_closed(ticker: str, dates: pd.DatetimeIndex, now: pd.Timestamp) -> int:
    """Return how many trading days of a ticker have ended; the newest ones may not have.

    Args:
        ticker: as `text.parse_ticker` returns it.
        dates: its trading days, naive dates in order.
        now: the moment to compare with, UTC where it has no time zone.

    >>> dates = pd.DatetimeIndex(["2024-03-27", "2024-03-28"])
    >>> count_closed("AAPL", dates, pd.Timestamp("2024-03-28 19:00"))
    1
    """
    count, moment = len(dates), utc(now).tz_localize(None)
    # Older sessions are over anywhere, and a calendar costs time.
    while (
        count
        and moment - dates[count - 1] < LONG_OVER
        and not is_closed(ticker, dates[count - 1], now, dates[:count])
    ):
        count -= 1
    return count
