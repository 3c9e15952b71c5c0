"""Splits by time with a purge gap: an origin belongs to a span by the dates that it forecasts."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast.errors import InputError

# What a model that stops early may hold out of its past, newest dates first.
STOP_SHARE = 0.15


@dataclass(frozen=True)
class Bounds:
    """First forecast dates of the validation and of the test span."""

    valid_start: pd.Timestamp
    test_start: pd.Timestamp

    def texts(self) -> dict[str, Any]:
        """Return the two dates as text, as the spec keeps them."""
        return {name: str(moment.date()) for name, moment in vars(self).items()}


def bounds_by_share(dates: pd.Series, valid_size: float, test_size: float) -> Bounds:
    """Return the bounds that give the newest dates to the test span and those before them to validation.

    Args:
        dates: of all rows of all tickers.
        valid_size: share of the distinct dates for validation, rounded up to whole dates.
        test_size: share for the test.

    Raises:
        InputError: a share is not between 0 and 1, or nothing is left to train on.

    >>> dates = pd.Series(pd.bdate_range("2024-01-01", periods=10))
    >>> bounds_by_share(dates, valid_size=0.2, test_size=0.3).texts()
    {'valid_start': '2024-01-08', 'test_start': '2024-01-10'}
    """
    distinct = np.sort(dates.unique())
    sound = all(0 < share < 1 for share in (test_size, valid_size))
    test, valid = (math.ceil(round(share * len(distinct), 6)) if sound else 0 for share in (test_size, valid_size))
    if not sound or test + valid >= len(distinct):
        raise InputError(
            f"expected shares of the {len(distinct)} dates that leave some to train on, "
            f"got valid-size {valid_size} and test-size {test_size}: their sum has to be below 1"
        )
    return Bounds(pd.Timestamp(distinct[-test - valid]), pd.Timestamp(distinct[-test]))


def bounds_by_date(dates: pd.Series, valid_start: pd.Timestamp, test_start: pd.Timestamp) -> Bounds:
    """Return the two bounds given, checked against the dates of all rows.

    Raises:
        InputError: they are not in order inside the table's dates.
    """
    first, last = dates.min(), dates.max()
    if not first < valid_start < test_start <= last:
        raise InputError(
            f"expected {first:%Y-%m-%d} < valid-start < test-start <= {last:%Y-%m-%d} (the table's dates), "
            f"got valid-start {valid_start:%Y-%m-%d} and test-start {test_start:%Y-%m-%d}"
        )
    return Bounds(valid_start, test_start)


def assign(table: pd.DataFrame, bounds: Bounds, horizon: int, usable: pd.Series) -> pd.Series:
    """Name the span of every row that one may forecast from.

    A training label never reaches into the validation span, nor a validation label into the test span: the
    `horizon` origins before each bound belong to no span (the purge gap), except that the last close before a
    bound is the first origin of the span after it. A test origin needs one known forecast date, not all.

    Args:
        table: date and ticker, sorted by ticker and date.
        bounds: the first forecast date of validation and test.
        horizon: days ahead that an origin forecasts.
        usable: rows with enough context.

    Returns:
        "train", "valid", "test", or "" for rows that are context only.

    >>> table = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=9), "ticker": "A"})
    >>> bounds = Bounds(pd.Timestamp("2024-01-05"), pd.Timestamp("2024-01-08"))
    >>> assign(table, bounds, 2, table["date"].notna()).tolist()  # a label of 3 January would reach 5 January
    ['train', 'train', '', 'valid', 'valid', '', 'test', 'test', 'test']
    """
    dates = table.groupby("ticker", sort=False)["date"]
    first, last = dates.shift(-1), dates.shift(-horizon)
    split = pd.Series("", index=table.index, dtype=object)
    split[usable & (last < bounds.valid_start)] = "train"
    split[usable & (first >= bounds.valid_start) & (last < bounds.test_start)] = "valid"
    # The newest close of a ticker has no outcome yet: it is forecast with the test span and never scored.
    split[usable & first.fillna(table["date"]).ge(bounds.test_start)] = "test"
    return split


@dataclass(frozen=True, eq=False)
class Fold:
    """One step of a walk-forward: learn from what is known before `start`, forecast from `origins`.

    Attributes:
        valid_start: first forecast date of the validation span, which early stopping looks at.
        start: first date that is forecast.
        past: (n,) origins whose labels are all known before `start`.
        train: (m,) those of them whose labels end before `valid_start`.
        valid: (k,) those of them that forecast from `valid_start` on.
        origins: (j,) to forecast from.
    """

    valid_start: pd.Timestamp
    start: pd.Timestamp
    past: np.ndarray
    train: np.ndarray
    valid: np.ndarray
    origins: np.ndarray


def fold(
    table: pd.DataFrame, usable: pd.Series, horizon: int, valid_start: pd.Timestamp, start: pd.Timestamp,
    end: pd.Timestamp | None = None,
) -> Fold:  # fmt: skip
    """Cut one fold.

    Args:
        table: date and ticker, sorted by ticker and date.
        usable: rows with enough context.
        horizon: days ahead that an origin forecasts.
        valid_start: first forecast date of the validation span.
        start: first date that is forecast.
        end: first date that belongs to the next fold, None for the last one.
    """
    dates = table.groupby("ticker", sort=False)["date"]
    first, last = dates.shift(-1).fillna(table["date"]), dates.shift(-horizon)
    past = usable & (last < start)
    inside = usable & (first >= start) & (True if end is None else first < end)
    rows = [past, past & (last < valid_start), past & (first >= valid_start), inside]
    return Fold(valid_start, start, *(np.flatnonzero(mask.to_numpy()) for mask in rows))


def walk_forward(
    table: pd.DataFrame, usable: pd.Series, horizon: int, starts: Sequence[pd.Timestamp],
    end: pd.Timestamp | None = None,
) -> Iterator[Fold]:  # fmt: skip
    """Yield consecutive folds, each up to the next one's start; the newest `STOP_SHARE` of each past validates.

    Args:
        table: date and ticker, sorted by ticker and date.
        usable: rows with enough context.
        horizon: days ahead that an origin forecasts.
        starts: first forecast date of each fold, in order.
        end: first date after the last fold, None for all there are.

    >>> table = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=9), "ticker": "A"})
    >>> starts = [pd.Timestamp("2024-01-06"), pd.Timestamp("2024-01-08")]
    >>> for fold in walk_forward(table, table["date"].notna(), 1, starts):
    ...     print(fold.past, fold.origins)
    [0 1 2 3] [4 5]
    [0 1 2 3 4 5] [6 7 8]
    """
    dates = np.sort(table.loc[usable, "date"].unique())
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        before = dates[dates < np.datetime64(start)]
        if len(before):
            valid_start = pd.Timestamp(before[-max(1, round(STOP_SHARE * len(before)))])
            yield fold(table, usable, horizon, valid_start, start, stop)
