"""Sessions of exchange_calendars, and the test whether they explain the dates of a ticker."""

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from pricecast.data import own_days
from pricecast.data.market_codes import ALWAYS, WEEKDAYS, WEEKS

RECENT = 750  # bars that are compared
ODD = 0.005  # share of them on days without a session: a special session now and then
# Special sessions of the market that a ticker's spelling names: their shares among its bars, and among the market's
# holidays, such as Diwali; and how many there may be among its last bars, where more are those of a new week.
SPECIAL, HOLIDAYS, LATELY, FEW = 0.015, 0.15, 40, 2


@lru_cache(maxsize=64)
def calendar(name: str, first_year: int, last_year: int) -> Any | None:
    """Return a calendar over whole years, cut to its own bounds; None where it knows nothing of them.

    The years are explicit, because the default range moves with today's date and takes longer to compute.
    """
    import exchange_calendars

    start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31)
    try:
        return exchange_calendars.get_calendar(name, start=start, end=end)
    except ValueError:
        whole = exchange_calendars.get_calendar(name)
        low, high = whole.bound_min(), whole.bound_max()
        start, end = max(start, low or start), min(end, high or end)
        return exchange_calendars.get_calendar(name, start=start, end=end) if start < end else None


def decades(first: int, last: int) -> tuple[int, int]:
    """Return years around those given, the same ones for many dates, so that a calendar is computed once."""
    start = first // 10 * 10
    return start, max(start + 11, last)


def explains(name: str, dates: pd.DatetimeIndex, is_spelled: bool = False) -> bool:
    """Return True if the dates of a ticker, which are in order, are sessions of a market.

    Days without a bar prove nothing, as thin tickers have many; bars on days without a session do.

    Args:
        name: of the market.
        dates: of the ticker.
        is_spelled: allow more special sessions, as the ticker's spelling names this market.
    """
    dates = dates[-RECENT:]
    if name == WEEKDAYS:
        return _are_few(dates[dates.dayofweek > 4], dates)
    if name == ALWAYS or name in WEEKS.values():
        expected = own_days.mask(name) if name != ALWAYS else np.ones(7, dtype=bool)
        return bool((own_days.week(dates) == expected).all())
    sessions = _known(name, dates)
    known = dates[slice(*dates.searchsorted(sessions[[0, -1]]))] if len(sessions) else sessions
    return len(known) >= len(dates) / 2 and (
        _are_few(odd := known.difference(sessions), known) or (is_spelled and _are_special(odd, known, sessions))
    )


def knows_no_holidays(name: str, dates: pd.DatetimeIndex) -> bool:
    """Return True if a ticker trades on the weekdays of a market, and as good as always on its holidays.

    Such dates are made or filled in, and tell the days of the week alone.
    """
    if name in (ALWAYS, WEEKDAYS) or name in WEEKS.values():
        return False
    dates = dates[-RECENT:]
    sessions = _known(name, dates)
    sessions = sessions[slice(*sessions.searchsorted(dates[[0, -1]]))]
    if not len(sessions) or (own_days.week(dates) != own_days.week(sessions)).any():
        return False
    holidays = own_days.absent(sessions)
    return len(own_days.absent(dates)) <= max(1, len(holidays) / 4) and bool(holidays.isin(dates).mean() > 0.8)


def rests_on_holidays(name: str, dates: pd.DatetimeIndex) -> bool:
    """Return True if a market has two holidays or more between the dates of a ticker, and it traded on none."""
    dates = dates[-RECENT:]
    sessions = _known(name, dates)
    holidays = own_days.absent(sessions[slice(*sessions.searchsorted(dates[[0, -1]]))])
    return len(holidays) >= 2 and not holidays.isin(dates).any()


def _known(name: str, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    market = calendar(name, *decades(dates[0].year, dates[-1].year))
    return market.sessions if market is not None else dates[:0]


def _are_few(odd: pd.DatetimeIndex, dates: pd.DatetimeIndex) -> bool:
    return len(odd) <= max(1, ODD * len(dates))


def _are_special(odd: pd.DatetimeIndex, dates: pd.DatetimeIndex, sessions: pd.DatetimeIndex) -> bool:
    """Return True if dates without a session are few, few of the market's holidays, and few of late."""
    holidays = own_days.absent(sessions[slice(*sessions.searchsorted(dates[[0, -1]]))])
    lately = (odd >= dates[-LATELY:][0]).sum()
    return bool(
        len(odd) <= SPECIAL * len(dates) and odd.isin(holidays).sum() <= HOLIDAYS * len(holidays) and lately <= FEW
    )
