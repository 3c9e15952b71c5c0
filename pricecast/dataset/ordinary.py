"""The rows that models of many tickers learn from: those of ordinary tickers in ordinary times.

One halted, pegged, tick-bound or wrongly recorded ticker would otherwise decide means, deviations and quantiles
that all tickers share. It is forecast by what the others teach, and calibrated by itself where its errors differ
(see `forecasting.calibration`).
"""

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
# Fewer moves on other days than this, or on less than this share of its days, tell nothing of a ticker.
LEAST, SHARE = 50, 0.4
# Correlation of a day's move with the next one's. Prices that bounce between bid and ask have -.3; made ones, such
# as a sine or the days between two weekly closes, .8 and more.
CORRELATION = 0.5
# Of so few different sizes are the moves of prices that repeat themselves.
DIFFERENT = 0.1


def ordinary(tickers: np.ndarray, scale: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Mark the rows to learn from; all of them where no ticker is ordinary.

    Args:
        tickers: (n,) ticker of each row, dates of one in order.
        scale: (n,) volatility known at its close.
        moves: (n,) log return of the day after, in units of `scale`.

    Returns:
        (n,) mask.

    >>> moves = norm.ppf((np.arange(1000) * 211 % 1000 + 0.5) / 1000)
    >>> tickers = np.repeat(["A", "B"], 1000)
    >>> mask = ordinary(tickers, np.full(2000, 0.01), np.append(moves, np.sign(moves)))
    >>> np.unique(tickers[mask]).tolist()
    ['A']
    """
    active = is_active(tickers, moves)
    usual = active & ~pd.Series(tickers).isin(unusual(tickers, moves)).to_numpy()
    if not usual.any():
        return np.ones(len(tickers), dtype=bool)
    level = pd.Series(np.log(scale))
    typical = level[usual].groupby(tickers[usual]).median().median()
    near = usual & (np.abs(level - typical) <= np.log(FACTOR)).to_numpy()
    return near if near.any() else usual


def is_active(tickers: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Mark the rows of days around which a ticker moves as its volatility says, (n,)."""
    sizes = pd.Series(np.abs(moves)).groupby(tickers, sort=False)
    medians = sizes.transform(
        lambda of_ticker: of_ticker.rolling(DAYS, center=True, min_periods=DAYS // 2).median()
    )
    return ~(medians <= CALM).to_numpy()


def unusual(tickers: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the tickers whose moves (n,) in units of volatility are not like independent normal ones, (k,).

    On active days alone: a stock that was halted is like any other before and afterwards. A ticker with few active
    days is unusual.
    """
    # Of many rows, pandas sorts the names alone.
    code, names = pd.factorize(tickers, sort=True)
    order, ends = np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1]
    parts = zip(np.split(moves[order], ends), np.split(is_active(tickers, moves)[order], ends), strict=True)
    return np.asarray(names)[np.array([not _is_usual(own, active) for own, active in parts], dtype=bool)]


def _is_usual(moves: np.ndarray, active: np.ndarray) -> bool:
    """Return True if the moves (n,) of a ticker, on its active days, are like independent normal ones."""
    part = moves[active]
    if len(part) < max(LEAST, SHARE * len(moves)):
        return False
    doubt = CRITICAL / np.sqrt(len(part))
    return bool(distance(part) <= DISTANCE + doubt and abs(_correlation(part)) <= CORRELATION + doubt)


def _correlation(moves: np.ndarray) -> float:
    before, after = moves[:-1], moves[1:]
    if np.ptp(before) == 0 or np.ptp(after) == 0:
        return 1.0
    return float(np.corrcoef(before, after)[0, 1])


def repeats_itself(close: np.ndarray) -> bool:
    """Return True for closes (n,) whose daily moves are of a few sizes: rounding then decides between equal values.

    >>> repeats_itself(100 + np.arange(500) % 20.0), repeats_itself(100 + np.arange(500.0) ** 1.5)
    (True, False)
    """
    moves = np.round(np.diff(np.log(close)), 7)
    return len(np.unique(moves)) < DIFFERENT * len(moves)


def distance(moves: np.ndarray) -> float:
    """Return the largest difference between the distribution of moves (n,) and the standard normal one."""
    values, counts = np.unique(moves, return_counts=True)
    share = np.concatenate([[0.0], np.cumsum(counts)]) / len(moves)
    expected = norm.cdf(values)
    return float(max(np.abs(expected - share[:-1]).max(), np.abs(expected - share[1:]).max()))
