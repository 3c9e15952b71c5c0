"""Dates as people and programs write them, in one form that is settled over a whole column.

03/04/2023 is in April or in March. All dates of a column together mostly say which; where they cannot, the column
is refused with both readings.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pricecast.data.texts.date_texts import LATE, LATE_FROM, NO_DATE, SINCE_1970, TWO_DIGITS, hint, read_date
from pricecast.data.texts.swapped_dates import daily, swapped
from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.text import short

_DENSE = pd.Timedelta(4, "D")


def dates(
    column: pd.Series, where: str, tickers: np.ndarray | None = None, rows: np.ndarray | None = None
) -> pd.Series:
    """Parse dates into local moments without a time zone, datetime64.

    A year that stands last leaves open whether the day or the month is first. All dates together settle it: by a
    day after the 12th, or else as the one order in which the dates of each ticker are sorted and daily; but daily
    dates with weekends may as well be one day of each month. Where the year has two digits, the last ones are taken
    for it only if most dates are then within days of each other: it may as well stand first.

    Args:
        column: dates, or text such as 2020-01-31, 20200131, 31.01.2020 or 2020-01-31 16:00:00-05:00.
        where: the table's name in messages.
        tickers: ticker of each row, by default one of all.
        rows: mask of the rows to parse, by default all; the others may settle the order and are never wrong.

    Returns:
        The moments of the chosen rows.

    Raises:
        InputError: a cell is not a date, or of a year outside `YEARS`, or there is no single order, or day
            and month seem swapped in some rows; the message shows the cell and its row.

    >>> dates(pd.Series(["20240328", "2024-03-28T16:00-04:00"]), "a.csv").astype(str).tolist()
    ['2024-03-28 00:00:00', '2024-03-28 16:00:00']
    >>> dates(pd.Series(["12/03/2024", "13/03/2024"]), "a.csv").astype(str).tolist()
    ['2024-03-12', '2024-03-13']
    """
    return parse(column, where, tickers, rows)[0]


def parse(
    column: pd.Series, where: str, tickers: np.ndarray | None = None, rows: np.ndarray | None = None
) -> tuple[pd.Series, str]:
    """Parse dates as `dates` does; return them, and in words the form that they were found to have."""
    chosen = np.ones(len(column), bool) if rows is None else rows
    readings, styles = _readings(column)
    found, cells = readings[chosen], _Cells(column[chosen], np.flatnonzero(chosen) + 1, where)
    _check_dates(found, cells)
    apart = found[:, 0] != found[:, 1]
    order, of = np.array([True, False]), np.zeros(len(found)) if tickers is None else tickers[chosen]
    kinds = set(styles[chosen])
    in_utc = kinds and kinds <= {"", LATE, SINCE_1970}
    if apart.any():
        order = _day_of_utc(found, SINCE_1970 in kinds) if in_utc else _order(found, readings[~chosen], of)
    if any(kind.endswith(TWO_DIGITS) for kind in kinds):
        order = order & [_is_dense(reading, of) for reading in found.T]
        if not order.any():
            raise InputError(_no_date(0, cells))
    if len(kinds - {LATE} if LATE in kinds and kinds <= {"", LATE} else kinds) > 1 or not order.any():
        raise InputError(_two_forms(found, styles[chosen], cells))
    if order.all():
        raise InputError(_two_readings(found, int(apart.argmax()), cells))
    result = pd.Series(found[:, int(order.argmax())])
    if len(result) and (wrong := swapped(result, of)):
        raise InputError(_swapped(result, *wrong, cells))
    return result, _form(kinds, bool(apart.any()), int(order.argmax()))


def _readings(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return both readings of each date, (n, 2), and the styles, (n,)."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(column):
        moments = column.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        late = np.full(len(column), str(getattr(column.dt, "tz", None)) == "UTC")
        late &= moments - moments.astype("datetime64[D]") >= LATE_FROM
        return np.column_stack([moments, np.where(late, moments + np.timedelta64(1, "D"), moments)]), np.where(
            late, LATE, ""
        )
    # As text first: equal instants of two time zones are two local dates.
    codes, unique = pd.factorize(_text(column))
    parsed = [*(read_date(str(value)) for value in unique), (NO_DATE, NO_DATE, "")]
    readings = np.array([reading[:2] for reading in parsed], dtype="datetime64[us]")[codes]
    return readings, np.array([reading[2] for reading in parsed])[codes]


def _form(kinds: set[str], is_open: bool, order: int) -> str:
    if kinds & {LATE, SINCE_1970}:
        form = "dates since 1970" if SINCE_1970 in kinds else "dates in UTC"
        return f"{form}, of the day that follows in the east" if is_open and order else form
    return ("dates month-first" if order else "dates day-first") if is_open else ""


def _day_of_utc(readings: np.ndarray, is_number: bool) -> np.ndarray:
    """Return which of the days that late moments in UTC may be of the column can have, (2,).

    A market's day begins up to 13 hours before that of UTC. What stands at 23:00 may be the opening in Sydney or a
    midnight in Berlin, both of the next day, and what stands at 21:00 the close in New York. Weekends tell, where a
    market has a bar before and after one and never on one.
    """
    days = readings.astype("datetime64[D]").astype("int64") + 3  # whole weeks from a Monday on
    rests = np.all(days % 7 < 5, axis=0) & (np.ptp(days // 7, axis=0) > 0)
    if rests[0] != rests[1]:
        return rests
    # As text, a date stands there as well.
    return np.array([True, is_number])


class _Cells(NamedTuple):
    """The chosen cells, the numbers of their rows, and the table's name."""

    written: pd.Series
    rows: np.ndarray
    where: str

    def shown(self, row: int) -> str:
        """Return a cell as it stands in a message."""
        return f"{short(str(self.written.iloc[row]))} in row {self.rows[row]}"


