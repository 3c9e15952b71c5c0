"""Copies of the bar before, as a frozen feed and a table of calendar days contain them."""

import numpy as np
import pandas as pd

from pricecast.data.quality.rows import Rows

COMMON = 0.05  # share of a ticker's bars above which one with a range comes back by itself
FACTOR = 3  # so many times as often as expected is no coincidence
MANY, LONG = 0.02, 5  # share of a ticker's bars, and copies in a row, that are no coincidence on any ticker
TELLING, DISTINCT = (
    0.95,
    0.5,
)  # share of different volumes, or of different closes without any, that tell bars apart
CHANCE = 1e-3  # probability below which a weekday without any trade is no coincidence
NAMES = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
OHLC = ["open", "high", "low", "close"]


def drop_copies(rows: Rows) -> None:
    """Drop bars that repeat the one before; a ticker that never moves is left as it is, for its own finding."""
    copies = (_repeats(rows) | _is_filled(rows)) & _moves(rows)
    copies &= _are_no_coincidence(rows, copies)
    if not copies.any():
        return
    copies = _of_runs(rows, copies)
    rows.note("repeated", copies, "repeats the bar before")
    rows.findings["repeated"]["examples"] = _examples(rows, copies)
    rows.keep(~copies)


def _moves(rows: Rows) -> np.ndarray:
    """Mark the rows of tickers whose close changes at all."""
    close = rows.columns["close"]
    changes = np.bincount(rows.code, weights=~rows.first & (close != rows.previous(close)))
    return changes[rows.code] > 0


def _repeats(rows: Rows) -> np.ndarray:
    """Mark rows equal to the one before in prices and volume, or in a range of prices without any volume.

    Bars of sticky tickers come back by themselves, and a flat bar without volume is a day without trading.
    """
    volume, flat = rows.columns["volume"], rows.columns["high"] == rows.columns["low"]
    same = ~rows.first
    for name in OHLC:
        same &= rows.columns[name] == rows.previous(rows.columns[name])
    again, traded = volume == rows.previous(volume), volume > 0
    copies = same & ~flat & (again | ~traded)
    times, bars = _count(rows, ~copies, [*OHLC, "volume"], copies)
    unchanged = same & flat & traded
    return (copies & ((times <= 1) | (times <= COMMON * bars))) | _of_equal_volume(rows, unchanged, again)


def _of_equal_volume(rows: Rows, unchanged: np.ndarray, again: np.ndarray) -> np.ndarray:
    """Mark the unchanged flat bars whose volume repeats more often than its share of flat bars explains."""
    copies = unchanged & again
    genuine = (rows.columns["high"] == rows.columns["low"]) & (rows.columns["volume"] > 0) & ~copies
    times, bars = _count(rows, genuine, ["volume"], copies)
    expected = np.bincount(rows.code, weights=unchanged)[rows.code] * times
    return copies & (FACTOR * expected < np.bincount(rows.code, weights=copies)[rows.code] * bars)


def _count(rows: Rows, among: np.ndarray, names: list[str], wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the bars `among` of each ticker that have a row's values, and all of them; 0 in tickers not wanted."""
    times, bars = np.zeros(len(wanted)), np.zeros(len(wanted))
    (at,) = np.nonzero(np.isin(rows.code, rows.code[wanted]))
    if len(at):
        values = pd.DataFrame({"code": rows.code} | {name: rows.columns[name] for name in names}).iloc[at]
        group = values.groupby(list(values), sort=False).ngroup().to_numpy()
        times[at] = np.bincount(group, weights=among[at])[group]
        bars[at] = np.bincount(rows.code[at], weights=among[at])[rows.code[at]]
    return times, bars


def _is_filled(rows: Rows) -> np.ndarray:
    """Mark the rows of a weekday on which a ticker never trades, flat at the close before, unlike on other days."""
    close = rows.columns["close"]
    idle = (rows.columns["volume"] == 0) & (rows.columns["high"] == rows.columns["low"])
    idle &= close == rows.previous(close)
    slot = rows.code * 7 + _weekday(rows)
    days, quiet = np.bincount(slot), np.bincount(slot, weights=idle)
    others = np.bincount(rows.code)[rows.code] - days[slot]
    elsewhere = np.bincount(rows.code, weights=idle)[rows.code] - quiet[slot]
    chance = ((elsewhere + 1) / (others + 2)) ** days[slot]
    return (quiet == days)[slot] & (chance < CHANCE)


def _are_no_coincidence(rows: Rows, copies: np.ndarray) -> np.ndarray:
    """Mark the rows of tickers with many copies, or some in a row, or whose bars hardly ever come twice by chance.

    A thin ticker may well trade 500 shares at one price on two days. This depends as little as possible on how
    much of its history there is: what a table keeps, a part of it keeps, too.
    """
    bars = np.bincount(rows.code)
    many = np.bincount(rows.code, weights=copies) >= MANY * bars
    ends = np.cumsum(copies)
    run = ends - np.maximum.accumulate(np.where(copies, 0, ends))
    in_a_row = np.bincount(rows.code, weights=run >= LONG) > 0
    traded = ~copies & (rows.columns["volume"] > 0)
    kept = pd.DataFrame({"code": rows.code, "volume": rows.columns["volume"], "close": rows.columns["close"]})
    volumes, closes = kept[traded].groupby("code")["volume"], kept[~copies].groupby("code")["close"]
    distinct = (volumes.nunique() / volumes.size()).reindex(range(len(bars)))
    # Exchange rates and indices come without a volume.
    distinct = distinct.fillna((closes.nunique() / closes.size()).reindex(range(len(bars))) * TELLING / DISTINCT)
    return (many | in_a_row | (distinct.to_numpy() >= TELLING))[rows.code]


def _weekday(rows: Rows) -> np.ndarray:
    """Return the day of the week of each row, 0 for Monday."""
    return (rows.date.astype("datetime64[D]").astype("int64") + 3) % 7


def _of_runs(rows: Rows, copies: np.ndarray) -> np.ndarray:
    """Mark all bars of a run but one: its first, or its last where days were filled in from the next session.

    Then keeping the last leaves fewer bars on weekends.
    """
    last = copies & ~np.append(copies[1:], False)
    first = np.append(copies[1:], False) & ~copies
    weekend = _weekday(rows) >= 5
    balance = np.bincount(rows.code, weights=weekend & first) - np.bincount(rows.code, weights=weekend & last)
    backwards = (balance > 0)[rows.code]
    return np.where(backwards, (copies | first) & ~last, copies)


def _examples(rows: Rows, copies: np.ndarray) -> list[str]:
    """Tell share, longest run and weekdays of the copies, of the tickers that have most of them."""
    shares = np.bincount(rows.code, weights=copies) / np.maximum(np.bincount(rows.code), 1)
    texts = []
    for code in np.argsort(-shares, kind="stable")[:3]:
        (marked,) = np.nonzero(copies & (rows.code == code))
        if len(marked):
            runs = np.split(marked, np.flatnonzero(np.diff(marked) > 1) + 1)
            days = np.bincount(_weekday(rows)[marked], minlength=7)
            texts.append(
                f"{rows.tickers[code]} {np.datetime_as_string(rows.date[marked[0]], 'D')}: {len(marked)} bars "
                f"({shares[code]:.2%}) repeat the bar before, up to {max(map(len, runs))} in a row, on "
                + ", ".join(f"{NAMES[day]} {days[day]}" for day in np.flatnonzero(days))
            )
    return texts
