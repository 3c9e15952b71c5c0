"""Findings in sound bars that no repair follows: moves like splits, gaps, weekends, sessions that are not over."""

import numpy as np
import pandas as pd

from pricecast.data.calendars import LONG_OVER, calendar_name, is_closed, spelled, utc
from pricecast.data.own_days import is_daily
from pricecast.data.quality.rows import Rows
from pricecast.data.quality.splits import NEAR_CLOSE, is_ratio, looks_like_split

APART, JUMP = np.log(1.2), np.log(1.5)
MAX_GAP = 10  # calendar days
RARE = 0.1  # share of a year's bars: Saturdays were a sixth of them where they were sessions


def check_moves(rows: Rows) -> None:
    """Note moves of the close that are splits, look like unadjusted ones, change the unit, or are large."""
    close, adjusted = np.log(rows.columns["close"]), np.log(rows.columns["adj_close"])
    move, adjusted_move = close - rows.previous(close), adjusted - rows.previous(adjusted)
    night = np.where(rows.guessed_open, np.nan, np.log(rows.columns["open"]) - rows.previous(close))
    # Without any open, a move is all that a split shows itself by.
    night = np.where(rows.of_tickers_with(~rows.guessed_open), night, move)
    is_adjusted = ~np.isnan(adjusted)
    real, times = np.where(is_adjusted, adjusted_move, move), np.exp(move)
    apart = is_adjusted & (np.abs(move - adjusted_move) > APART)
    text = "close x {times:.4g}, adj_close x {adjusted:.4g}"
    shown = {"times": times, "adjusted": np.exp(adjusted_move)}
    ratio = np.zeros_like(apart)
    ratio[apart] = is_ratio((move - adjusted_move)[apart])
    # The market's own move is in both; the ratio is in the one that moves more.
    twice = ratio & (np.abs(adjusted_move) > np.abs(move))
    rows.note("split", ratio & ~twice, text + ", handled by adjustment", **shown)
    rows.note("double_adjustment", twice, text, **shown)
    rows.note("distribution", apart & ~ratio, text + ", handled by adjustment", **shown)
    unit = _moves_a_hundredfold(rows, move) & ~apart
    rows.note("currency_unit", unit, "close x {times:.4g} of the previous close", times=times)
    suspect = looks_like_split(rows, night, move) & ~apart & ~unit
    rows.note("unadjusted_split", suspect, "open x {night:.4g}, close x {times:.4g} of the previous close",
              night=np.exp(night), times=times)  # fmt: skip
    explained = suspect | unit | twice
    rows.note("jump", (np.abs(real) > JUMP) & ~explained, "close x {times:.4g} in a day", times=np.exp(real))


def _moves_a_hundredfold(rows: Rows, move: np.ndarray) -> np.ndarray:
    """Mark moves by a factor of 100 whose whole range is far from the day before, unlike a crash from its close."""
    high, low = np.log(rows.columns["high"]), np.log(rows.columns["low"])
    between = np.maximum(low - rows.previous(high), rows.previous(low) - high)
    return (np.abs(np.abs(move) - np.log(100)) <= NEAR_CLOSE) & (between > np.log(50))


def check_calendar(rows: Rows, until: pd.Timestamp | None) -> None:
    """Note gaps, rare weekend bars, tickers that end before `until` (or the newest bar) or that never move."""
    days = rows.date.astype("datetime64[D]").astype("int64")
    apart = np.diff(days, prepend=days[:1])
    _check_market(rows)
    rows.note("gap", (apart > MAX_GAP) & ~rows.first, "{days} days after the bar before it", days=apart)
    _check_weekend(rows)
    starts = np.flatnonzero(rows.first)
    last = np.roll(rows.first, -1)
    newest = days.max() if until is None else np.datetime64(until, "D").astype("int64")
    behind = newest - days
    rows.note("stale", last & (behind > MAX_GAP), "{days} days before the newest bar to be expected", days=behind)
    close = rows.columns["close"]
    flat = np.maximum.reduceat(close, starts) == np.minimum.reduceat(close, starts)
    sizes = np.diff(starts, append=len(close))
    constant = np.zeros(len(close), dtype=bool)
    constant[starts[flat & (sizes > 1)]] = True
    rows.note("constant", constant, "close {close:g} in every row")


def _check_weekend(rows: Rows) -> None:
    """Note weekend bars where they are rare; in markets that trade on weekends all year they are not."""
    weekend = ~np.is_busday(rows.date.astype("datetime64[D]"))
    _, year = np.unique(rows.code * 10_000 + rows.date.astype("datetime64[Y]").astype(int), return_inverse=True)
    share = np.bincount(year, weights=weekend) / np.bincount(year)
    rows.note("weekend", weekend & (share[year] < RARE), "a bar of a weekend")


def _check_market(rows: Rows) -> None:
    """Note the last bar of tickers whose dates are not daily, or of another market than their spelling names."""
    wrong, sparse = np.zeros((2, len(rows.code)), dtype=bool)
    names = [spelled(str(ticker)) for ticker in rows.tickers]
    for row in np.flatnonzero(np.roll(rows.first, -1)).tolist():
        ticker, dates = rows.code[row], _dates(rows, row)
        sparse[row] = not is_daily(dates)
        wrong[row] = names[ticker] and calendar_name(str(rows.tickers[ticker]), dates) not in names[ticker]
    rows.note("not_daily", sparse, "the bars before are mostly 5 or more days apart")
    expected = np.array([" or ".join(name) for name in names], dtype=object)[rows.code]
    rows.note("calendar", wrong, "the dates before are not those of {market}", market=expected)


def _dates(rows: Rows, row: int) -> pd.DatetimeIndex:
    """Return the dates of a ticker up to one of its rows."""
    return pd.DatetimeIndex(rows.date[np.searchsorted(rows.code, rows.code[row]) : row + 1])


def check_last(rows: Rows, as_of: pd.Timestamp) -> None:
    """Note last bars whose session was not over at the moment `as_of`."""
    last = np.roll(rows.first, -1)
    # Older sessions are over anywhere, and a calendar costs time.
    unfinished = last & (np.datetime64(utc(as_of).tz_localize(None)) - rows.date < LONG_OVER.to_timedelta64())
    for row in np.flatnonzero(unfinished).tolist():
        ticker, session = str(rows.tickers[rows.code[row]]), pd.Timestamp(rows.date[row])
        unfinished[row] = not is_closed(ticker, session, as_of, _dates(rows, row))
    rows.note("unfinished", unfinished, f"not over at {utc(as_of):%Y-%m-%d %H:%M} UTC")
