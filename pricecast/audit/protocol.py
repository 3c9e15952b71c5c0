"""Checks of what comes after the features: fits, spans, windows, scoring and the live forecast.

As everywhere in the guard, no check raises for a leak; all return violations.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pricecast.audit.perturb import VALID_GARBAGE, replace_rows
from pricecast.audit.violations import Violation
from pricecast.forecasting.parity import TOLERANCE, quantile_returns, relative_difference
from pricecast.schema import SPLITS

EXACT = 1e-9


def fits(fit: Callable[[pd.DataFrame], str], prices: pd.DataFrame, test_start: pd.Timestamp) -> list[Violation]:
    """Replace every row after validation: nothing that is fitted changes.

    Args:
        fit: function that fits scalers, model and calibration on prices and returns a digest of their state.
        prices: valid prices table; the replaced rows are valid, too.
        test_start: first date after validation.
    """
    original = fit(prices.copy())
    later = (prices["date"] >= test_start).to_numpy()
    violations = []
    for way in VALID_GARBAGE:
        how = f"rows from {test_start:%Y-%m-%d} on {way}"
        try:
            same = fit(replace_rows(prices, later, way)) == original
        except Exception as error:
            violations.append(Violation("computes", "(fit)", how=f"{how}: {type(error).__name__}: {error}"))
        else:
            violations += [] if same else [Violation("fit", "(state)", how=f"{how}: another state is fitted")]
    return violations


def spans(table: pd.DataFrame, horizon: int) -> list[Violation]:
    """Check that no label reaches a date that a later span forecasts, of any ticker.

    Args:
        table: date, ticker and `split` (train, valid, test or "" for none), sorted by ticker and date.
        horizon: days ahead that an origin forecasts.
    """
    dates = table.groupby("ticker", sort=False)["date"]
    first, last = dates.shift(-1), dates.shift(-horizon)
    violations = []
    for i, span in enumerate(SPLITS[:-1], 1):
        inside = (table["split"] == span).to_numpy()
        start = first[table["split"].isin(SPLITS[i:])].min()
        how = f"its {span} label reaches {str(start)[:10]}, which a later span forecasts"
        violations += _at("purge", table, inside & (last >= start), how)
        violations += _at(
            "purge", table, inside & last.isna(), f"its {span} label reaches past the ticker's last row"
        )
    return violations


def windows(tickers: np.ndarray, origins: np.ndarray, lookback: int) -> list[Violation]:
    """Check that no window of `lookback` rows up to an origin holds a row of another ticker.

    Args:
        tickers: ticker of each row, sorted.
        origins: row numbers, (n,).
        lookback: number of rows of a window.
    """
    first = origins - lookback + 1
    spans_two = (first < 0) | (tickers[np.maximum(first, 0)] != tickers[origins])
    how = f"the {lookback} rows up to row {{}} are not all of one ticker"
    return [Violation("window", "(origin)", str(tickers[row]), how=how.format(row)) for row in origins[spans_two]]


def scoring(forecasts: pd.DataFrame, closes: pd.DataFrame) -> list[Violation]:
    """Check that a forecast from close t is scored on its ticker's close `horizon` rows later, never on close t.

    Args:
        forecasts: the forecasts table.
        closes: date, ticker, close in the units of the forecasts, sorted by ticker and date.
    """
    table, ends = forecasts.reset_index(drop=True), closes["close"].to_numpy()
    keys = pd.MultiIndex.from_frame(closes[["ticker", "date"]])
    row = keys.get_indexer(pd.MultiIndex.from_frame(table[["ticker", "cutoff"]]))
    ahead = row + table["horizon"].to_numpy()
    later = np.minimum(ahead, len(closes) - 1)
    known = (row >= 0) & (later == ahead) & (closes["ticker"].to_numpy()[later] == table["ticker"].to_numpy())
    actual, last = table["actual"].to_numpy(float), table["last_close"].to_numpy(float)
    broken = {
        "its cutoff is no row of its ticker": row < 0,
        "the date it forecasts is not after its cutoff": table["date"] <= table["cutoff"],
        "last_close is not the cutoff's close": ~np.isclose(last, ends[row], EXACT, 0),
        "date is not that of the row it is scored on": known & (table["date"] != closes["date"].to_numpy()[later]),
        "actual is not the close that many rows later": known & ~np.isclose(actual, ends[later], EXACT, 0),
        "actual is there though that row is not": ~known & ~np.isnan(actual),
    }
    rows = table[["ticker"]].assign(date=table["cutoff"])
    return [violation for how, mask in broken.items() for violation in _at("scoring", rows, mask, how)]


def parity(
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    prices: pd.DataFrame,
    forecasts: pd.DataFrame,
    needed: Callable[[pd.DataFrame], pd.DataFrame],
    n: int = 3,
    seed: int = 0,
) -> list[Violation]:
    """Check that a live forecast from the bars it needs is the backtest's, relative to the last close.

    Args:
        predict: function from bars to a forecasts table.
        prices: prices that the backtest walked through.
        forecasts: the backtest's forecasts table, of one model.
        needed: function from all bars up to a cutoff to those that a forecast needs; it leaves out tickers that
            have too few.
        n: number of cutoffs to try.
        seed: seed of their choice.

    Returns:
        Forecasts that differ by more than a millionth of the width of the 90 % interval; a violation of `computes`
        if no cutoff has enough bars.
    """
    violations: list[Violation] = []
    compared = 0
    for cutoff in np.random.default_rng(seed).permutation(forecasts["cutoff"].unique()):
        expected = forecasts[forecasts["cutoff"] == cutoff]
        # Of all tickers, those of a market that was closed that day, too: a forecast may look across.
        bars = needed(prices[prices["date"] <= cutoff]).reset_index(drop=True)
        if len(bars):
            compared += 1
            violations += _parity(predict, bars, expected[expected["ticker"].isin(bars["ticker"])])
        if compared == n:
            break
    nothing = [Violation("computes", "(all)", how="no cutoff has the bars that a forecast needs")]
    return violations if compared else nothing


def _parity(
    predict: Callable[[pd.DataFrame], pd.DataFrame], bars: pd.DataFrame, expected: pd.DataFrame
) -> list[Violation]:
    try:
        live = predict(bars)
    except Exception as error:
        last = f"{len(bars)} bars up to {expected['cutoff'].iloc[0]:%Y-%m-%d}"
        how = f"the forecast from {last}: {type(error).__name__}: {error}"
        return [Violation("computes", "(all)", how=how)]
    both = expected.merge(live, on=["ticker", "cutoff", "horizon"], how="left", suffixes=("", "_live"))
    step = relative_difference(quantile_returns(both, "_live"), quantile_returns(both))
    off = ~(step <= TOLERANCE)
    how = f"the forecast from {len(bars)} bars is not the backtest's"
    rows = both[["ticker"]].assign(date=both["cutoff"])
    return _at("parity", rows, off, how, float(np.nan_to_num(step[off], nan=np.inf).max(initial=0.0)))


def _at(
    check: str, rows: pd.DataFrame, broken: np.ndarray | pd.Series, how: str, size: float = float("inf")
) -> list[Violation]:
    """Return one violation for all broken rows, with ticker and date of the first."""
    broken = np.asarray(broken)
    if not broken.any():
        return []
    first = rows.iloc[int(broken.argmax())]
    where = (str(first["ticker"]), f"{first['date']:%Y-%m-%d}")
    return [Violation(check, "(row)", *where, size=size, how=f"{how}, {broken.sum()} rows")]
