"""Time splits with a purge gap: an origin belongs to a span by the dates that it forecasts."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricecast.errors import InputError


@dataclass(frozen=True)
class Bounds:
    """First forecast date of the validation and of the test span."""

    valid_start: pd.Timestamp
    test_start: pd.Timestamp


def bounds_by_share(dates: pd.Series, valid_size: float, test_size: float) -> Bounds:
    """Cuts the distinct dates of all tickers: the last `test_size` of them test, the ones before validate.

    Shares are rounded up to whole dates.

    Raises:
        InputError: a share is not between 0 and 1, or nothing is left to train on.
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
    """Takes the two bounds as given.

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
    """Names the span of every row that one may forecast from.

    A training label never reaches the validation span and a validation label never reaches the test span: the
    `horizon` origins before each bound belong to none (the purge gap), except that the last close before
    a bound is the first origin of the span behind it. A test origin needs one known forecast date, not all.

    Args:
        table: date and ticker, sorted by ticker and date.
        bounds: the first forecast date of validation and test.
        horizon: days ahead that an origin forecasts.
        usable: rows with enough context.

    Returns:
        "train", "valid", "test", or "" for rows that are context only.
    """
    dates = table.groupby("ticker", sort=False)["date"]
    first, last = dates.shift(-1), dates.shift(-horizon)
    split = pd.Series("", index=table.index, dtype=object)
    split[usable & (last < bounds.valid_start)] = "train"
    split[usable & (first >= bounds.valid_start) & (last < bounds.test_start)] = "valid"
    # The newest close of a ticker has no outcome yet: it is forecast with the test span and never scored.
    split[usable & first.fillna(table["date"]).ge(bounds.test_start)] = "test"
    return split
