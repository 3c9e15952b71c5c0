"""Days on which a ticker never trades, filled in with prices before, after or between; and bars all made so."""

import numpy as np
import pandas as pd

from pricecast.data.quality.rows import Rows
from pricecast.data.quality.usual import tick

CHANCE = 1e-3  # probability below which a weekday without any trade, or a run of copies, is no coincidence
ON_LINE, ELSEWHERE = 0.95, 0.5  # share of bars on a line, where days are filled in at least, on other days at most
RESTS = ([5, 6], [4, 5], [3, 4], [5], [6])  # days of the week on which markets rest, 0 for Monday
EXACT = 1e-9  # relative
ALIKE = 0.2  # share by which two moves of an interpolated price differ at most, for rounding
MOST, FEW = 0.5, 20  # share and number of a ticker's moves that are alike where it is interpolated, at least
SLOPES = 3  # times its smallest move, that half of its moves are at least: those of a few ticks are alike by chance
OHLC = ["open", "high", "low", "close"]


def is_filled(rows: Rows) -> np.ndarray:
    """Mark the rows of weekdays on which a ticker never trades, unlike on other days.

    They are flat at the close before, or repeat its bar; or the same of the close after; or they lie on a line
    between the two.
    """
    before, after = _of_idle_days(rows, 1), _of_idle_days(rows, -1)
    # Flat bars filled from one side look half as if from the other; the right one has more days, and of weekends.
    size = np.where(weekday(rows) >= 5, 2.0, 1.0)
    more = np.bincount(rows.code, weights=size * after) > np.bincount(rows.code, weights=size * before)
    return np.where(more[rows.code], after, before) | _is_interpolated(rows)


def check_interpolated(rows: Rows) -> None:
    """Note bars that go on by the move before, of tickers most of whose moves do: daily bars made of rarer ones."""
    close = rows.columns["close"]
    back, ahead = close - _beside(rows, close, 1), _beside(rows, close, -1) - close
    moved = (back != 0) & (ahead != 0) & ~np.isnan(back + ahead)
    day = rows.date.astype("datetime64[D]").astype(float)
    before, after = day - _beside(rows, day, 1), _beside(rows, day, -1) - day
    # A line may have been drawn by rows or by calendar days.
    found = moved & (_alike(back, ahead) | _alike(back / before, ahead / after))
    count, moves = (np.bincount(rows.code, weights=mask)[rows.code] for mask in (found, moved))
    sizes = pd.Series(np.where(moved, np.abs(back), np.nan)).groupby(rows.code)
    slopes = (sizes.transform("median") >= SLOPES * sizes.transform("min")).to_numpy()
    found &= (count >= np.maximum(FEW, MOST * moves)) & slopes
    share = count / np.maximum(moves, 1)
    rows.note("interpolated", found, "close {close:g}; {share:.0%} of the moves repeat the one before", share=share)


def _alike(move: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(move - other) <= ALIKE * np.fmax(np.abs(move), np.abs(other))


def weekday(rows: Rows) -> np.ndarray:
    """Return the day of the week of each row, 0 for Monday."""
    return (rows.date.astype("datetime64[D]").astype("int64") + 3) % 7


def repeats_prices(rows: Rows, step: int = 1) -> np.ndarray:
    """Mark rows whose prices are those of the row one step before; a negative step counts ahead."""
    same = np.ones(len(rows.code), dtype=bool)
    for name in OHLC:
        same &= rows.columns[name] == _beside(rows, rows.columns[name], step)
    return same


def _beside(rows: Rows, values: np.ndarray, step: int) -> np.ndarray:
    """Return each row's value one bar before (1) or after it (-1); NaN where there is none."""
    return rows.previous(values) if step > 0 else np.where(np.roll(rows.first, -1), np.nan, np.roll(values, -1))


def _of_idle_days(rows: Rows, step: int) -> np.ndarray:
    """Mark the rows of a weekday on which all bars are flat at the close beside them or repeat the bar there."""
    close = rows.columns["close"]
    flat = rows.columns["high"] == rows.columns["low"]
    beside = _beside(rows, close, step)
    # A history may begin within a weekend.
    level = flat & ((close == beside) | np.isnan(beside))
    # Without weekends, what comes back with a volume may be a thin ticker's habit.
    weekends = np.bincount(rows.code, weights=weekday(rows) >= 5)[rows.code] > 0
    idle = np.where(weekends, level | repeats_prices(rows, step), level & (rows.columns["volume"] == 0))
    slot = rows.code * 7 + weekday(rows)
    days, quiet = np.bincount(slot), np.bincount(slot, weights=idle)
    others = np.bincount(rows.code)[rows.code] - days[slot]
    elsewhere = np.bincount(rows.code, weights=idle)[rows.code] - quiet[slot]
    chance = ((elsewhere + 1) / (others + 2)) ** days[slot]
    return (quiet == days)[slot] & (chance < CHANCE)


def _is_interpolated(rows: Rows) -> np.ndarray:
    """Mark the rows of days of rest whose closes lie on a line between the days of trade."""
    marked, days = np.zeros(len(rows.code), dtype=bool), weekday(rows)
    number = rows.date.astype("datetime64[D]").astype("int64")
    for code in np.unique(rows.code[days >= 5]):
        own = slice(*np.searchsorted(rows.code, [code, code + 1]))
        close = rows.columns["close"][own]
        rounding = EXACT * close + tick(close) * (1 + EXACT)
        for rest in RESTS:
            traded = ~np.isin(days[own], rest)
            off, valid = _off_line(number[own], close, traded)
            fits = off <= rounding
            elsewhere, resting = (
                (np.sum(fits[traded & valid]) + 1) / (np.sum(traded & valid) + 2),
                fits[~traded & valid],
            )
            if not len(resting):
                continue
            if elsewhere <= ELSEWHERE and np.mean(resting) >= ON_LINE and elsewhere ** len(resting) < CHANCE:
                marked[own] = ~traded
                break
    return marked


def _off_line(day: np.ndarray, close: np.ndarray, traded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of closes from the line between the days of trade beside them, and a mask of those with both."""
    at, (known,) = np.arange(len(close)), np.nonzero(traded)
    before, after = np.searchsorted(known, at, "left") - 1, np.searchsorted(known, at, "right")
    valid = (before >= 0) & (after < len(known))
    if not valid.any():
        return np.full(len(close), np.inf), valid
    left, right = known[np.maximum(before, 0)], known[np.minimum(after, len(known) - 1)]
    share = (day - day[left]) / np.maximum(day[right] - day[left], 1)
    return np.abs(close - close[left] - share * (close[right] - close[left])), valid
