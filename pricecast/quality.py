"""Turns raw bars into a prices table and tells what it dropped, repaired or found odd.

`kinds.KINDS` is the whole rule book; docs/data-quality.md shows it to users. All rules are array operations on
one table sorted by ticker and date.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pricecast import cells
from pricecast.calendars import is_closed, utc
from pricecast.errors import InputError
from pricecast.kinds import ADVICE, KINDS, LOOKS_LIKE_SPLIT, STRICT
from pricecast.schema import DATE_DTYPE, HUGE, HUGE_VOLUME, PRICES, TINY, check_prices, require

RATIOS = np.log([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100])
NEAR_OPEN, NEAR_CLOSE = 0.03, 0.15  # log distance to a clean ratio
EXACT = 0.01  # the same where adj_close shows the ratio, free of the market's own move
APART, JUMP = np.log(1.2), np.log(1.5)
MAX_GAP = 10  # calendar days
RARE = 0.1  # share of a year's bars: Saturdays were a sixth of them where they were sessions
ROUNDING = 1e-9  # relative; adjusted prices carry such errors
NUMBERS = PRICES[2:]


@dataclass
class _Work:
    """The table under repair, by columns; rows are sorted by ticker and date once `_order` has run."""

    tickers: np.ndarray  # unique, sorted
    code: np.ndarray  # per row, the place of its ticker
    date: np.ndarray
    columns: dict[str, np.ndarray]
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Rows whose raw open was no price: the refilled one says nothing of the night before.
    guessed_open: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))

    def keep(self, rows: np.ndarray) -> None:
        """Takes a mask or an order of rows."""
        self.code, self.date = self.code[rows], self.date[rows]
        self.columns = {name: values[rows] for name, values in self.columns.items()}

    @property
    def first(self) -> np.ndarray:
        """Marks the first row of each ticker."""
        return np.diff(self.code, prepend=-1) != 0

    def previous(self, values: np.ndarray) -> np.ndarray:
        """Each row's value one bar before, NaN on a ticker's first bar."""
        before = np.concatenate([[np.nan], values[:-1]])
        before[self.first] = np.nan
        return before

    def note(self, kind: str, rows: np.ndarray, text: str, **values: np.ndarray) -> None:
        """Records the marked rows; `text` is formatted with the columns and the values of a row."""
        (places,) = np.nonzero(rows)
        if not len(places):
            return
        counts = np.bincount(self.code[places], minlength=len(self.tickers))
        shown = self.columns | values
        self.found[kind] = {
            "kind": kind,
            "action": KINDS[kind][0],
            "count": len(places),
            "tickers": {str(self.tickers[i]): int(counts[i]) for i in np.flatnonzero(counts)},
            "examples": [
                f"{self.tickers[self.code[i]]} {np.datetime_as_string(self.date[i], 'D')}: "
                + text.format(**{name: column[i] for name, column in shown.items()})
                for i in places[:3]
            ],
        }

    def drop(self, kind: str, rows: np.ndarray, text: str) -> None:
        """Records and removes the marked rows."""
        self.note(kind, rows, text)
        if rows.any():
            self.keep(~rows)


def clean(
    raw: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    strict: bool,
    allow_splits: bool,
    until: pd.Timestamp | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Repairs raw bars by the rules of `KINDS`.

    Args:
        raw: the columns of `schema.PRICES` in any order of rows; it is not changed.
        as_of: the moment the data were known, UTC where it has no time zone.
        strict: refuse all but informative findings instead of repairing.
        allow_splits: report moves that look like unadjusted splits instead of refusing them.
        until: the date up to which bars were to be had, by default the table's last one.

    Returns:
        A table that keeps the promise of `schema.check_prices`, and the report, ready for JSON: `rows_in`,
        `rows_out`, `tickers` (for each its `rows_in`, `rows_out`, `first`, `last`) and `findings` (`kind`,
        `action`, `count`, `tickers`, `examples`).

    Raises:
        InputError: no rows, wrong columns, or a fatal finding; the message counts and shows the first ones.
    """
    work = _start(raw)
    rows_in = np.bincount(work.code, minlength=len(work.tickers))
    starts = pd.Series(work.date).groupby(work.code).min()
    _order(work)
    _drop(work, as_of)
    if len(work.code):
        _refill(work)
        _fit_range(work)
        _check_volume(work)
        _check_moves(work)
        _check_calendar(work, until)
        _check_last(work, as_of)
    _check_empty(work, rows_in, starts)
    for kind in work.found.keys() & LOOKS_LIKE_SPLIT if allow_splits else ():
        work.found[kind]["action"] = "reported"
    findings = [work.found[kind] for kind in KINDS if kind in work.found]
    _refuse(findings, strict)
    table = pd.DataFrame({"date": work.date, "ticker": work.tickers[work.code], **work.columns})
    return check_prices(table), _report(work, rows_in, findings)


