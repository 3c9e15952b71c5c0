"""The tables: their columns, their dtypes, and checks with clear errors.

Every column name that two modules share is declared here and nowhere else.
"""

import re

import numpy as np
import pandas as pd

from pricecast.errors import InputError

PRICE_COLUMNS = ("open", "high", "low", "close")
PRICES = ("date", "ticker", *PRICE_COLUMNS, "adj_close", "volume")
# Adjusted bars: OHLC in units of adj_close, `quote` the close as the market quoted it on the day.
BARS = ("date", "ticker", *PRICE_COLUMNS, "volume", "quote")

QUANTILE_LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
QUANTILE_COLUMNS = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)
MEDIAN = QUANTILE_LEVELS.index(0.50)
# Central intervals as (coverage in percent, lower column, upper column).
INTERVALS = ((50, "q25", "q75"), (80, "q10", "q90"), (90, "q05", "q95"))
FORECASTS = (
    "ticker", "cutoff", "horizon", "date", "model", "last_close", "forecast", *QUANTILE_COLUMNS, "actual",
)  # fmt: skip

# The forecast to beat: a model by this name is in every leaderboard.
NAIVE = "naive"

SPLITS = ("train", "valid", "test")
DATE_DTYPE = "datetime64[us]"
# No market's bars are older, and tools that count nanoseconds end in 2262.
YEARS = (1800, 2200)
TICKER_PATTERN = re.compile(r"^[A-Z0-9^][A-Z0-9.:^=-]{0,23}$")


def parse_ticker(text: str) -> str:
    """Returns the ticker in upper case.

    Raises:
        InputError: the text is no ticker.
    """
    ticker = str(text).strip().upper()
    if not TICKER_PATTERN.fullmatch(ticker):
        raise InputError(
            f"expected a ticker such as AAPL, ^GSPC, BRK-B, EURUSD=X or 0700.HK, got {_short(text)}: "
            "use 1 to 24 of the characters A-Z 0-9 . : ^ = - (the first A-Z, 0-9 or ^)"
        )
    return ticker


def check_prices(prices: pd.DataFrame) -> pd.DataFrame:
    """Returns the prices table unchanged if it keeps its promise.

    Promise: the columns of `PRICES` in that order, sorted by ticker and date, unique, naive midnights,
    OHLC finite and above zero, low <= close <= high, volume >= 0, adj_close above zero or missing for
    the whole ticker.

    Raises:
        InputError: it does not; the message names the first broken rule.
    """
    if list(prices.columns) != list(PRICES):
        raise InputError(f"expected the columns {', '.join(PRICES)}, got {', '.join(map(str, prices.columns))}")
    if prices.empty:
        raise InputError("expected at least one bar, got an empty prices table: check tickers, dates and source")
    numbers = [name for name in PRICES[2:] if not pd.api.types.is_numeric_dtype(prices[name])]
    if numbers or not pd.api.types.is_datetime64_dtype(prices["date"]):
        raise InputError(
            f"expected a date column of naive timestamps and numbers elsewhere, got {prices['date'].dtype} dates"
            + "".join(f", {prices[name].dtype} in {name}" for name in numbers)
            + ": run the download step on this table"
        )
    for rule, broken in _broken_rules(prices).items():
        if broken.any():
            row = prices[broken].iloc[0]
            raise InputError(
                f"prices break the rule '{rule}' in {int(broken.sum())} rows, first {row['ticker']} on "
                f"{row['date']}: run the download step on this table, it repairs or names what is wrong"
            )
    return prices


def _broken_rules(prices: pd.DataFrame) -> dict[str, pd.Series]:
    ohlc = prices[list(PRICE_COLUMNS)]
    before = prices["ticker"].shift(fill_value="")
    order = prices["ticker"].lt(before) | (prices["ticker"].eq(before) & prices["date"].le(prices["date"].shift()))
    adjusted = prices["adj_close"].notna()
    partly = adjusted.ne(adjusted.groupby(prices["ticker"]).transform("first"))
    return {
        "dates without time of day": prices["date"].ne(prices["date"].dt.normalize()),
        "sorted by ticker and date, no duplicates": order,
        "prices finite and above zero": ~(np.isfinite(ohlc) & ohlc.gt(0)).all(axis=1),
        "low <= close <= high": prices["close"].gt(prices["high"]) | prices["close"].lt(prices["low"]),
        "volume finite, zero or more": ~(np.isfinite(prices["volume"]) & prices["volume"].ge(0)),
        "adj_close above zero, or missing for the whole ticker": partly | prices["adj_close"].le(0),
    }


def _short(value: object, limit: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
