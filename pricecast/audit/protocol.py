"""The leak guard for what comes after the features: fits, splits, windows, scoring and the live forecast.

As everywhere in the guard, no check raises for a leak; all return what they found.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pricecast.audit.perturb import VALID_GARBAGE, replaced
from pricecast.audit.violations import Violation
from pricecast.forecasting.parity import TOLERANCE, quantile_returns, relative_difference
from pricecast.schema import SPLITS

EXACT = 1e-9


def fits(fit: Callable[[pd.DataFrame], str], prices: pd.DataFrame, test_start: pd.Timestamp) -> list[Violation]:
    """Replace every row after validation: nothing that is fitted changes.

    Args:
        fit: fits everything (scalers, model, calibration) on prices and returns a digest of its whole state.
        prices: a valid prices table, and valid it stays.
        test_start: the first date after validation.
    """
    original = fit(prices.copy())
    later = (prices["date"] >= test_start).to_numpy()
    found = []
    for way in VALID_GARBAGE:
        how = f"rows from {test_start:%Y-%m-%d} on {way}"
        try:
            same = fit(replaced(prices, later, way)) == original
        except Exception as error:
            found.append(Violation("computes", "(fit)", how=f"{how}: {type(error).__name__}: {error}"))
        else:
            found += [] if same else [Violation("fit", "(state)", how=f"{how}: another state is fitted")]
    return found


def spans(table: pd.DataFrame, horizon: int) -> list[Violation]:
    """No label reaches a date that a later span forecasts, whatever the ticker.

    Args:
        table: date, ticker and `split` (train, valid, test or "" for none), sorted by ticker and date.
        horizon: days ahead that an origin forecasts.
    """
    dates = table.groupby("ticker", sort=False)["date"]
    first, last = dates.shift(-1), dates.shift(-horizon)
    found = []
    for i, span in enumerate(SPLITS[:-1], 1):
        own = (table["split"] == span).to_numpy()
        start = first[table["split"].isin(SPLITS[i:])].min()
        how = f"its {span} label reaches {str(start)[:10]}, which a later span forecasts"
        found += _at("purge", table, own & (last >= start), how)
        found += _at("purge", table, own & last.isna(), f"its {span} label reaches past the ticker's last row")
    return found


def windows(tickers: np.ndarray, origins: np.ndarray, lookback: int) -> list[Violation]:
    """No window of `lookback` rows up to an origin holds a row of another ticker (rows are sorted by ticker)."""
    first = origins - lookback + 1
    spans_two = (first < 0) | (tickers[np.maximum(first, 0)] != tickers[origins])
    how = f"the {lookback} rows up to row {{}} are not all of one ticker"
    return [Violation("window", "(origin)", str(tickers[row]), how=how.format(row)) for row in origins[spans_two]]


def scoring(forecasts: pd.DataFrame, closes: pd.DataFrame) -> list[Violation]:
    """Return a forecast from close t is scored on the close `horizon` rows later, of its own ticker; never on close t.

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
    return [found for how, mask in broken.items() for found in _at("scoring", rows, mask, how)]


def parity(
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    prices: pd.DataFrame,
    forecasts: pd.DataFrame,
    needed: Callable[[pd.DataFrame], pd.DataFrame],
    n: int = 3,
    seed: int = 0,
) -> list[Violation]:
    """Return the live forecast from the bars it needs is the backtest's of that cutoff, relative to the last close.

    Args:
        predict: from bars to a forecasts table.
        prices: the prices that the backtest walked over.
        forecasts: the backtest's table, of one model.
        needed: from all bars up to a cutoff to those that a forecast needs, without the tickers that have too few.
        n: how many cutoffs to try.
        seed: which ones.

    Returns:
        What differs by more than a millionth of the width of the 90 % interval; and a cutoff without enough bars.
    """
    found: list[Violation] = []
    tried = 0
    for cutoff in np.random.default_rng(seed).permutation(forecasts["cutoff"].unique()):
        expected = forecasts[forecasts["cutoff"] == cutoff]
        # Of all tickers, those of a market that was closed that day, too: a forecast may look across.
        bars = needed(prices[prices["date"] <= cutoff]).reset_index(drop=True)
        if len(bars):
            tried += 1
            found += _parity(predict, bars, expected[expected["ticker"].isin(bars["ticker"])])
        if tried == n:
            break
    return found if tried else [Violation("computes", "(all)", how="no cutoff has the bars that a forecast needs")]


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
    """One violation for all broken rows, placed at the first."""
    broken = np.asarray(broken)
    if not broken.any():
        return []
    first = rows.iloc[int(broken.argmax())]
    place = (str(first["ticker"]), f"{first['date']:%Y-%m-%d}")
    return [Violation(check, "(row)", *place, size=size, how=f"{how}, {broken.sum()} rows")]
