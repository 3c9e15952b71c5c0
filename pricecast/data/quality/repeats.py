"""Copies of the bar before, as a frozen feed and a table of calendar days contain them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pricecast.data.quality.filled import CHANCE, OHLC, is_filled, repeats_prices, weekday
from pricecast.data.quality.rows import Rows

COMMON = 0.05  # share of a ticker's bars above which one with a range comes back by itself
FACTOR = 3  # so many times as often as expected is no coincidence
MANY, LONG = 0.02, 5  # share of a ticker's bars, and copies in a row, that are no coincidence on any ticker
# Share of different volumes, or of different closes without any, that tell bars apart.
TELLING, DISTINCT = 0.95, 0.5
NAMES = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])


def drop_copies(rows: Rows) -> None:
    """Drop filled days and bars that repeat the one before; a ticker that never moves keeps all: it is constant."""
    moves = _moves(rows)
    copies = is_filled(rows) & moves
    rest = replace(rows)
    rest.keep(~copies)
    repeated = (_of_ranges(rest) | _of_one_price(rest)) & moves[~copies]
    copies[~copies] = _of_runs(rest, repeated & _are_no_coincidence(rest, repeated))
    if not copies.any():
        return
    rows.note("repeated", copies, "repeats the bar before")
    rows.findings["repeated"]["examples"] = _examples(rows, copies)
    rows.keep(~copies)


def _moves(rows: Rows) -> np.ndarray:
    """Mark the rows of tickers whose close changes at all."""
    close = rows.columns["close"]
    changes = np.bincount(rows.code, weights=~rows.first & (close != rows.previous(close)))
    return changes[rows.code] > 0


def _of_ranges(rows: Rows) -> np.ndarray:
    """Mark bars with a range that repeat the one before in prices and volume, or in prices without any volume.

    Where a price has few ticks, closes stay and ranges look alike: such bars come back by themselves.
    """
    ranged = rows.columns["high"] > rows.columns["low"]
    unchanged = ranged & (rows.columns["close"] == rows.previous(rows.columns["close"]))
    volume = rows.columns["volume"]
    copies = ranged & repeats_prices(rows) & ((volume == rows.previous(volume)) | (volume == 0))
    times, bars = _count(rows, ~copies, _values(rows, [*OHLC, "volume"]), copies)
    unusual = copies & ((times <= 1) | (times <= COMMON * bars))
    times, bars = _count(rows, ~copies, _values(rows, ["volume"]) | _shape(rows), copies)
    return unusual & (_exceeds(rows, copies, unchanged, times, bars) | _in_odd_runs(rows, copies))


def _of_one_price(rows: Rows) -> np.ndarray:
    """Mark traded bars of one price that come again with their volume more often than the ticker's volumes explain.

    A flat bar without volume is a day without trading. Volumes of flat bars tell what is usual for them, but where
    nearly all flat bars are copies, all volumes do.
    """
    volume, flat = rows.columns["volume"], rows.columns["high"] == rows.columns["low"]
    unchanged = repeats_prices(rows) & flat & (volume > 0)
    copies = unchanged & (volume == rows.previous(volume))
    genuine = (volume > 0) & ~copies
    values = _values(rows, ["volume"])
    times, bars = _count(rows, genuine & flat, values, copies)
    frozen = LONG * bars <= np.bincount(rows.code, weights=copies)[rows.code]
    all_times, all_bars = _count(rows, genuine, values, copies & frozen)
    times, bars = np.where(frozen, all_times, times), np.where(frozen, all_bars, bars)
    return _exceeds(rows, copies, unchanged, times, bars)


def _exceeds(
    rows: Rows, copies: np.ndarray, unchanged: np.ndarray, times: np.ndarray, bars: np.ndarray
) -> np.ndarray:
    """Mark copies that are far more than unchanged bars whose other values agree by chance, `times` in `bars`."""
    expected = np.bincount(rows.code, weights=unchanged)[rows.code] * times
    return copies & (FACTOR * expected < np.bincount(rows.code, weights=copies)[rows.code] * bars)


def _in_odd_runs(rows: Rows, copies: np.ndarray) -> np.ndarray:
    """Mark copies in runs that are longer than the share of the ticker's other copies explains."""
    run = np.cumsum(~copies)
    size = np.bincount(run, weights=copies)[run]
    bars, total = np.bincount(rows.code)[rows.code], np.bincount(rows.code, weights=copies)[rows.code]
    share = (total - size + 1) / np.maximum(bars - size + 2, 1)
    return copies & (bars * np.minimum(share, 1) ** size < CHANCE)


def _shape(rows: Rows) -> dict[str, np.ndarray]:
    """Return open, high and low as seen from the close, in steps too fine for a market."""
    close = rows.columns["close"]
    step = 1e-7 * pd.Series(close).groupby(rows.code).transform("median").to_numpy()
    return {name: np.round((rows.columns[name] - close) / step) for name in OHLC[:3]}


def _values(rows: Rows, names: list[str]) -> dict[str, np.ndarray]:
    return {name: rows.columns[name] for name in names}


def _count(
    rows: Rows, among: np.ndarray, columns: dict[str, np.ndarray], wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count the bars `among` of each ticker that have a row's values, and all of them; 0 in tickers not wanted."""
    times, bars = np.zeros(len(wanted)), np.zeros(len(wanted))
    (at,) = np.nonzero(np.isin(rows.code, rows.code[wanted]))
    if len(at):
        values = pd.DataFrame({"code": rows.code} | columns).iloc[at]
        group = values.groupby(list(values), sort=False).ngroup().to_numpy()
        times[at] = np.bincount(group, weights=among[at])[group]
        bars[at] = np.bincount(rows.code[at], weights=among[at])[rows.code[at]]
    return times, bars


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


def _of_runs(rows: Rows, copies: np.ndarray) -> np.ndarray:
    """Mark all bars of a run but one: its first, or its last where days were filled in from the next session.

    Then keeping the last leaves fewer bars on weekends.
    """
    last = copies & ~np.append(copies[1:], False)
    first = np.append(copies[1:], False) & ~copies
    weekend = weekday(rows) >= 5
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
            days = np.bincount(weekday(rows)[marked], minlength=7)
            texts.append(
                f"{rows.tickers[code]} {np.datetime_as_string(rows.date[marked[0]], 'D')}: {len(marked)} bars "
                f"({shares[code]:.2%}) repeat the bar before, up to {max(map(len, runs))} in a row, on "
                + ", ".join(f"{NAMES[day]} {days[day]}" for day in np.flatnonzero(days))
            )
    return texts
