"""Dates as text, one by one, with both readings where the year is last."""

import re

import numpy as np

# The year first, in digits alone or parted, or last; then perhaps a time of day, and an offset, which is left out:
# bars are of local dates.
_TIME = r"(?:[T ](?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(?:(?P<utc>Z|UTC|\+00:?00)|[+-]\d\d:?\d\d)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})(?:(\d\d)(\d\d)|([-/.])(\d\d?)\4(\d\d?)){_TIME}", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d\d?)([-/.])(\d\d?)\2(\d{{4}}|\d\d){_TIME}", re.ASCII)
# Or with an English month, in full or as three letters.
_ENGLISH = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTHS = {month[:3].lower(): number for number, month in enumerate(_ENGLISH, 1)}
_NAME = "(?P<month>" + "|".join(rf"{month[:3]}(?:{month[3:]})?" for month in _ENGLISH) + r"|Sept)\.?"
_DAY, _YEAR = r"(?P<day>\d\d?)", r"(?P<year>\d{4})"
_WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?"
_NAMED = [
    re.compile(rf"{pattern}{_TIME}", re.ASCII | re.IGNORECASE)
    for pattern in (
        rf"{_WEEKDAY}{_NAME}[ -]{_DAY},?[ -]{_YEAR}",
        rf"{_WEEKDAY}{_DAY}[ /-]{_NAME},?[ /-]{_YEAR}",
        rf"{_YEAR}[ -]{_NAME}[ -]{_DAY}",
    )
]
# Or as a number since 1970 by its digits: of seconds, milliseconds or microseconds.
_SINCE_1970 = {10: 1_000_000, 13: 1000, 16: 1}
TWO_DIGITS = "a year of two digits"
# Numbers that stand for dates elsewhere, and what they probably are.
_NO_DATES = {
    r"\d\d?[-/.]\d\d?[-/.]\d\d\b.*": TWO_DIGITS, r"\d{5}(\.\d+)?": "a serial number of Excel, perhaps",
    r"\d\d?[ -][A-Za-z]{3,9}[ -]\d\d": TWO_DIGITS,
}  # fmt: skip
# Styles: a number since 1970; a time of day in UTC so late that a market in the east may be at the next day.
SINCE_1970, LATE = "since 1970", "UTC"
LATE_FROM = np.timedelta64(11, "h")
_DAY_LATER = np.timedelta64(1, "D")
NO_DATE = np.datetime64("NaT", "us")


def read_date(text: str) -> tuple[np.datetime64, np.datetime64, str]:
    """Return the two readings of a date, and its style: what parts it, if the year is last, and if that is short.

    Years of two digits are from 1969 to 2068, as C's strptime has them.

    They are the day before the month and the month before the day; for a late moment in UTC, its day and the next.
    All other dates have one reading, twice.
    """
    if match := _YEAR_FIRST.fullmatch(text.strip()):
        year, month, day = match[1], match[2] or match[5], match[3] or match[6]
        return _in_utc(_moment(year, month, day, match["time"]), "", bool(match["utc"]))
    if match := _YEAR_LAST.fullmatch(text.strip()):
        first, style, second, year = match[1], match[2], match[3], match[4]
        if len(year) == 2:
            year, style = f"{1900 + int(year) + 100 * (int(year) < 69)}", style + TWO_DIGITS
        return _moment(year, second, first, match["time"]), _moment(year, first, second, match["time"]), style
    if match := next(filter(None, (pattern.fullmatch(text.strip()) for pattern in _NAMED)), None):
        moment = _moment(match["year"], str(_MONTHS[match["month"][:3].lower()]), match["day"], match["time"])
        return _in_utc(moment, "", bool(match["utc"]))
    if text.isascii() and text.isdigit() and len(text) in _SINCE_1970:
        moment = np.datetime64(int(text) * _SINCE_1970[len(text)], "us")
        return _in_utc(moment, SINCE_1970, True)
    return NO_DATE, NO_DATE, ""


def is_date(text: str) -> bool:
    """Return True if a text is a date in any reading.

    >>> is_date("31/01/2024"), is_date("Total")
    (True, False)
    """
    return not all(np.isnat(reading) for reading in read_date(text)[:2])


def _in_utc(moment: np.datetime64, style: str, is_utc: bool) -> tuple[np.datetime64, np.datetime64, str]:
    if is_utc and not np.isnat(moment) and moment - moment.astype("datetime64[D]") >= LATE_FROM:
        return moment, moment + _DAY_LATER, style or LATE
    return moment, moment, style


def _moment(year: str, month: str, day: str, time: str | None) -> np.datetime64:
    hours, colon, rest = (time or "00:00").partition(":")
    try:
        return np.datetime64(f"{year}-{month:0>2}-{day:0>2}T{hours:0>2}{colon}{rest}", "us")
    except ValueError:  # such as a 31st of February
        return NO_DATE


def hint(text: str) -> str:
    """Return what a text that is no date probably is, in brackets, or nothing."""
    return next((f" ({meaning})" for pattern, meaning in _NO_DATES.items() if re.fullmatch(pattern, text)), "")
