"""Cleaning of raw bars into a prices table, with a report of what was dropped, repaired or conspicuous.

`quality_rules.KINDS` lists all rules; docs/data-quality.md shows them to users. All of them are array operations on
one table sorted by ticker and date.
"""

import logging
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from pricecast.data import parsing
from pricecast.data.quality.filled import check_interpolated
from pricecast.data.quality.misprints import drop_misprints, fit_ends
from pricecast.data.quality.oddities import check_calendar, check_last, check_moves
from pricecast.data.quality.repairs import check_volume, drop, fit_range, order, refill
from pricecast.data.quality.repeats import drop_copies
from pricecast.data.quality.rows import Rows
from pricecast.data.quality_rules import ADVICE, KINDS, LOOKS_LIKE_SPLIT, STRICT
from pricecast.data.texts.date_formats import dates
from pricecast.data.texts.number_columns import numbers
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE, HUGE, HUGE_VOLUME, PRICES, TINY
from pricecast.table_checks import check_prices, require

NUMBERS = PRICES[2:]
_log = logging.getLogger(__name__)


def clean(
    raw: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    strict: bool,
    allow_splits: bool,
    until: pd.Timestamp | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Clean raw bars by the rules of `KINDS`.

    Args:
        raw: the columns of `schema.PRICES` in any order of rows; it is not changed.
        as_of: the moment the data were known, UTC where it has no time zone.
        strict: refuse all but informative findings instead of repairing.
        allow_splits: report moves that look like unadjusted splits instead of refusing them.
        until: the date up to which bars are expected, by default the table's last one.

    Returns:
        A table that passes `table_checks.check_prices`, and the report, ready for JSON: `rows_in`, `rows_out`,
        `tickers` (for each its `rows_in`, `rows_out`, `first`, `last`) and `findings` (`kind`, `action`, `count`,
        `tickers`, `examples`).

    Raises:
        InputError: no rows, wrong columns, or a fatal finding; the message counts and shows the first ones.
    """
    rows = _parsed(raw)
    rows_in = np.bincount(rows.code, minlength=len(rows.tickers))
    starts = pd.Series(rows.date).groupby(rows.code).min()
    order(rows)
    drop(rows, as_of)
    if len(rows.code):
        refill(rows)
        fit_range(rows)
        check_volume(rows)
        drop_copies(rows)
        drop_misprints(rows)
        fit_ends(rows)
        check_interpolated(rows)
        check_moves(rows)
        check_calendar(rows, until)
        check_last(rows, as_of)
    _note_empty(rows, rows_in, starts)
    for kind in rows.findings.keys() & LOOKS_LIKE_SPLIT if allow_splits else ():
        rows.findings[kind]["action"] = "reported"
    findings = [rows.findings[kind] for kind in KINDS if kind in rows.findings]
    _refuse(findings, strict)
    table = pd.DataFrame({"date": rows.date, "ticker": rows.tickers[rows.code], **rows.columns})
    return check_prices(table), _report(rows, rows_in, findings)


def warn(report: dict[str, Any], reported: Collection[str] = ()) -> None:
    """Log what was dropped or repaired, and what was only reported if it is of some kinds, as warnings.

    Args:
        report: as `clean` returns it.
        reported: kinds of findings that are to be told although the bars stay as they are.
    """
    for finding in report["findings"]:
        kind, action, count = finding["kind"], finding["action"], finding["count"]
        if action in ("dropped", "repaired"):
            _log.warning("%s: %d bars %s", kind, count, action)
        elif kind in reported:
            bars = "1 bar" if count == 1 else f"{count} bars"
            _log.warning("%s: %s, first %s; %s", kind, bars, finding["examples"][0], KINDS[kind][1])


def _parsed(raw: pd.DataFrame) -> Rows:
    require(raw, PRICES, "the bars")
    if raw.empty:
        raise InputError("expected at least one bar, got none: check tickers, dates and source")
    code, tickers = pd.factorize(parsing.tickers(raw["ticker"], "the bars"), sort=True)
    moments = dates(raw["date"], "the bars", code).to_numpy().astype(DATE_DTYPE)
    date = moments.astype("datetime64[D]").astype(DATE_DTYPE)
    found = numbers(raw[list(NUMBERS)], "the bars")
    columns = {name: _within_limits(values, name) for name, values in found.items()}
    rows = Rows(np.asarray(tickers, dtype=object), code, date, columns)
    rows.note("time_of_day", moments != date, "the bar carries the moment {moment}", moment=moments)
    return rows


def _within_limits(values: np.ndarray, name: str) -> np.ndarray:
    """Set values too large for a market to NaN, and prices too small to zero."""
    if name == "volume":
        return np.where(np.abs(values) <= HUGE_VOLUME, values, np.nan)
    return np.where(np.abs(values) <= HUGE, np.where(np.abs(values) < TINY, 0.0, values), np.nan)


def _note_empty(rows: Rows, rows_in: np.ndarray, starts: pd.Series) -> None:
    (empty,) = np.nonzero(np.bincount(rows.code, minlength=len(rows.tickers)) == 0)
    if len(empty):
        rows.findings["empty"] = {
            "kind": "empty",
            "action": KINDS["empty"][0],
            "count": len(empty),
            "tickers": {str(rows.tickers[i]): int(rows_in[i]) for i in empty},
            "examples": [
                f"{rows.tickers[i]} {starts[i]:%Y-%m-%d}: {rows_in[i]} rows, none usable" for i in empty[:3]
            ],
        }


def _refuse(findings: list[dict[str, Any]], strict: bool) -> None:
    fatal = [finding for finding in findings if finding["action"] == "fatal"]
    if fatal:
        reasons = [
            f"{finding['count']} x {finding['kind']} ({KINDS[finding['kind']][1]}), first "
            f"{finding['examples'][0]}: {ADVICE[finding['kind']]}"
            for finding in fatal
        ]
        raise InputError(f"expected sound bars, got {'; '.join(reasons)}")
    refused = [f for f in findings if f["action"] in ("dropped", "repaired") or f["kind"] in STRICT]
    if strict and refused:
        counts = ", ".join(f"{finding['count']} x {finding['kind']}" for finding in refused)
        raise InputError(
            f"expected bars without findings (--strict true), got {counts}, first {refused[0]['examples'][0]}: "
            "correct the source or pass --strict false"
        )


def _report(rows: Rows, rows_in: np.ndarray, findings: list[dict[str, Any]]) -> dict[str, Any]:
    starts = np.flatnonzero(rows.first)
    sizes = np.diff(starts, append=len(rows.code))
    days = np.datetime_as_string(rows.date.astype("datetime64[D]"), "D") if len(starts) else rows.date
    return {
        "rows_in": int(rows_in.sum()),
        "rows_out": len(rows.code),
        "tickers": {
            str(rows.tickers[rows.code[start]]): {
                "rows_in": int(rows_in[rows.code[start]]),
                "rows_out": int(size),
                "first": str(days[start]),
                "last": str(days[start + size - 1]),
            }
            for start, size in zip(starts, sizes, strict=True)
        },
        "findings": findings,
    }