def _start(raw: pd.DataFrame) -> _Work:
    require(raw, PRICES, "the bars")
    if raw.empty:
        raise InputError("expected at least one bar, got none: check tickers, dates and source")
    code, tickers = pd.factorize(cells.tickers(raw["ticker"], "the bars"), sort=True)
    moments = cells.dates(raw["date"], "the bars").to_numpy().astype(DATE_DTYPE)
    date = moments.astype("datetime64[D]").astype(DATE_DTYPE)
    columns = {name: _readable(cells.numbers(raw[name], name, "the bars"), name) for name in NUMBERS}
    work = _Work(np.asarray(tickers, dtype=object), code, date, columns)
    work.note("time_of_day", moments != date, "the bar carries the moment {moment}", moment=moments)
    return work


def _readable(values: np.ndarray, name: str) -> np.ndarray:
    """What is too large to be meant counts as missing, a price too small as zero."""
    if name == "volume":
        return np.where(np.abs(values) <= HUGE_VOLUME, values, np.nan)
    return np.where(np.abs(values) <= HUGE, np.where(np.abs(values) < TINY, 0.0, values), np.nan)


def _order(work: _Work) -> None:
    if (np.diff(work.code) < 0).any():
        work.keep(np.argsort(work.code, kind="stable"))
    backwards = (np.diff(work.date, prepend=work.date[:1]) < np.timedelta64(0)) & ~work.first
    work.note("unsorted", backwards, "comes after a later date")
    if backwards.any():
        work.keep(np.lexsort((work.date, work.code)))
    again = (np.diff(work.date, prepend=work.date[:1]) == np.timedelta64(0)) & ~work.first
    if again.any():
        same = again.copy()
        for values in work.columns.values():
            same[1:] &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        work.note("conflicting_duplicate", again & ~same, "close {close:g}, before it {previous:g}",
                  previous=work.previous(work.columns["close"]))  # fmt: skip
        work.note("duplicate", same, "close {close:g} again")
        work.keep(~again)


def _drop(work: _Work, as_of: pd.Timestamp) -> None:
    now = utc(as_of).tz_localize(None)
    work.drop("future", work.date > np.datetime64(now), f"known only after {now:%Y-%m-%d %H:%M} UTC")
    work.drop("missing_close", np.isnan(work.columns["close"]), "close {close}")
    work.drop("non_positive_close", work.columns["close"] <= 0, "close {close:g}")
    adjusted = work.columns["adj_close"]
    sound = adjusted > 0
    has = np.bincount(work.code[sound], minlength=len(work.tickers)) > 0
    work.note("unadjusted", work.first & ~has[work.code], "no adj_close in any row")
    work.columns["adj_close"] = np.where(has[work.code], adjusted, np.nan)
    work.drop("missing_adjustment", has[work.code] & ~sound, "close {close:g}, adj_close {adj_close:g}")


def _refill(work: _Work) -> None:
    open_, high, low, close = (work.columns[name] for name in ("open", "high", "low", "close"))
    text = "open {open:g}, high {high:g}, low {low:g}, close {close:g}"
    work.note("missing_price", np.isnan(open_) | np.isnan(high) | np.isnan(low), text)
    work.note("non_positive_price", (open_ <= 0) | (high <= 0) | (low <= 0), text)
    sound_high, sound_low = high > 0, low > 0
    crossed = sound_high & sound_low & (high < low)
    work.note("high_below_low", crossed, text)
    high, low = np.where(crossed, low, high), np.where(crossed, high, low)
    before = work.previous(close)
    guess = np.where(sound_high & sound_low & ~np.isnan(before), np.clip(before, low, high), close)
    work.guessed_open = ~(open_ > 0)
    open_ = np.where(work.guessed_open, guess, open_)
    high = np.where(sound_high, high, np.maximum(open_, close))
    low = np.where(sound_low, low, np.minimum(open_, close))
    work.columns |= {"open": open_, "high": high, "low": low}


