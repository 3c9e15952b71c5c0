"""Codes of a bar's period, as Stooq and others write them in a column of their own."""

import re

import pandas as pd

_DAILY = {"D", "1D", "DAILY", "DAY", "1DAY", "1440", "D1"}
_OTHERS = re.compile(r"\d{0,4}(MIN|H|W|WK|M|MO|MN|Q|Y|S|T)|[MHWD]\d{1,3}|HOURLY|WEEKLY|MONTHLY|QUARTERLY|YEARLY")
_MINUTES = {"1", "2", "3", "5", "10", "15", "20", "30", "60", "120", "240"}


def not_daily(column: pd.Series) -> list[str]:
    """Return the codes of periods that are not a day, sorted; none where the column has anything but codes.

    >>> not_daily(pd.Series(["D", "60"])), not_daily(pd.Series(["12.5", "60"]))  # the latter: price/earnings
    (['60'], [])
    """
    codes = {str(value).strip().upper() for value in column.dropna().unique()} - {""}
    others = codes - _DAILY
    return sorted(others) if all(code in _MINUTES or _OTHERS.fullmatch(code) for code in others) else []