def _text(column: pd.Series) -> pd.Series:
    is_text = isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.infer_dtype(column) == "string"
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        return column.astype("Int64").map(str)  # seconds since 1970
    return column if is_text else column.map(str)


def _check_dates(readings: np.ndarray, cells: _Cells) -> None:
    years = readings.astype("datetime64[Y]").astype("int64") + 1970
    no_date = (np.isnat(readings) | (years < YEARS[0]) | (years > YEARS[1])).all(axis=1)
    if no_date.any():
        raise InputError(_no_date(int(no_date.argmax()), cells))


def _no_date(row: int, cells: _Cells) -> str:
    return (
        f"expected dates such as 2020-01-31 or 20200131, from {YEARS[0]} to {YEARS[1]}, in {cells.where}, got "
        f"{cells.shown(row)}{hint(str(cells.written.iloc[row]).strip())}: correct the column"
    )


def _order(readings: np.ndarray, others: np.ndarray, tickers: np.ndarray) -> np.ndarray:
    """Return which of the two readings the column can have, (2,)."""
    found = ~np.isnat(readings).any(axis=0)
    around = found & ~np.isnat(others[~np.isnat(others).all(axis=1)]).any(axis=0)
    settled = around if around.any() else found
    if settled.all():
        is_daily = np.array([_is_daily(reading, tickers) for reading in readings.T])
        settled = is_daily if is_daily.any() and not _may_be_monthly(readings, is_daily, tickers) else settled
    return settled


def _is_dense(moments: np.ndarray, tickers: np.ndarray) -> bool:
    """Return True if most dates of the tickers are within days of the one before, in any order of rows."""
    days = pd.DataFrame({"ticker": tickers, "day": moments}).drop_duplicates().sort_values(["ticker", "day"])
    steps = days.groupby("ticker")["day"].diff().dropna()
    return len(steps) > 0 and bool((steps <= _DENSE).mean() > 0.5)


def _may_be_monthly(readings: np.ndarray, is_daily: np.ndarray, tickers: np.ndarray) -> bool:
    """Return True for daily dates with weekends among them that are one day of each month in the other order."""
    if is_daily.all():
        return False
    days, others = (pd.Series(readings[:, i]) for i in (int(is_daily.argmax()), int(is_daily.argmin())))
    months = (others.dt.year * 12 + others.dt.month).groupby(tickers).diff().dropna()
    return bool(days.dt.dayofweek.gt(4).any() and (months == 1).all() | (months == -1).all())


def _is_daily(moments: np.ndarray, tickers: np.ndarray) -> bool:
    """Return True if the dates of all tickers are sorted and daily, and of any there are two."""
    several = pd.Series(moments).groupby(tickers).nunique().max() > 1
    return bool(several and daily(pd.Series(moments), tickers).all())


def _two_forms(readings: np.ndarray, styles: np.ndarray, cells: _Cells) -> str:
    """Return a message on dates of several styles, or of which some have no day first and others no month first."""
    if len(set(styles)) > 1:
        rows = [0, int((styles != styles[0]).argmax())]
    else:
        rows = [int(np.isnat(reading).argmax()) for reading in readings.T]
    shown = " and ".join(map(cells.shown, sorted(rows)))
    return f"expected dates of one form in {cells.where}, got {shown}: write all as 2020-01-31"


def _two_readings(readings: np.ndarray, row: int, cells: _Cells) -> str:
    first, second = np.datetime_as_string(readings[row], "D")
    return (
        f"expected dates that can be read in one way in {cells.where}, got {cells.shown(row)}, which is {first} or "
        f"{second}: write dates such as 2020-01-31"
    )


def _swapped(moments: pd.Series, row: int, back: pd.Timestamp, cells: _Cells) -> str:
    return (
        f"expected sorted dates of daily bars in {cells.where}, got {cells.shown(row)}, which is "
        f"{moments.iloc[row]:%Y-%m-%d} by the form of the column and {back:%Y-%m-%d} by the dates beside it: day "
        "and month seem swapped up to the 12th; export the dates anew, such as 2020-01-31"
    )