def _fit_range(work: _Work) -> None:
    """The range gives way to the close, which is what is forecast; a stray open gives way to the range."""
    for name in ("close", "open"):
        high, low, value = work.columns["high"], work.columns["low"], work.columns[name]
        outside = (value > high * (1 + ROUNDING)) | (value < low * (1 - ROUNDING))
        work.note(f"{name}_outside_range", outside, f"{name} {{{name}:g}}, high {{high:g}}, low {{low:g}}")
        if name == "close":
            work.columns |= {"high": np.maximum(high, value), "low": np.minimum(low, value)}
    # `outside` is the open's by now: one that had to move proves nothing about the night.
    work.guessed_open |= outside
    work.columns["open"] = np.clip(work.columns["open"], work.columns["low"], work.columns["high"])


def _check_volume(work: _Work) -> None:
    volume = work.columns["volume"]
    missing = ~(volume >= 0)
    work.note("missing_volume", missing, "volume {volume:g}")
    work.note("zero_volume", volume == 0, "volume 0")
    work.columns["volume"] = np.where(missing, 0.0, volume)


def _check_moves(work: _Work) -> None:
    close, adjusted = np.log(work.columns["close"]), np.log(work.columns["adj_close"])
    move, adjusted_move = close - work.previous(close), adjusted - work.previous(adjusted)
    night = np.where(work.guessed_open, np.nan, np.log(work.columns["open"]) - work.previous(close))
    has = ~np.isnan(adjusted)
    real, times = np.where(has, adjusted_move, move), np.exp(move)
    apart = has & (np.abs(move - adjusted_move) > APART)
    text = "close x {times:.4g}, adj_close x {adjusted:.4g}"
    shown = {"times": times, "adjusted": np.exp(adjusted_move)}
    ratio = np.zeros_like(apart)
    ratio[apart] = _nearest(np.abs(move - adjusted_move)[apart], np.append(RATIOS, np.log(1.5))) <= EXACT
    # The market's own move is in both; the ratio is in the one that moves more.
    twice = ratio & (np.abs(adjusted_move) > np.abs(move))
    work.note("split", ratio & ~twice, text + ", handled by adjustment", **shown)
    work.note("double_adjustment", twice, text, **shown)
    work.note("distribution", apart & ~ratio, text + ", handled by adjustment", **shown)
    unit = _moves_a_hundredfold(work, move) & ~apart
    work.note("currency_unit", unit, "close x {times:.4g} of the previous close", times=times)
    suspect = _looks_like_split(night, move) & ~apart & ~unit
    work.note("unadjusted_split", suspect, "open x {night:.4g}, close x {times:.4g} of the previous close",
              night=np.exp(night), times=times)  # fmt: skip
    told = suspect | unit | twice
    work.note("jump", (np.abs(real) > JUMP) & ~told, "close x {times:.4g} in a day", times=np.exp(real))


def _moves_a_hundredfold(work: _Work, move: np.ndarray) -> np.ndarray:
    """The day's whole range stands far from the day before: no crash that began at the last close."""
    high, low = np.log(work.columns["high"]), np.log(work.columns["low"])
    between = np.maximum(low - work.previous(high), work.previous(low) - high)
    return (np.abs(np.abs(move) - np.log(100)) <= NEAR_CLOSE) & (between > np.log(50))


