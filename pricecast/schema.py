"""The tables: their columns, their dtypes, and checks with clear errors.

Every column name that two modules share is declared here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.text import parse_ticker, short

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

# What a saved forecaster says of itself.
FORECASTER_FILE = "forecaster.json"

# The forecast to beat: a model by this name is in every leaderboard.
NAIVE = "naive"

SPLITS = ("train", "valid", "test")
DATE_DTYPE = "datetime64[us]"
# No market quotes beyond these, and nothing computed within them overflows.
TINY, HUGE, HUGE_VOLUME = 1e-12, 1e15, 1e20
# yfinance writes one line for the field and one for the ticker.
ONE_HEADER = (
    "expected one line of column names in {where}, got {got} (a table of yfinance, perhaps): "
    "call table.stack('Ticker', future_stack=True).reset_index() before saving it"
)
# Too small for a price, or not what any later step computes with.
ODD_FLOATS = (np.dtype("float16"), np.dtype("longdouble"))


def check_single_header(table: pd.DataFrame, where: str) -> None:
    """Refuse columns of several levels.

    Raises:
        InputError: there are some.
    """
    if table.columns.nlevels > 1:
        raise InputError(ONE_HEADER.format(where=where, got=table.columns.nlevels))


def require(table: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Refuse a table that has not each of the columns once; others may stand beside them.

    Raises:
        InputError: it has not; the message names them.
    """
    check_single_header(table, where)
    found = list(table.columns)
    if missing := [name for name in columns if name not in found]:
        raise InputError(
            f"expected the columns {', '.join(columns)} in {where}, missing: {', '.join(missing)}: add them"
        )
    if again := [name for name in columns if found.count(name) > 1]:
        raise InputError(f"expected one column {again[0]} in {where}, got {found.count(again[0])}: keep one")


def check_prices(prices: pd.DataFrame) -> pd.DataFrame:
    """Return the prices table unchanged if it keeps its promise.

    Promise: the columns of `PRICES` in that order, sorted by ticker and date, unique, naive midnights,
    OHLC between `TINY` and `HUGE`, low <= open, close <= high, volume >= 0, adj_close like OHLC or missing for
    the whole ticker.

    Raises:
        InputError: it does not; the message names the first broken rule.
    """
    advice = "run the download step on this table, it repairs or names what is wrong"
    _check_columns(prices, PRICES, "prices", advice)
    adjusted = prices["adj_close"]
    partly = adjusted.notna().ne(adjusted.notna().groupby(prices["ticker"]).transform("first"))
    own = {
        f"prices between {TINY:g} and {HUGE:g}": _outside(prices[list(PRICE_COLUMNS)], TINY, HUGE).any(axis=1),
        f"volume up to {HUGE_VOLUME:g}": prices["volume"].gt(HUGE_VOLUME),
        "adj_close above zero, or missing for the whole ticker": partly | _outside(adjusted, TINY, HUGE),
    }
    _check_rules(prices, _rules(prices) | own, "prices", advice)
    return prices


def check_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Return adjusted bars unchanged if they are what `adjust` makes of a prices table.

    Raises:
        InputError: they are not; the message names the first broken rule.
    """
    _check_columns(bars, BARS, "bars", "run transform again")
    own = {"quote finite and above zero": ~(np.isfinite(bars["quote"]) & bars["quote"].gt(0))}
    _check_rules(bars, _rules(bars) | own, "bars", "run transform again")
    return bars


def check_features(table: pd.DataFrame, bars: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a dataset's features unchanged if they stand row by row beside the bars.

    Raises:
        InputError: they do not; the message names the first broken rule.
    """
    advice = "run transform again"
    _check_columns(table, ("date", "ticker", *names, "close", "scale", "split"), "features", advice, ("split",))
    shared = ["date", "ticker", "close"]
    if not table[shared].equals(bars[shared]):
        raise InputError(f"expected features with the dates, tickers and closes of the bars, got others: {advice}")
    used = table["split"].ne("")
    rules = {
        f"split out of {', '.join(SPLITS)} or empty": ~table["split"].isin(["", *SPLITS]),
        "scale above zero where known": table["scale"].le(0),
        "features finite in every span": used & ~table[[*names, "scale"]].abs().lt(np.inf).all(axis=1),
    }
    _check_rules(table, rules, "features", advice)
    return table


def _check_columns(
    table: pd.DataFrame, columns: Sequence[str], what: str, advice: str, texts: Sequence[str] = ()
) -> None:
    if list(table.columns) != list(columns):
        found = short(", ".join(map(str, table.columns)), 200)
        raise InputError(f"expected the columns {', '.join(columns)} in the {what}, got {found}: {advice}")
    if table.empty:
        raise InputError(f"expected at least one row, got an empty table of {what}: {advice}")
    wrong = {
        name: dtype
        for name, dtype in table.dtypes.items()
        if name not in ("date", "ticker", *texts)
        and not (isinstance(dtype, np.dtype) and dtype.kind in "fiu" and dtype not in ODD_FLOATS)
    }
    if wrong or not pd.api.types.is_datetime64_dtype(table["date"]):
        raise InputError(
            f"expected a date column of naive timestamps and numbers elsewhere, got {table['date'].dtype} dates"
            + "".join(f", {dtype} in {name}" for name, dtype in wrong.items())
            + f": {advice}"
        )
    for name in ("ticker", *texts):
        if pd.api.types.infer_dtype(table[name], skipna=False) != "string":
            raise InputError(f"expected text in every row of {name} in the {what}, got something else: {advice}")
    for ticker in table["ticker"].unique():
        if parse_ticker(ticker) != ticker:
            raise InputError(f"expected tickers in upper case in the {what}, got {short(ticker)}: {advice}")


def _check_rules(table: pd.DataFrame, rules: Mapping[str, pd.Series], what: str, advice: str) -> None:
    for rule, broken in rules.items():
        if broken.any():
            row = table[broken].iloc[0]
            raise InputError(
                f"{what} break the rule '{rule}' in {int(broken.sum())} rows, first {row['ticker']} on "
                f"{row['date']}: {advice}"
            )


def _rules(table: pd.DataFrame) -> dict[str, pd.Series]:
    """What prices and adjusted bars have in common."""
    date, ohlc = table["date"], table[list(PRICE_COLUMNS)]
    before = table["ticker"].shift(fill_value="")
    order = table["ticker"].lt(before) | (table["ticker"].eq(before) & date.le(date.shift()))
    inner = table[["open", "close"]]
    outside = inner.gt(table["high"], axis=0) | inner.lt(table["low"], axis=0)
    return {
        f"dates without time of day, from {YEARS[0]} to {YEARS[1]}":
            date.ne(date.dt.normalize()) | ~date.dt.year.between(*YEARS),
        "sorted by ticker and date, no duplicates": order,
        "prices finite and above zero": ~(np.isfinite(ohlc) & ohlc.gt(0)).all(axis=1),
        "low <= open, close <= high": outside.any(axis=1),
        "volume finite, zero or more": ~(np.isfinite(table["volume"]) & table["volume"].ge(0)),
    }  # fmt: skip


def _outside(values: Any, low: float, high: float) -> Any:
    return values.lt(low) | values.gt(high)
