"""Trading days ahead and closing times, over exchange_calendars.

Round-the-clock markets need no calendar: crypto trades every day and currencies on weekdays, both until
midnight UTC.
"""

import logging
import re
from functools import lru_cache
from typing import Any

import pandas as pd

from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE

logger = logging.getLogger(__name__)

ALWAYS, WEEKDAYS, DEFAULT = "24/7", "24/5", "XNYS"
# What follows the dash of a crypto pair (BTC-USD); BRK-B and RDS-A are share classes.
CRYPTO = re.compile(r"^[A-Z0-9]{2,}-(USD|USDT|USDC|EUR|GBP|JPY|AUD|CAD|CHF|CNY|KRW|INR|BTC|ETH)$")
SUFFIXES = {
    "L": "XLON", "UK": "XLON", "IL": "XLON", "HK": "XHKG", "T": "XTKS", "JP": "XTKS", "DE": "XETR",
    "F": "XFRA", "PA": "XPAR", "AS": "XAMS",
    "BR": "XBRU", "LS": "XLIS", "IR": "XDUB", "MI": "XMIL", "MC": "XMAD",
    "SW": "XSWX", "VI": "XWBO", "ST": "XSTO", "HE": "XHEL", "CO": "XCSE", "OL": "XOSL", "WA": "XWAR",
    "IS": "XIST", "TA": "XTAE", "JO": "XJSE", "TO": "XTSE", "V": "XTSE", "MX": "XMEX", "SA": "BVMF",
    "AX": "XASX", "NZ": "XNZE", "SS": "XSHG", "SZ": "XSHG", "NS": "XBOM", "BO": "XBOM", "KS": "XKRX",
    "KQ": "XKRX", "TW": "XTAI", "SI": "XSES",
}  # fmt: skip
INDICES = {
    "^FTSE": "XLON", "^HSI": "XHKG", "^N225": "XTKS", "^GDAXI": "XETR", "^FCHI": "XPAR", "^AEX": "XAMS",
    "^STOXX50E": "XPAR", "^GSPTSE": "XTSE", "^AXJO": "XASX", "^BSESN": "XBOM", "^NSEI": "XBOM",
}  # fmt: skip


def calendar_name(ticker: str) -> str:
    """Return the exchange_calendars name of a ticker's market, by its spelling; New York when nothing else fits.

    >>> [calendar_name(ticker) for ticker in ("AAPL", "BRK-B", "BTC-USD", "SAP.DE", "EURUSD=X")]
    ['XNYS', 'XNYS', '24/7', 'XETR', '24/5']
    """
    if CRYPTO.match(ticker):
        return ALWAYS
    if ticker.endswith("=X"):
        return WEEKDAYS
    if ticker.endswith("=F"):
        return "us_futures"
    return INDICES.get(ticker) or SUFFIXES.get(ticker.rpartition(".")[2] if "." in ticker else "", DEFAULT)


def day(moment: Any) -> str:
    """Return the date of a moment, of pandas or numpy, as `YYYY-MM-DD`.

    >>> day(pd.Timestamp("2024-03-28 16:00"))
    '2024-03-28'
    """
    return str(pd.Timestamp(moment).date())


def utc(moment: pd.Timestamp) -> pd.Timestamp:
    """Return a moment in UTC; one without a time zone is taken as UTC."""
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def next_sessions(ticker: str, after: pd.Timestamp, n: int) -> pd.DatetimeIndex:
    """Return the next trading days of a ticker.

    Args:
        ticker: as `text.parse_ticker` returns it.
        after: the last known session, a naive date; it is not part of the answer.
        n: how many sessions.

    Returns:
        n naive midnights. Past the end of what the calendar knows they are weekdays.

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
    name = calendar_name(ticker)
    if name == ALWAYS:
        return _dates(pd.date_range(first, periods=n))
    known = pd.DatetimeIndex([])
    if name != WEEKDAYS:
        # 365 days hold at least 230 sessions anywhere, so n sessions fit in 1.6 n days and a margin.
        last = first + pd.Timedelta(days=int(1.6 * n) + 30)
        calendar = _calendar(name, first.year // 10 * 10, max(first.year // 10 * 10 + 11, last.year))
        known = calendar.sessions if calendar is not None else known
        known = known[known.searchsorted(first) :][:n]
    missing = n - len(known)
    if missing and name != WEEKDAYS:
        logger.info("the calendar %s ends before session %d after %s: weekdays stand in", name, n, after.date())
    weekdays = pd.bdate_range(known[-1] + pd.Timedelta(days=1) if len(known) else first, periods=missing)
    return _dates(known.append(weekdays) if len(known) else weekdays)


def _dates(days: pd.Index) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(days.to_numpy().astype(DATE_DTYPE))


def is_closed(ticker: str, session: pd.Timestamp, now: pd.Timestamp) -> bool:
    """Return True if a trading day has ended.

    A day the calendar does not know (a holiday, or past its end) ends with the exchange's local day.

    Args:
        ticker: as `text.parse_ticker` returns it.
        session: the trading day, a naive date.
        now: the moment to compare with, UTC where it has no time zone.

    >>> thursday = pd.Timestamp("2024-03-28")  # New York closes at 20:00 UTC
    >>> is_closed("AAPL", thursday, thursday + pd.Timedelta(hours=19))
    False
    >>> is_closed("AAPL", thursday, thursday + pd.Timedelta(hours=20))
    True
    """
    date = pd.Timestamp(session).normalize()
    name = calendar_name(ticker)
    tomorrow = date + pd.Timedelta(days=1)
    if name in (ALWAYS, WEEKDAYS):
        return utc(now) >= utc(tomorrow)
    calendar = _calendar(name, date.year // 10 * 10, date.year // 10 * 10 + 11)
    if calendar is None:
        return utc(now) >= utc(tomorrow) + pd.Timedelta(hours=12)  # the day is then over in every time zone
    if date in calendar.sessions:
        return utc(now) >= calendar.session_close(date)
    return utc(now) >= utc(tomorrow.tz_localize(calendar.tz))


@lru_cache(maxsize=64)
def _calendar(name: str, first_year: int, last_year: int) -> Any | None:
    """Return a calendar over whole years, cut to its own bounds; None where it knows nothing of them.

    The years are explicit, because the default range moves with today's date and takes longer to compute.
    """
    import exchange_calendars

    start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31)
    try:
        return exchange_calendars.get_calendar(name, start=start, end=end)
    except ValueError:
        whole = exchange_calendars.get_calendar(name)
        low, high = whole.bound_min(), whole.bound_max()
        start, end = max(start, low or start), min(end, high or end)
        return exchange_calendars.get_calendar(name, start=start, end=end) if start < end else None
