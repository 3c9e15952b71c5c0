"""The layout of delimited text: what stands before the header, and what parts the columns."""

import re
from csv import Error as CsvError
from csv import reader
from pathlib import Path
from typing import NamedTuple

from pricecast.data.texts.arrangement import Name, is_table
from pricecast.data.texts.delimited import cells
from pricecast.data.texts.header_lines import klines, looks_like_row, several
from pricecast.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
# Lines before the header, and bytes of a line, that are looked at.
_MOST_LINES, _LONGEST_LINE = 100, 1 << 16
_TITLES = 20  # lines, at most, between the first one and the header
# What Excel writes, or takes, in front of the header.
_SEPARATOR = re.compile(r'"?sep=(?P<delimiter>.)"?[,;\t|]*', re.IGNORECASE)
BLANK = ' \t\r\n,;|"'
NO_VALUE = "\N{REPLACEMENT CHARACTER}"


class Layout(NamedTuple):
    """The names of the columns, what parts them, the number of lines down to them, and what is odd about them."""

    header: list[Name]
    delimiter: str
    lines: int
    note: str = ""


def layout(data: bytes, path: Path) -> Layout:
    """Find the header of a text: the first line that is not blank, no comment, no title, and not Excel's `sep=;`.

    Args:
        data: the text, of which the first lines count.
        path: of the file, for messages.

    Returns:
        The layout, with an empty header if there is no such line. A comment of names that have all columns that are
        needed is a header, and so are two or three lines of names, as yfinance writes them.

    Raises:
        InputError: the text is not UTF-8, or has no line of names.
    """
    lines, declared = _first_lines(data), ""
    for number, line in enumerate(lines):
        text = line.rstrip("\r\n")
        if match := _SEPARATOR.fullmatch(text):
            declared = match["delimiter"]
        elif text.startswith("#"):
            header, delimiter = _split(text.lstrip("# "), declared, path)
            if is_table(list(header)):
                return Layout(list(header), delimiter, number + 1)
        elif text.strip(BLANK):
            if (below := _below(lines, number, declared, path)) is not None:
                return below
            return _first(text, number, declared, path)
    return Layout([], DELIMITERS[0], 0)


def _first(text: str, number: int, declared: str, path: Path) -> Layout:
    """Return the layout whose first line is one of names, or a row of a known form."""
    header, delimiter = _split(text, declared, path)
    if names := klines(header):
        return Layout(names, delimiter, number, "klines of Binance without a header")
    if looks_like_row(header):
        raise InputError(
            f"expected a first line with the names of the columns in {path}, got the row {text[:60]!r}: add a line "
            "such as date,open,high,low,close,volume"
        )
    return Layout(list(header), delimiter, number + 1)


def _below(lines: list[str], first: int, declared: str, path: Path) -> Layout | None:
    """Return the header that has several lines, or stands below lines of titles, None where there is none."""
    is_below = False
    for number, line in enumerate(lines[first : first + _TITLES], first):
        if not line.strip(BLANK):
            continue
        if NO_VALUE in line:  # of another encoding, which matters in the header alone
            is_below = True
            continue
        header, delimiter = _split(line.rstrip("\r\n").lstrip("# " if is_below else ""), declared, path)
        following = [cells(row, delimiter) for row in lines[number : number + 4]]
        if (found := several(following)) is not None:
            return Layout(found[0], delimiter, number + found[1], f"{found[1]} lines of names")
        rows = [row for row in lines[number + 1 :] if row.strip(BLANK) and not row.startswith("#")]
        if is_table(list(header)) and (not rows or len(cells(rows[0], delimiter)) == len(header)):
            return Layout(list(header), delimiter, number + 1) if is_below else None
        is_below = True
    return None


def _first_lines(data: bytes) -> list[str]:
    lines: list[str] = []
    start = 0
    while start < len(data) and len(lines) < _MOST_LINES:
        end = data.find(b"\n", start) + 1 or len(data)
        lines.append(data[start : min(end, start + _LONGEST_LINE)].decode("utf-8", "replace"))
        start = end
    return lines


def _split(text: str, declared: str, path: Path) -> tuple[list[str], str]:
    """Return the cells of a line, parted by what was declared, or by what parts it into most cells; and that."""
    if NO_VALUE in text:
        raise InputError(f"expected a readable UTF-8 text in {path}, got other bytes: save it as UTF-8")
    try:
        parted = [(next(reader([text], delimiter=mark), []), mark) for mark in (declared or DELIMITERS)]
    except CsvError as error:
        raise InputError(f"expected a readable UTF-8 text in {path}, got: {error}; save it as UTF-8") from error
    return max(parted, key=lambda found: len(found[0]))
