"""Headers of several lines, as yfinance writes them, and texts without any."""

import re

from pricecast.data.parsing import ticker_of
from pricecast.data.texts.arrangement import Name
from pricecast.data.texts.column_names import UNNAMED, field_of
from pricecast.data.texts.date_texts import is_date

# Columns of yfinance that are no field of a bar.
_OTHERS = ("dividends", "stock splits", "capital gains", "repaired?")
_FIELDS = ("open", "high", "low", "close", "adj_close", "volume")
_LABELS = ("ticker", "tickers", "symbol", "price", "date", "datetime", "attributes", *UNNAMED)
# https://github.com/binance/binance-public-data: since 2025 in microseconds.
_KLINES = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades", "taker_base",
    "taker_quote", "ignore",
)  # fmt: skip
_SINCE_1970 = re.compile(r"\d{13}(\d{3})?")


def several(rows: list[list[str]]) -> tuple[list[Name], int] | None:
    """Return the names of a header of two or three lines, and how many lines it has; None if it has one.

    Args:
        rows: the cells of its first line and of some that follow.

    >>> several([["Price", "Close"], ["Ticker", "SPY"], ["Date", ""], ["2024-06-03", "1"]])
    (['date', ('Close', 'SPY')], 3)
    >>> several([["Date", "Close"], ["2024-06-03", "1"]]) is None
    True
    """
    if len(rows) < 2 or len(rows[0]) != len(rows[1]) or len(rows[0]) < 2:
        return None
    first, second = (_filled(row) for row in rows[:2])
    if first[0].lower() not in _LABELS or second[0].lower() not in _LABELS:
        return None
    by_label = ((first, second), (second, first))
    # A ticker may be called as a field, and all of one line with it.
    is_swapped = first[0].lower() in ("ticker", "tickers", "symbol") or second[0].lower() == "price"
    for fields, tickers in by_label[::-1] if is_swapped else by_label:
        if all(map(_is_field, fields[1:])) and all(map(_is_ticker, tickers[1:])):
            names: list[Name] = ["date", *zip(fields[1:], tickers[1:], strict=True)]
            third = rows[2] if len(rows) > 2 else [""]
            is_third = third[0].lower() in _LABELS and len(third) > 1 and not any(third[1:])
            return names, 2 + is_third
    return None


def _filled(row: list[str]) -> list[str]:
    """Return cells with blank ones filled from the left, as Excel leaves those of merged cells."""
    cells = [row[0].strip()]
    for cell in row[1:]:
        cells.append(cell.strip() or (cells[-1] if len(cells) > 1 else ""))
    return cells


def _is_field(cell: str) -> bool:
    return field_of(cell) in _FIELDS or cell.lower() in _OTHERS


def _is_ticker(cell: str) -> bool:
    return bool(ticker_of(cell) and re.search("[A-Za-z]", cell))


def klines(cells: list[str]) -> list[Name]:
    """Return the names of Binance's klines, which have none, and nothing for other rows."""
    is_row = len(cells) == len(_KLINES) and all(_SINCE_1970.fullmatch(cells[i]) for i in (0, 6))
    return list(_KLINES) if is_row else []


def looks_like_row(cells: list[str]) -> bool:
    """Return True for a date beside numbers, where names are expected."""
    digits = [bool(re.search(r"\d", cell)) for cell in cells]
    return len(cells) > 1 and sum(map(is_date, cells)) == 1 and all(digits)
