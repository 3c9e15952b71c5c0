"""The rows that models of many tickers learn from: those of ordinary tickers in ordinary times.

One halted, pegged, tick-bound or wrongly recorded ticker would otherwise decide means, deviations and quantiles
that all tickers share. It is forecast by what the others teach, and calibrated by itself where its errors differ
(see `forecasting.calibration`).
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

# Returns in units of EWMA volatility are near a standard normal for stocks, indices, currencies and crypto: their
# distribution functions differ by .02 to .1. A fifth of days without a move make it .2.
DISTANCE = 0.1
# Times 1 / root of n: further than sampling error takes such a distance once in a hundred (Kolmogorov 1933).
CRITICAL = 1.63
# Volatilities this many times above or below the panel's typical one are of another kind: a peg, or a false print.
FACTOR = 20.0
# Half of the moves of so many days below a tenth of their volatility: a halt, or a volatility that is still that of
# a single jump. Half of a standard normal's are below .67.
DAYS, CALM = 61, 0.1


def ordinary(tickers: np.ndarray, scale: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Mark the rows to learn from; all of them where no ticker is ordinary.

    Args:
        tickers: (n,) ticker of each row, dates of one in order.
        scale: (n,) volatility known at its close.
        moves: (n,) log return of the day after, in units of `scale`.

    Returns:
        (n,) mask.

    >>> moves = norm.ppf((np.arange(1000) * 7 % 1000 + 0.5) / 1000)
    >>> halted = np.where(np.arange(1000) < 500, moves, 0.0)
    >>> tickers = np.repeat(["A", "B"], 1000)
    >>> mask = ordinary(tickers, np.full(2000, 0.01), np.append(moves, halted))
    >>> np.unique(tickers[mask]).tolist()
    ['A']
    """
    usual = ~np.isin(tickers, unusual(tickers, moves))
    if not usual.any():
        return np.ones(len(tickers), dtype=bool)
    level = pd.Series(np.log(scale))
    typical = level[usual].groupby(tickers[usual]).median().median()
    sizes = pd.Series(np.abs(moves)).groupby(tickers, sort=False)
    median = sizes.transform(lambda of_ticker: of_ticker.rolling(DAYS, center=True, min_periods=DAYS // 2).median())
    kept = usual & (np.abs(level - typical) <= np.log(FACTOR)).to_numpy() & ~(median <= CALM).to_numpy()
    return kept if kept.any() else usual


def unusual(tickers: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the tickers whose moves (n,) in units of volatility are far from normally distributed, (k,)."""
    names, code = np.unique(tickers, return_inverse=True)
    parts = np.split(moves[np.argsort(code, kind="stable")], np.cumsum(np.bincount(code))[:-1])
    return names[[distance(part) > limit(len(part)) for part in parts]]


def distance(moves: np.ndarray) -> float:
    """Return the largest difference between the distribution of moves (n,) and the standard normal one."""
    values, counts = np.unique(moves, return_counts=True)
    share = np.concatenate([[0.0], np.cumsum(counts)]) / len(moves)
    expected = norm.cdf(values)
    return float(max(np.abs(expected - share[:-1]).max(), np.abs(expected - share[1:]).max()))


def limit(n: Any) -> Any:
    """Return the largest distance of n moves that are taken for ordinary ones, for a number or an array of them."""
    return DISTANCE + CRITICAL / np.sqrt(n)
