"""Checks of tables against `schema`: each returns its table unchanged, or names the first broken rule."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.schema import BARS, HUGE, HUGE_VOLUME, PRICE_COLUMNS, PRICES, SPLITS, TINY
from pricecast.text import parse_ticker, short

# yfinance writes one line for the field and one for the ticker.
ONE_HEADER = (
    "expected one line of column names in {where}, got {got} (a table of yfinance, perhaps): "
    "call table.stack('Ticker', future_stack=True).reset_index() before saving it"
)
# Too small for a price, or not what any later step computes with.
ODD_FLOATS = (np.dtype("float16"), np.dtype("longdouble"))


def check_single_header(table: pd.DataFrame, where: str) -> None:
    """Refuse a table whose column names have several levels.

    Args:
        table: of any columns.
        where: the table's name in messages.

    Raises:
        InputError: they have.
    """
    if table.columns.nlevels > 1:
        raise InputError(ONE_HEADER.format(where=where, got=table.columns.nlevels))


def require(table: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Refuse a table that does not have each of the columns exactly once; it may have others.

    Args:
        table: of any columns.
        columns: to be there.
        where: the table's name in messages.

    Raises:
        InputError: some are missing or come twice; the message names them.
    """
    check_single_header(table, where)
    present = list(table.columns)
    if missing := [name for name in columns if name not in present]:
        raise InputError(
            f"expected the columns {', '.join(columns)} in {where}, missing: {', '.join(missing)}: add them"
        )
    if repeated := [name for name in columns if present.count(name) > 1]:
        raise InputError(
            f"expected one column {repeated[0]} in {where}, got {present.count(repeated[0])}: keep one"
        )


def check_prices(prices: pd.DataFrame) -> pd.DataFrame:
    """Return the prices table unchanged if it keeps all rules of one.

    Rules: the columns of `PRICES` in that order; sorted by ticker and date, without duplicates; dates are naive
    midnights; OHLC between `TINY` and `HUGE`; low <= open, close <= high; volume >= 0; adj_close like OHLC, or
    missing for the whole ticker.

    Raises:
        InputError: it does not; the message names the first broken rule.
    """
    advice = "run the download step on this table, it repairs or names what is wrong"
    _check_columns(prices, PRICES, "prices", advice)
    adjusted = prices["adj_close"]
    partly = adjusted.notna().ne(adjusted.notna().groupby(prices["ticker"]).transform("first"))
    limits = {
        f"prices between {TINY:g} and {HUGE:g}": _outside(prices[list(PRICE_COLUMNS)], TINY, HUGE).any(axis=1),
        f"volume up to {HUGE_VOLUME:g}": prices["volume"].gt(HUGE_VOLUME),
        "adj_close above zero, or missing for the whole ticker": partly | _outside(adjusted, TINY, HUGE),
    }
    _check_rules(prices, _common_rules(prices) | limits, "prices", advice)
    return prices


def check_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Return adjusted bars unchanged if they keep all rules of what `adjust` makes of a prices table.

    Raises:
        InputError: they are not; the message names the first broken rule.
    """
    _check_columns(bars, BARS, "bars", "run transform again")
    quote = {"quote finite and above zero": ~(np.isfinite(bars["quote"]) & bars["quote"].gt(0))}
    _check_rules(bars, _common_rules(bars) | quote, "bars", "run transform again")
    return bars


def check_features(table: pd.DataFrame, bars: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a dataset's features unchanged if they match its bars row by row and are finite in every span.

    Args:
        table: date, ticker, the features, close, scale and split.
        bars: of the same dataset, already checked.
        names: of the features.

    Raises:
        InputError: they do not; the message names the first broken rule.
    """
    advice = "run transform again"
    _check_columns(table, ("date", "ticker", *names, "close", "scale", "split"), "features", advice, ("split",))
    shared = ["date", "ticker", "close"]
    if not table[shared].equals(bars[shared]):
        raise InputError(f"expected features with the dates, tickers and closes of the bars, got others: {advice}")
    in_span = table["split"].ne("")
    rules = {
        f"split out of {', '.join(SPLITS)} or empty": ~table["split"].isin(["", *SPLITS]),
        "scale above zero where known": table["scale"].le(0),
        "features finite in every span": in_span & ~table[[*names, "scale"]].abs().lt(np.inf).all(axis=1),
    }
    _check_rules(table, rules, "features", advice)
    return table


def _check_columns(
    table: pd.DataFrame, columns: Sequence[str], what: str, advice: str, texts: Sequence[str] = ()
) -> None:
    if list(table.columns) != list(columns):
        present = short(", ".join(map(str, table.columns)), 200)
        raise InputError(f"expected the columns {', '.join(columns)} in the {what}, got {present}: {advice}")
    if table.empty:
        raise InputError(f"expected at least one row, got an empty table of {what}: {advice}")
    not_numbers = {
        name: dtype
        for name, dtype in table.dtypes.items()
        if name not in ("date", "ticker", *texts)
        and not (isinstance(dtype, np.dtype) and dtype.kind in "fiu" and dtype not in ODD_FLOATS)
    }
    if not_numbers or not pd.api.types.is_datetime64_dtype(table["date"]):
        raise InputError(
            f"expected a date column of naive timestamps and numbers elsewhere, got {table['date'].dtype} dates"
            + "".join(f", {dtype} in {name}" for name, dtype in not_numbers.items())
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


def _common_rules(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the rules that prices and adjusted bars share: by name, a mask of the rows that break it."""
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
