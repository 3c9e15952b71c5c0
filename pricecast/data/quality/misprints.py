"""Prices wrong for a day or some: closes that come back at once, and a high or low that no other price is near."""

import numpy as np
import pandas as pd

from pricecast.data.quality.rows import Rows
from pricecast.data.quality.usual import CROWDED, noise, usual_volume

LARGE, AGREE = 8, 6  # times the usual move: a misprint at least, the closes on both sides of it at most
AWAY = np.log(3)
SPAN = 3  # bars in a row at most
WIDE, FAR = 0.5, 0.4  # log range of a day that may be wrong at least, log distance of an end that is
TIMES = 10  # times the usual range
BUSY = 3  # times the usual move: a day that really was so wild
YEAR = 250  # bars
TOGETHER, MARKET = 3, 0.01  # tickers of one date, as a number and a share, from which on it is the market's day


def drop_misprints(rows: Rows) -> None:
    """Drop bars whose close, as it is or adjusted, is far from those on both sides, which agree."""
    wrong = np.zeros(len(rows.code), dtype=bool)
    for name in ("close", "adj_close"):
        level = np.log(rows.columns[name])
        for size in range(1, SPAN + 1):
            wrong |= _comes_back(rows, level, size)
    text = "close {close:g}, the bar before {previous:g}, the bar after {following:g}"
    shown = {"previous": rows.previous(rows.columns["close"]), "following": np.roll(rows.columns["close"], -1)}
    rows.note("misprint", wrong, text, **shown)
    rows.keep(~wrong)


def _comes_back(rows: Rows, level: np.ndarray, size: int) -> np.ndarray:
    """Mark runs of `size` rows that are away to one side from the rows before and after them."""
    marked = np.zeros(len(level), dtype=bool)
    start = np.arange(1, len(level) - size)
    start = start[rows.code[start - 1] == rows.code[start + size]]
    before, after = level[start - 1], level[start + size]
    inside = level[start[:, None] + np.arange(size)]
    lower, upper = np.minimum(before, after), np.maximum(before, after)
    away = np.maximum(inside.min(axis=1) - upper, lower - inside.max(axis=1))
    fits = (away >= AWAY) & (upper - lower <= away / 3)
    start, away, apart = start[fits], away[fits], (upper - lower)[fits]
    move = level - rows.previous(level)
    # Days without a move say nothing of how far a sticky ticker moves.
    usual = noise(rows, np.where(move == 0, np.nan, move), start)
    start = start[(away >= LARGE * usual) & (apart <= AGREE * usual)]
    marked[(start[:, None] + np.arange(size)).ravel()] = True
    return marked


def fit_ends(rows: Rows) -> None:
    """Move a high or low that is far from all other prices of a day like any other to its open or close."""
    prices = {name: np.log(rows.columns[name]) for name in ("open", "high", "low", "close")}
    (at,) = np.nonzero(_is_wide(rows, prices["high"] - prices["low"]))
    beside = np.stack([prices["open"], prices["close"], *_neighbours(rows)])[:, at]
    high = prices["high"][at] - np.nanmax(beside, axis=0, initial=-np.inf) >= FAR
    low = np.nanmin(beside, axis=0, initial=np.inf) - prices["low"][at] >= FAR
    far = high | low
    at, high, low = at[far], high[far], low[far]
    alone = _is_alone(rows, at) & _is_calm(rows, at)
    at, high, low = at[alone], high[alone], low[alone]
    wrong = np.zeros(len(rows.code), dtype=bool)
    wrong[at] = True
    rows.note("range", wrong, "open {open:g}, high {high:g}, low {low:g}, close {close:g}")
    open_, close = rows.columns["open"][at], rows.columns["close"][at]
    rows.columns |= {"high": rows.columns["high"].copy(), "low": rows.columns["low"].copy()}
    rows.columns["high"][at[high]] = np.maximum(open_, close)[high]
    rows.columns["low"][at[low]] = np.minimum(open_, close)[low]


def _is_alone(rows: Rows, at: np.ndarray) -> np.ndarray:
    """Mark those of some rows on whose date hardly any other ticker is among them: a flash crash meets many."""
    dates, day = np.unique(rows.date, return_inverse=True)
    tickers, found = np.bincount(day), np.bincount(day[at], minlength=len(dates))
    return (found < TOGETHER)[day[at]] | (found <= MARKET * tickers)[day[at]]


def _is_wide(rows: Rows, size: np.ndarray) -> np.ndarray:
    """Mark log ranges many times the usual of the ticker's year before, or of all its bars where there is none."""
    wide = size >= WIDE
    (at,) = np.nonzero(np.isin(rows.code, rows.code[wide]))
    groups = pd.Series(np.where(size > 0, size, np.nan))[at].groupby(rows.code[at])
    usual = groups.transform(lambda own: own.rolling(YEAR, min_periods=20).median().shift().fillna(own.median()))
    wide[at] &= size[at] > TIMES * usual.to_numpy()
    return wide


def _is_calm(rows: Rows, at: np.ndarray) -> np.ndarray:
    """Mark rows without an unusual volume or move, of which a crash within the day has at least one."""
    close = np.log(np.where(np.isnan(rows.columns["adj_close"]), rows.columns["close"], rows.columns["adj_close"]))
    move = close - rows.previous(close)
    small = np.nan_to_num(np.abs(move[at])) <= BUSY * noise(rows, np.where(move == 0, np.nan, move), at)
    return small & (rows.columns["volume"][at] <= CROWDED * usual_volume(rows, at))


def _neighbours(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return the log closes before and after each row, as adjusted as its own is."""
    close, adjusted = np.log(rows.columns["close"]), np.log(rows.columns["adj_close"])
    factor = np.where(np.isnan(adjusted), 0.0, adjusted - close)
    following = np.where(np.roll(rows.first, -1), np.nan, np.roll(close + factor, -1))
    return rows.previous(close + factor) - factor, following - factor
