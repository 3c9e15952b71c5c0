"""Splits: ratios of n to 1, 1 to n and small fractions, in moves of the close and in those of adj_close."""

import numpy as np

from pricecast.data.quality.rows import Rows
from pricecast.data.quality.usual import is_crowded, noise, tick, ticker

LARGEST = 1000
WHOLE = np.log(np.arange(2, 9))
FRACTIONS = np.log([5 / 4, 4 / 3, 3 / 2, 5 / 3, 7 / 4, 7 / 3, 5 / 2, 7 / 2])
EXACT = 0.01  # log distance to n:1 or 3:2 where adj_close shows it, free of the market's own move
COMMON = np.log([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100])
NEAR_OPEN, NEAR_CLOSE = 0.03, 0.15  # log distance to a common ratio
FAR_OPEN, FAR_CLOSE = 0.06, 0.3  # the same at most, where a ticker's usual noise allows more
DENSE = np.log(8.5)  # from here on, some ratio is near any move
LARGE = 8  # times the usual move
WEEK = 5  # bars
RARE = 0.005  # share of a ticker's bars


def is_ratio(apart: np.ndarray) -> np.ndarray:
    """Mark log distances between the moves of close and adj_close that are n:1 or 3:2; spin-offs meet others."""
    size = np.abs(apart)
    whole = np.clip(np.round(np.exp(size)), 2, LARGEST)
    return np.minimum(np.abs(size - np.log(whole)), np.abs(size - np.log(1.5))) <= EXACT


def looks_like_split(rows: Rows, night: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Mark rows whose moves over night and from close to close, (n,), fit one ratio.

    Common ratios need no more than that. Others, which real moves meet more easily, are splits where the move is
    far beyond the usual ones, the whole bar is away from the one before, and the new level lasts; fractions, and
    whole numbers off by more than 3 %, where trade is no busier than usual, either. A market that opens at its last
    close never looks like a split.
    """
    (at,) = np.nonzero(np.abs(night) > FRACTIONS.min() - NEAR_OPEN)
    over_night, in_all = np.abs(night[at]), (move * np.sign(night))[at]
    quiet, usual = noise(rows, night, at), noise(rows, move, at)
    common = _fits(over_night, in_all, COMMON, NEAR_OPEN, NEAR_CLOSE)
    near, far = np.minimum(2.5 * quiet, NEAR_OPEN), np.minimum(2.5 * quiet, FAR_OPEN)
    fits = _fits(over_night, in_all, FRACTIONS, near, np.minimum(3 * usual, NEAR_CLOSE))
    fits |= _fits(over_night, in_all, WHOLE, far, np.minimum(3 * usual, FAR_CLOSE))
    fits &= ~is_crowded(rows, night, at)
    dense = (over_night > DENSE) & (over_night < np.log(LARGEST) + NEAR_OPEN)
    fits |= dense & (np.abs(in_all - over_night) <= NEAR_CLOSE)
    fits &= over_night >= LARGE * usual
    marked = np.zeros(len(move), dtype=bool)
    marked[at[common]] = True
    marked[_strange(rows, at[fits], night, move)] = True
    (at,) = np.nonzero(marked)
    marked[at] = _exceeds_ticks(rows, at, np.abs(night[at]))
    return marked


def _strange(rows: Rows, at: np.ndarray, night: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Return those of some rows whose moves leave the range of the bar before, last, and are rare there."""
    at = at[_is_away(rows, at, np.abs(night[at]))]
    at = at[_lasts(rows, at, move)]
    return at[_is_rare(rows, night, at)]


def _fits(
    night: np.ndarray,
    move: np.ndarray,
    ratios: np.ndarray,
    near_open: float | np.ndarray,
    near_close: float | np.ndarray,
) -> np.ndarray:
    """Mark moves (n,) that are both near one of the ratios; the limits are numbers or (n,)."""
    marked = np.zeros(len(night), dtype=bool)
    for ratio in ratios:
        marked |= (np.abs(night - ratio) <= near_open) & (np.abs(move - ratio) <= near_close)
    return marked


def _is_rare(rows: Rows, night: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Mark rows of tickers that hardly ever move by half as much over night, other such rows of 2:1 or more aside.

    A fund may split time and again; a stock that often loses a quarter does not.
    """
    size, rare = np.abs(night), np.zeros(len(at), dtype=bool)
    alike = np.zeros(len(size), dtype=bool)
    alike[at[size[at] > WHOLE.min() - FAR_OPEN]] = True
    for i, row in enumerate(at):
        own, others = size[ticker(rows, row)], ~alike[ticker(rows, row)]
        times = np.count_nonzero(others & (own >= size[row] / 2)) + alike[row]
        rare[i] = times <= max(2, RARE * len(own))
    return rare


def _is_away(rows: Rows, at: np.ndarray, over_night: np.ndarray) -> np.ndarray:
    """Mark rows whose whole range is away from the one before by at least half the move."""
    high, low = np.log(rows.columns["high"]), np.log(rows.columns["low"])
    between = np.maximum(low - rows.previous(high), rows.previous(low) - high)
    return between[at] > over_night / 2


def _lasts(rows: Rows, at: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Mark rows without a close on the other side of the move, for a week before and after or as there are bars."""
    close, lasts = np.log(rows.columns["close"]), np.ones(len(at), dtype=bool)
    for side, step in ((at, 1), (at - 1, -1)):
        near = np.clip(side[:, None] + step * np.arange(1, WEEK + 1), 0, len(close) - 1)
        back = step * np.sign(move[at, None]) * (close[side, None] - close[near])
        off = back > np.abs(move[at, None]) / 2
        lasts &= ~(off & (rows.code[near] == rows.code[at, None])).any(axis=1)
    return lasts


def _exceeds_ticks(rows: Rows, at: np.ndarray, over_night: np.ndarray) -> np.ndarray:
    """Mark rows whose move is more than a tick or two of a price that has few of them, as 0.0001 to 0.0002 is."""
    close = rows.columns["close"]
    lower = np.minimum(close, rows.previous(close))[at]
    _, first, which = np.unique(rows.code[at], return_index=True, return_inverse=True)
    ticks = np.array([tick(close[ticker(rows, row)]) for row in at[first]])
    return over_night >= 3 * np.log1p(ticks[which] / lower)
