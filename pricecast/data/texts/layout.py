"""The layout of delimited text: what stands before the header, and what parts the columns."""

import re
from collections.abc import Callable
from contextlib import suppress
from csv import Error as CsvError
from csv import reader
from pathlib import Path
from typing import NamedTuple

from pricecast.errors import InputError
from pricecast.table_checks import ONE_HEADER

DELIMITERS = (",", ";", "\t", "|")
# Lines before the header, and bytes of a line, that are looked at.
_MOST_LINES, _LONGEST_LINE = 100, 1 << 16
_TITLES = 20  # lines, at most, between the first one and the header
# What Excel writes, or takes, in front of the header.
_SEPARATOR = re.compile(r'"?sep=(?P<delimiter>.)"?[,;\t|]*', re.IGNORECASE)
BLANK = ' \t\r\n,;|"'
NO_VALUE = "\N{REPLACEMENT CHARACTER}"


class Layout(NamedTuple):
    """The names of the columns, what parts them, and the number of lines down to them."""

    header: list[str]
    delimiter: str
    lines: int


def layout(path: Path, is_header: Callable[[list[str]], bool]) -> Layout:
    """Find the header of a text: the first line that is not blank, no comment, no title, and not Excel's `sep=;`.

    Args:
        path: of the text.
        is_header: tells whether names have all columns that are needed. A comment of such names is a header.

    Returns:
        The layout, with an empty header if there is no such line.

    Raises:
        InputError: the text is not UTF-8, or has several lines of names.
    """
    lines, declared = _first_lines(path), ""
    for number, line in enumerate(lines):
        text = line.rstrip("\r\n")
        if match := _SEPARATOR.fullmatch(text):
            declared = match["delimiter"]
        elif text.startswith("#"):
            if is_header((found := _split(text.lstrip("# "), declared, path))[0]):
                return Layout(*found, number + 1)
        elif text.strip(BLANK):
            if (below := _below(lines, number, declared, path, is_header)) is not None:
                return below
            header, delimiter = _split(text, declared, path)
            if not is_header(header):
                _check_single(lines[number + 1 : number + 3], len(header), delimiter, path)
            return Layout(header, delimiter, number + 1)
    return Layout([], DELIMITERS[0], 0)


def _below(
    lines: list[str], first: int, declared: str, path: Path, is_header: Callable[[list[str]], bool]
) -> Layout | None:
    """Return the header that stands below lines of titles, None where the first line is one, or there is none."""
    above: list[list[str]] = []
    for number, line in enumerate(lines[first : first + _TITLES], first):
        if not line.strip(BLANK):
            continue
        if NO_VALUE in line:  # of another encoding, which matters in the header alone
            above.append([line])
            continue
        header, delimiter = _split(line.rstrip("\r\n").lstrip("# " if above else ""), declared, path)
        rows = [row for row in lines[number + 1 :] if row.strip(BLANK) and not row.startswith("#")]
        if is_header(header) and (not rows or len(_cells(rows[0], delimiter)) == len(header)):
            # The tickers above the names of fields, as yfinance writes them, come again for each of four prices.
            names = [[cell for cell in cells[1:] if cell] for cells in above]
            if any(len(cells) > max(3, len({*cells})) for cells in names):
                raise InputError(ONE_HEADER.format(where=path, got="two or three"))
            return Layout(header, delimiter, number + 1) if above else None
        above.append(_cells(line.rstrip(BLANK), delimiter))
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    with suppress(CsvError):
        return next(reader([line], delimiter=delimiter), [])
    return []


def _first_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            lines = [file.readline(_LONGEST_LINE) for _ in range(_MOST_LINES)]
    except OSError as error:
        raise InputError(f"expected a readable text in {path}, got: {error}") from error
    if b"\0" in lines[0]:
        raise InputError(f"expected UTF-8 text in {path}, got UTF-16 or binary data: save it as CSV in UTF-8")
    return [line.decode("utf-8" if number else "utf-8-sig", "replace") for number, line in enumerate(lines)]


def _split(text: str, declared: str, path: Path) -> tuple[list[str], str]:
    """Return the cells of a line, parted by what was declared, or by what parts it into most cells; and that."""
    if NO_VALUE in text:
        raise InputError(f"expected a readable UTF-8 text in {path}, got other bytes: save it as UTF-8")
    try:
        parted = [(next(reader([text], delimiter=mark), []), mark) for mark in (declared or DELIMITERS)]
    except CsvError as error:
        raise InputError(f"expected a readable UTF-8 text in {path}, got: {error}; save it as UTF-8") from error
    return max(parted, key=lambda found: len(found[0]))


def _check_single(lines: list[str], width: int, delimiter: str, path: Path) -> None:
    """Refuse further lines of as many names, as yfinance writes them: they begin with a name and have no value."""
    for line in lines:
        first, *rest = _cells(line.rstrip("\r\n"), delimiter) or [""]
        if len(rest) != width - 1 or width < 3:  # beside a title
            continue
        if first.lower() in ("ticker", "date") and not any(re.fullmatch(r"[\d.,:/+ -]*\d", cell) for cell in rest):
            raise InputError(ONE_HEADER.format(where=path, got="two or three"))
