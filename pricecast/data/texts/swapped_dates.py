"""Dates whose day and month a spreadsheet or pandas swapped, up to the 12th of a month, and no later ones.

Such dates are valid and of one form; their order and their days of the week alone tell what became of them.
"""

import numpy as np
import pandas as pd

# Daily bars follow each other within so many days.
_DAILY = pd.Timedelta(10, "D")
# Swapped rows that tell by their days of the week alone: of 20 dates that are not, some are of a weekend.
_MANY = 20


def swapped(moments: pd.Series, tickers: np.ndarray) -> tuple[int, pd.Timestamp] | None:
    """Return the first date that seems swapped, by its row, and what it is with day and month swapped back.

    None if there is none: a ticker's dates are taken for swapped if they are unsorted or far apart, or often of a
    weekend, and with all swapped back that can be they are sorted and daily, or never of a weekend.

    >>> days = pd.Series(pd.to_datetime(["2024-11-01", "2024-12-01", "2024-01-15"]))
    >>> swapped(days, np.zeros(3))
    (0, Timestamp('2024-01-11 00:00:00'))
    >>> swapped(days.sort_values(ignore_index=True), np.zeros(3)) is None
    True
    """
    weekend = moments.dt.dayofweek.gt(4).groupby(tickers).any()
    suspect = weekend | ~daily(moments, tickers)
    rows = np.flatnonzero(np.isin(tickers, suspect.index[suspect]))
    found, tickers = moments.iloc[rows], tickers[rows]
    back = _back(found)
    moved = (back != found).astype(int).groupby(tickers).sum()
    fixed = (found.dt.day > 12).groupby(tickers).any()
    ordered = ~daily(found, tickers) & daily(back, tickers) & (moved > 1) & fixed
    on_weekends = [days.dt.dayofweek.gt(4).groupby(tickers).sum() for days in (found, back)]
    shifted = (moved >= _MANY) & (on_weekends[0] * 10 > moved) & (on_weekends[1] == 0)
    wrong = (ordered | shifted).reindex(tickers).to_numpy(dtype=bool) & (back != found).to_numpy()
    return (int(rows[wrong.argmax()]), back.iloc[wrong.argmax()]) if wrong.any() else None


def daily(moments: pd.Series, tickers: np.ndarray) -> pd.Series:
    """Return by ticker True if its dates are sorted, one way or the other, and close to one another."""
    none = pd.Timedelta(0)
    steps = moments.groupby(tickers).diff()
    up, down, far = (step.groupby(tickers).any() for step in (steps > none, steps < none, steps.abs() > _DAILY))
    return ~(up & down) & ~far


def _back(moments: pd.Series) -> pd.Series:
    """Swap day and month of dates up to the 12th."""
    dates = moments.to_numpy().astype("datetime64[us]")
    years, months = dates.astype("datetime64[Y]"), dates.astype("datetime64[M]")
    month, day = (months - years).astype(int), (dates.astype("datetime64[D]") - months).astype(int)
    rest = dates - dates.astype("datetime64[D]")
    other = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month + rest
    return pd.Series(np.where(day < 12, other, dates), index=moments.index).astype(moments.dtype)
