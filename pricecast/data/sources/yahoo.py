"""Daily bars from Yahoo Finance through yfinance, with every keyword given, as defaults change.

Yahoo's open, high, low and close are already adjusted for splits, not for dividends; its adjusted close is
adjusted for both.
"""

import json
import logging
import warnings
from typing import Any

import pandas as pd
import tenacity

from pricecast.data.calendars import count_closed, day, utc
from pricecast.data.sources import Request
from pricecast.errors import InputError

logger = logging.getLogger(__name__)

LIVE = True
TAKES_PATH = False
ATTEMPTS = 5
WAIT = tenacity.wait_exponential(multiplier=2, max=60)  # 2, 4, 8, 16 seconds
TIMEOUT = 20.0  # seconds per request
FIRST = pd.Timestamp("1927-01-01")  # yfinance without a start would return one month
COLUMNS = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close",
    "Volume": "volume",
}  # fmt: skip


def fetch(request: Request) -> pd.DataFrame:
    """Download daily bars of closed sessions, both ends inclusive.

    Raises:
        InputError: no ticker was named, Yahoo does not know it, has no bars, or cannot be reached.
    """
    if not request.tickers:
        raise InputError("expected the tickers to download from yahoo, got none: name them, such as --tickers MSFT")
    return pd.concat([_fetch_one(ticker, request) for ticker in request.tickers], ignore_index=True)


def _fetch_one(ticker: str, request: Request) -> pd.DataFrame:
    today = utc(request.as_of).tz_localize(None).normalize()
    start = FIRST if request.start is None else request.start
    end = today if request.end is None else min(request.end, today)
    if start > end:
        raise InputError(
            f"expected a start on or before {end.date()}, got {start.date()}: nothing has traded since"
        )
    table = _history(ticker, start, end + pd.Timedelta(days=1))
    if table.empty or table["Close"].isna().all():
        raise InputError(
            f"expected bars of {ticker} from {start.date()} to {end.date()} on Yahoo, got none: "
            "check ticker and dates"
        )
    bars = table.rename(columns=COLUMNS)[list(COLUMNS.values())].reset_index(drop=True)
    # The index holds local midnights; the local date is the session.
    bars.insert(0, "date", pd.DatetimeIndex(table.index).tz_localize(None).normalize())
    bars.insert(1, "ticker", ticker)
    return _closed(bars, ticker, request.as_of)


def _closed(bars: pd.DataFrame, ticker: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Leave out the newest bars while their session is open: their close is not a close yet."""
    count = count_closed(ticker, pd.DatetimeIndex(bars["date"]), as_of)
    for date in bars["date"].iloc[count:]:
        logger.warning("%s: dropped the bar of %s, its session is not over", ticker, day(date))
    if not count:
        raise InputError(
            f"expected a closed session of {ticker}, got only unfinished bars: ask for an earlier start"
        )
    return bars.iloc[:count]


def _history(ticker: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return yfinance's table, asking again after errors that pass.

    Raises:
        InputError: Yahoo does not know the ticker, or does not answer.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_transient),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=WAIT,
        before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
        reraise=True,
    )
    try:
        return retrying(_ask, ticker, start, end)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        if _is_transient(error):
            raise InputError(
                f"expected an answer of Yahoo for {ticker}, got {reason} after {ATTEMPTS} attempts: try again later"
            ) from error
        raise InputError(
            f"expected a ticker that Yahoo has bars for, got {ticker} ({reason}): check its spelling and the dates"
        ) from error


def _ask(ticker: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    import yfinance
    from yfinance.data import YfData

    # yfinance remembers answers, error pages too: a retry must not read the failure again.
    YfData.cache_get.cache_clear()
    hidden = yfinance.config.debug.hide_exceptions
    # raise_errors alone hides a failing time zone request as an unknown ticker.
    yfinance.config.debug.hide_exceptions = False
    try:
        with warnings.catch_warnings():
            # yfinance 1.7 calls raise_errors deprecated, and pandas warns of yfinance's own ways.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            return yfinance.Ticker(ticker).history(
                period=None, interval="1d", start=start, end=end, prepost=False, actions=True,
                auto_adjust=False, back_adjust=False, repair=False, keepna=False, rounding=False,
                timeout=TIMEOUT, raise_errors=True,
            )  # fmt: skip
    finally:
        yfinance.config.debug.hide_exceptions = hidden


def _is_transient(error: BaseException) -> bool:
    """Return True for rate limits, network trouble and server errors, which pass, unlike an unknown ticker."""
    from yfinance.exceptions import YFDataException, YFRateLimitError

    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status:
        return status == 429 or status >= 500
    # Where yfinance hides the status: an error page is no JSON, or JSON without a chart (KeyError).
    return isinstance(error, YFRateLimitError | YFDataException | OSError | json.JSONDecodeError | KeyError)