def _nearest(values: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    return np.abs(values[:, None] - ratios).min(axis=1, initial=np.inf)


def _looks_like_split(night: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Both moves near one clean ratio. A market that opens at its last close never looks like a split."""
    looks = np.zeros(len(move), dtype=bool)
    (places,) = np.nonzero(np.abs(night) > RATIOS[0] - NEAR_OPEN)
    gap, whole = night[places, None], move[places, None]
    signed = np.sign(gap) * RATIOS
    near = (np.abs(gap - signed) <= NEAR_OPEN) & (np.abs(whole - signed) <= NEAR_CLOSE)
    looks[places] = near.any(axis=1)
    return looks


def _check_calendar(work: _Work, until: pd.Timestamp | None) -> None:
    days = work.date.astype("datetime64[D]").astype("int64")
    apart = np.diff(days, prepend=days[:1])
    work.note("gap", (apart > MAX_GAP) & ~work.first, "{days} days after the bar before it", days=apart)
    _check_weekend(work)
    starts = np.flatnonzero(work.first)
    last = np.roll(work.first, -1)
    newest = days.max() if until is None else np.datetime64(until, "D").astype("int64")
    behind = newest - days
    work.note("stale", last & (behind > MAX_GAP), "{days} days before the newest bar to be expected", days=behind)
    close = work.columns["close"]
    flat = np.maximum.reduceat(close, starts) == np.minimum.reduceat(close, starts)
    sizes = np.diff(starts, append=len(close))
    marked = np.zeros(len(close), dtype=bool)
    marked[starts[flat & (sizes > 1)]] = True
    work.note("constant", marked, "close {close:g} in every row")


def _check_weekend(work: _Work) -> None:
    """A day of rest that is traded now and then; markets that trade on it all year are left alone."""
    weekend = ~np.is_busday(work.date.astype("datetime64[D]"))
    _, year = np.unique(work.code * 10_000 + work.date.astype("datetime64[Y]").astype(int), return_inverse=True)
    share = np.bincount(year, weights=weekend) / np.bincount(year)
    work.note("weekend", weekend & (share[year] < RARE), "a bar of a weekend")


def _check_last(work: _Work, as_of: pd.Timestamp) -> None:
    last = np.roll(work.first, -1)
    # Older sessions are over anywhere, and a calendar costs time.
    recent = last & (np.datetime64(utc(as_of).tz_localize(None)) - work.date < np.timedelta64(3, "D"))
    for row in np.flatnonzero(recent):
        recent[row] = not is_closed(str(work.tickers[work.code[row]]), pd.Timestamp(work.date[row]), as_of)
    work.note("unfinished", recent, f"not over at {utc(as_of):%Y-%m-%d %H:%M} UTC")


def _check_empty(work: _Work, rows_in: np.ndarray, starts: pd.Series) -> None:
    (gone,) = np.nonzero(np.bincount(work.code, minlength=len(work.tickers)) == 0)
    if len(gone):
        work.found["empty"] = {
            "kind": "empty",
            "action": KINDS["empty"][0],
            "count": len(gone),
            "tickers": {str(work.tickers[i]): int(rows_in[i]) for i in gone},
            "examples": [
                f"{work.tickers[i]} {starts[i]:%Y-%m-%d}: {rows_in[i]} rows, none usable" for i in gone[:3]
            ],
        }


def _refuse(findings: list[dict[str, Any]], strict: bool) -> None:
    fatal = [finding for finding in findings if finding["action"] == "fatal"]
    if fatal:
        parts = [
            f"{finding['count']} x {finding['kind']} ({KINDS[finding['kind']][1]}), first "
            f"{finding['examples'][0]}: {ADVICE[finding['kind']]}"
            for finding in fatal
        ]
        raise InputError(f"expected sound bars, got {'; '.join(parts)}")
    odd = [f for f in findings if f["action"] in ("dropped", "repaired") or f["kind"] in STRICT]
    if strict and odd:
        counts = ", ".join(f"{finding['count']} x {finding['kind']}" for finding in odd)
        raise InputError(
            f"expected bars without findings (--strict true), got {counts}, first {odd[0]['examples'][0]}: "
            "correct the source or pass --strict false"
        )


def _report(work: _Work, rows_in: np.ndarray, findings: list[dict[str, Any]]) -> dict[str, Any]:
    starts = np.flatnonzero(work.first)
    sizes = np.diff(starts, append=len(work.code))
    days = np.datetime_as_string(work.date.astype("datetime64[D]"), "D") if len(starts) else work.date
    return {
        "rows_in": int(rows_in.sum()),
        "rows_out": len(work.code),
        "tickers": {
            str(work.tickers[work.code[start]]): {
                "rows_in": int(rows_in[work.code[start]]),
                "rows_out": int(size),
                "first": str(days[start]),
                "last": str(days[start + size - 1]),
            }
            for start, size in zip(starts, sizes, strict=True)
        },
        "findings": findings,
    }
