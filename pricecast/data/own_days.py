"""Trading days of a ticker as its own dates show them: days of the week, and holidays that come back."""

from collections import Counter
from functools import cache

import numpy as np
import pandas as pd
from pandas.tseries.offsets import Easter

RECENT = 250  # bars that tell the days of the week
LATELY = pd.Timedelta(8, "W")  # tell of a new week, if there are bars in most of them
DENSE = 5  # bars on each of the days of the week in that time
MANY, NOT_DAILY = 10, 5  # bars that tell, and days from bar to bar
TWICE = 2  # holidays are days without a bar in so many years, and never with one
# New Year, Labour Day, Christmas and New Year's Eve: once is enough.
WORLDWIDE = {("date", day) for day in (101, 501, 1224, 1225, 1226, 1231)}


def week(dates: pd.DatetimeIndex) -> np.ndarray:
    """Mark the days of the week on which a ticker trades regularly, (7,) from Monday.

    >>> week(pd.bdate_range("2024-01-01", periods=30)).astype(int).tolist()
    [1, 1, 1, 1, 1, 0, 0]
    """
    usual, level = _counts(dates[-RECENT:])
    lately, recent_level = _counts(dates[dates > dates[-1] - LATELY])
    if recent_level < DENSE:
        return usual >= level / 2
    return (lately > 0) & ((usual >= level / 2) | (lately >= recent_level / 2))


def _counts(dates: pd.DatetimeIndex) -> tuple[np.ndarray, float]:
    """Return how many dates are of each day of the week, and the mean of the five most frequent ones."""
    counts = np.bincount(dates.dayofweek, minlength=7)
    return counts, float(np.sort(counts)[-5:].mean())


def is_daily(dates: pd.DatetimeIndex) -> bool:
    """Return True unless bars are of weeks, months or longer.

    >>> is_daily(pd.date_range("2024-01-01", periods=12, freq="MS"))
    False
    """
    return len(dates) < MANY or bool(np.median(np.diff(dates)) < np.timedelta64(NOT_DAILY, "D"))


def mask(days: str) -> np.ndarray:
    """Mark days of the week named as in `Sun Mon Tue Wed Thu`, (7,) from Monday."""
    return np.array([name in days.split() for name in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")])


def is_every_day(dates: pd.DatetimeIndex) -> bool:
    """Return True for a market that trades on Saturdays and Sundays as on other days."""
    return len(dates) >= MANY and is_daily(dates) and bool(week(dates).all())


def absent(dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the days of the ticker's week from its first date to its last on which it did not trade.

    Days of the week that were closed for longer before are none of them: the week was another.
    """
    days = pd.date_range(dates[0], dates[-1])
    days = days[week(dates)[days.dayofweek]].difference(dates)
    before = np.full(len(days), np.datetime64("NaT"), dtype="datetime64[D]")
    for weekday in range(7):
        same, mine = dates[dates.dayofweek == weekday], days.dayofweek == weekday
        place = same.searchsorted(days[mine]) - 1
        before[mine] = np.where(place >= 0, same.to_numpy().astype("datetime64[D]")[place], before[mine])
    return days[days - pd.DatetimeIndex(before) <= LATELY]


def next_own(dates: pd.DatetimeIndex, after: pd.Timestamp, n: int) -> pd.DatetimeIndex:
    """Return the next n days of the ticker's week that are none of its holidays.

    >>> thursday = pd.Timestamp("2024-02-29")
    >>> [str(day.date()) for day in next_own(pd.bdate_range("2024-01-01", thursday), thursday, 2)]
    ['2024-03-01', '2024-03-04']
    """
    open_days = week(dates)
    days = pd.date_range(after + pd.Timedelta(days=1), periods=7 * (2 * n // open_days.sum() + 6))
    days = days[open_days[days.dayofweek]]
    holidays = _holidays(dates)
    return days[[not holidays & set(_names(day)) for day in days]][:n]


def _holidays(dates: pd.DatetimeIndex) -> set[tuple[str, int]]:
    """Return the names of days on which the ticker has rested whenever it could trade."""
    closed = Counter(name for day in absent(dates) for name in _names(day))
    rested = {name for name, times in closed.items() if times >= TWICE or name in WORLDWIDE}
    return rested - {name for day in dates for name in _names(day)} if rested else rested


def _names(day: pd.Timestamp) -> tuple[tuple[str, int], ...]:
    """Return a day's date, its distance from Easter, and its place among the same weekdays of its month."""
    return (
        ("date", 100 * day.month + day.day),
        ("easter", (day - _easter(day.year)).days),
        ("nth", 100 * day.month + 10 * day.dayofweek + (day.day + 6) // 7),
    )


@cache
def _easter(year: int) -> pd.Timestamp:
    return pd.Timestamp(Easter().rollforward(pd.Timestamp(year, 1, 1)))
