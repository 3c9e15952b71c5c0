"""Repairs of bars: order, duplicates, missing or impossible prices, ranges and volumes."""

import numpy as np
import pandas as pd

from pricecast.data.calendars import utc
from pricecast.data.quality.rows import Rows

ROUNDING = 1e-9  # relative; adjusted prices carry such errors


def order(rows: Rows) -> None:
    """Sort by ticker and date, and drop rows that repeat the one before them."""
    if (np.diff(rows.code) < 0).any():
        rows.keep(np.argsort(rows.code, kind="stable"))
    backwards = (np.diff(rows.date, prepend=rows.date[:1]) < np.timedelta64(0)) & ~rows.first
    rows.note("unsorted", backwards, "comes after a later date")
    if backwards.any():
        rows.keep(np.lexsort((rows.date, rows.code)))
    repeated = (np.diff(rows.date, prepend=rows.date[:1]) == np.timedelta64(0)) & ~rows.first
    if repeated.any():
        equal = repeated.copy()
        for values in rows.columns.values():
            equal[1:] &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        rows.note("conflicting_duplicate", repeated & ~equal, "close {close:g}, before it {previous:g}",
                  previous=rows.previous(rows.columns["close"]))  # fmt: skip
        rows.note("duplicate", equal, "close {close:g} again")
        rows.keep(~repeated)


def drop(rows: Rows, as_of: pd.Timestamp) -> None:
    """Drop bars later than `as_of`, and those without a close or without the adj_close that others have."""
    now = utc(as_of).tz_localize(None)
    rows.drop("future", rows.date > np.datetime64(now), f"known only after {now:%Y-%m-%d %H:%M} UTC")
    rows.drop("missing_close", np.isnan(rows.columns["close"]), "close {close}")
    rows.drop("non_positive_close", rows.columns["close"] <= 0, "close {close:g}")
    adjusted = rows.columns["adj_close"]
    sound = adjusted > 0
    expected = (np.bincount(rows.code[sound], minlength=len(rows.tickers)) > 0)[rows.code]
    rows.note("unadjusted", rows.first & ~expected, "no adj_close in any row")
    rows.columns["adj_close"] = np.where(expected, adjusted, np.nan)
    rows.drop("missing_adjustment", expected & ~sound, "close {close:g}, adj_close {adj_close:g}")


def refill(rows: Rows) -> None:
    """Fill in missing and impossible opens, highs and lows; swap a high that is below its low."""
    open_, high, low, close = (rows.columns[name] for name in ("open", "high", "low", "close"))
    known = ~(np.isnan(open_) & np.isnan(high) & np.isnan(low))
    ranged = rows.of_tickers_with(known)
    rows.note("close_only", rows.first & ~ranged, "no open, high or low in any row")
    text = "open {open:g}, high {high:g}, low {low:g}, close {close:g}"
    rows.note("missing_price", ranged & (np.isnan(open_) | np.isnan(high) | np.isnan(low)), text)
    rows.note("non_positive_price", (open_ <= 0) | (high <= 0) | (low <= 0), text)
    sound_high, sound_low = high > 0, low > 0
    crossed = sound_high & sound_low & (high < low)
    rows.note("high_below_low", crossed, text)
    high, low = np.where(crossed, low, high), np.where(crossed, high, low)
    previous = rows.previous(close)
    guess = np.where(sound_high & sound_low & ~np.isnan(previous), np.clip(previous, low, high), close)
    rows.guessed_open = ~(open_ > 0)
    open_ = np.where(rows.guessed_open, guess, open_)
    high = np.where(sound_high, high, np.maximum(open_, close))
    low = np.where(sound_low, low, np.minimum(open_, close))
    rows.columns |= {"open": open_, "high": high, "low": low}


def fit_range(rows: Rows) -> None:
    """Widen a day's range to hold its close, which is what is forecast; move an open outside into the range."""
    for name in ("close", "open"):
        high, low, value = rows.columns["high"], rows.columns["low"], rows.columns[name]
        outside = (value > high * (1 + ROUNDING)) | (value < low * (1 - ROUNDING))
        rows.note(f"{name}_outside_range", outside, f"{name} {{{name}:g}}, high {{high:g}}, low {{low:g}}")
        if name == "close":
            rows.columns |= {"high": np.maximum(high, value), "low": np.minimum(low, value)}
    # `outside` is the open's by now: one that had to move proves nothing about the night.
    rows.guessed_open |= outside
    rows.columns["open"] = np.clip(rows.columns["open"], rows.columns["low"], rows.columns["high"])


def check_volume(rows: Rows) -> None:
    """Set missing and negative volumes to zero."""
    volume = rows.columns["volume"]
    traded = rows.of_tickers_with(~np.isnan(volume))
    missing = ~(volume >= 0)
    rows.note("no_volume", rows.first & ~traded, "no volume in any row")
    rows.note("missing_volume", missing & traded, "volume {volume:g}")
    rows.note("zero_volume", volume == 0, "volume 0")
    rows.columns["volume"] = np.where(missing, 0.0, volume)
