"""The arrangement of a table: long, with a column for each field, or wide, with columns for each ticker."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

from pricecast.data.parsing import ticker_of
from pricecast.data.texts.column_names import UNNAMED, AmbiguousNamesError, field_of, is_close, locate
from pricecast.data.texts.ticker_columns import of_closes
from pricecast.errors import InputError
from pricecast.schema import RANGE_COLUMNS
from pricecast.text import listed

# Of a column, with several levels where a table has several lines of names.
Name: TypeAlias = str | tuple[str, ...]
# By ticker, the position of each known field; a long table stands under LONG.
Places: TypeAlias = dict[str, dict[str, int]]
LONG = ""

_FIELD = r"adj[ _.]?close|adjusted[ _.]?close|adjusted|open|high|low|close|price|volume|vol"
_SIGN = r"[ ._|/:-]+"
# Such as AAPL.Close of R's quantmod, Close_AAPL of pandas, and what to_csv makes of two levels.
_BOTH = (
    re.compile(rf"(?P<ticker>.+?){_SIGN}(?P<field>{_FIELD})", re.IGNORECASE),
    re.compile(rf"(?P<field>{_FIELD}){_SIGN}(?P<ticker>.+)", re.IGNORECASE),
)
_LEVELS = re.compile(r"\('(?P<one>[^']*)', '(?P<other>[^']*)'\)")
# Before the name of a field they make another one of it: the previous close, the market price.
_NO_TICKERS = {
    "ADJ", "ADJUSTED", "AVERAGE", "AVG", "DAY", "LAST", "MARKET", "MEAN", "NET", "POST", "PRE", "PREV", "PREVIOUS",
    "RAW", "TOTAL", "TURNOVER", "UNADJ", "VWAP", "YEAR",
}  # fmt: skip
_RANGE = {"open", "high", "low", "volume", "adj_close", "close"}
_DATE = "date"


def arrange(names: list[Name], path: Path | str, asked: Collection[str] = ()) -> Places:
    """Return where the fields of each ticker stand among the columns.

    Args:
        names: of the columns, in their order.
        path: of the file, or another name of the table, for messages.
        asked: tickers, which settle what may be a ticker or a field.

    Raises:
        InputError: the table is neither long nor wide, or may be both, or a field of a ticker is there twice.

    >>> arrange(["Date", "Close"], "a.csv"), arrange(["Date", "AAPL", "MSFT"], "a.csv")
    ({'': {'date': 0, 'close': 1}}, {'AAPL': {'date': 0, 'close': 1}, 'MSFT': {'date': 0, 'close': 2}})
    >>> arrange(["Date", ("Close", "AAPL"), ("Volume", "AAPL")], "a.csv")
    {'AAPL': {'date': 0, 'close': 1, 'volume': 2}}
    """
    split = [_levels(name) for name in names]
    texts = [" ".join(part for part in parts if part) for parts in split]
    date = next((i for i, text in enumerate(texts) if field_of(text) == _DATE), None)
    if date is None and texts and (texts[0].lower() in UNNAMED or _DATE in map(field_of, split[0])):
        date = 0
    pairs = _of_levels(split, date) if any(len(parts) > 1 for parts in split) else None
    if pairs is not None:
        _check_alone(pairs, texts, date, path)
    if pairs is None and not any(map(is_close, texts)):
        pairs = _of_names(texts, date)
    if pairs is None and date is not None:
        pairs = of_closes(texts, date, path, asked)
    if pairs is None or date is None:
        return {LONG: locate(texts, path)}
    return _placed(pairs, date, path)


def is_table(names: list[Name]) -> bool:
    """Return True for names of columns that `arrange` understands, perhaps in two ways."""
    try:
        arrange(names, "")
    except AmbiguousNamesError:
        return True
    except InputError:
        return False
    return True


def _levels(name: Name) -> tuple[str, ...]:
    if isinstance(name, tuple):
        return tuple(str(part).strip() for part in name)
    match = _LEVELS.fullmatch(name.strip())
    return match.group("one", "other") if match else (name.strip(),)


def _of_levels(split: list[tuple[str, ...]], date: int | None) -> dict[int, tuple[str, str]] | None:
    """Return ticker and field by column, where one level holds fields and the other one tickers."""
    others = {i: parts for i, parts in enumerate(split) if i != date and len(parts) == 2}
    for level in (0, 1):
        known = {i: (parts[1 - level], field_of(parts[level])) for i, parts in others.items()}
        if known and any(field == "close" or field == "adj_close" for _, field in known.values()):
            found = {i: (ticker, field) for i, (name, field) in known.items() if (ticker := ticker_of(name))}
            kept = {i: (ticker, field) for i, (ticker, field) in found.items() if field in _RANGE}
            if kept:
                return kept
    return None


def _check_alone(pairs: Collection[int], texts: list[str], date: int | None, path: Path | str) -> None:
    """Refuse columns of a field and a ticker beside columns of a field alone, of which one kind would be lost."""
    alone = [text for i, text in enumerate(texts) if i not in pairs and i != date and field_of(text)]
    if alone:
        both = texts[min(pairs)]
        raise InputError(
            f"expected columns of a field, or columns of a field and a ticker, in {path}, got {both!r} beside "
            f"{alone[0]!r}: keep one kind"
        )


def _of_names(texts: list[str], date: int | None) -> dict[int, tuple[str, str]] | None:
    """Return ticker and field by column, where names hold both, the ticker in upper case."""
    found = {}
    for i, text in enumerate(texts):
        if i == date or field_of(text):
            continue
        if match := next(filter(None, (form.fullmatch(text) for form in _BOTH)), None):
            ticker, field = ticker_of(match["ticker"]), field_of(match["field"])
            if ticker and ticker == match["ticker"] and ticker not in _NO_TICKERS and field:
                found[i] = (ticker, field)
    return found if any(field in ("close", "adj_close") for _, field in found.values()) else None


def _placed(pairs: dict[int, tuple[str, str]], date: int, path: Path | str) -> Places:
    places: Places = {}
    for column, (ticker, field) in pairs.items():
        own = places.setdefault(ticker, {_DATE: date})
        if field in own:
            raise InputError(f"expected one column {field} of {ticker} in {path}, got two: keep one")
        own[field] = column
    for own in places.values():
        if "close" not in own and "adj_close" in own and not {*RANGE_COLUMNS} & own.keys():
            own["close"] = own.pop("adj_close")
    if lacking := [ticker for ticker, own in places.items() if "close" not in own]:
        raise InputError(f"expected a close of each ticker in {path}, got none of {listed(lacking)}: add it")
    for ticker, own in places.items():
        some = {*RANGE_COLUMNS} & own.keys()
        if some and len(some) < 3:
            raise InputError(
                f"expected open, high and low of {ticker} in {path}, or none of them, got {listed(sorted(some))}: "
                "add the others"
            )
    return places
