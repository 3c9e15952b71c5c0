"""The structure of delimited text: what stands before the header, what parts the columns, what is no row."""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from csv import Error as CsvError
from csv import reader
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from pricecast.errors import InputError
from pricecast.table_checks import ONE_HEADER

DELIMITERS = (",", ";", "\t", "|")
# Lines before the header, and bytes of a line, that are looked at.
_MOST_LINES, _LONGEST_LINE = 100, 1 << 16
_TITLES = 20  # lines, at most, between the first one and the header
# What Excel writes, or takes, in front of the header.
_SEPARATOR = re.compile(r'"?sep=(?P<delimiter>.)"?[,;\t|]*', re.IGNORECASE)
_EXCEL_ERRORS = ("#N/A", "#NULL!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#DIV/0!")
_ERRORS = tuple(error.encode() for error in _EXCEL_ERRORS)
_BLANK = ' \t\r\n,;|"'
_NO_VALUE = "\N{REPLACEMENT CHARACTER}"
Skip: TypeAlias = Callable[[list[str]], bool] | None


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
        elif text.strip(_BLANK):
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
        if not line.strip(_BLANK):
            continue
        if _NO_VALUE in line:  # of another encoding, which matters in the header alone
            above.append([line])
            continue
        header, delimiter = _split(line.rstrip("\r\n").lstrip("# " if above else ""), declared, path)
        rows = [row for row in lines[number + 1 :] if row.strip(_BLANK) and not row.startswith("#")]
        if is_header(header) and (not rows or len(_cells(rows[0], delimiter)) == len(header)):
            # The tickers above the names of fields, as yfinance writes them, come again for each of four prices.
            names = [[cell for cell in cells[1:] if cell] for cells in above]
            if any(len(cells) > max(3, len({*cells})) for cells in names):
                raise InputError(ONE_HEADER.format(where=path, got="two or three"))
            return Layout(header, delimiter, number + 1) if above else None
        above.append(_cells(line.rstrip(_BLANK), delimiter))
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
    if _NO_VALUE in text:
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


def read(
    path: Path,
    about: Layout,
    places: dict[str, int],
    numbers: Collection[str],
    skip: Skip = None,
) -> pd.DataFrame:
    """Read some columns of a text; blank lines and comments are left out.

    Args:
        path: of the text.
        about: its layout.
        places: position of each column to read, by the name to give it.
        numbers: names of the columns that become numbers where each of their cells is one, and text elsewhere.
        skip: tells whether the cells of a line that are too few or too many may be left out; by default none may.

    Raises:
        InputError: a line has another number of cells, or a cell is not UTF-8.
    """
    data = _without_comments(path.read_bytes(), about.lines)
    sound = data.isascii() or _is_utf8(data)
    data = data if sound else data.decode("utf-8", "replace").encode()
    try:
        table = _typed(data, about, places, numbers, skip)
    except pa.ArrowException as error:
        if "Empty CSV" in str(error):
            return pd.DataFrame()
        line = " ".join(str(error).split())[:160]
        raise InputError(
            f"expected rows of {len(about.header)} cells of UTF-8 text in {path}, got: {line}; export it again"
        ) from error
    if not (sound or skip) and any(_NO_VALUE in str(cell) for name in table for cell in table[name].unique()):
        raise InputError(f"expected a readable UTF-8 text in {path}, got other bytes: save it as UTF-8")
    return table


def _without_comments(data: bytes, lines: int) -> bytes:
    """Leave out the lines below the header that begin with `#`, if no quote around several lines is open."""
    if b"\n#" not in data:
        return data
    every = BytesIO(data).readlines()
    kept, is_quoted = every[:lines], False
    for line in every[lines:]:
        if is_quoted or not line.startswith(b"#") or line.startswith(_ERRORS):
            kept.append(line)
            is_quoted ^= line.count(b'"') % 2 == 1
    return b"".join(kept)


def _is_utf8(data: bytes) -> bool:
    try:
        return bool(data.decode("utf-8")) or not data
    except UnicodeDecodeError:
        return False


def _typed(
    data: bytes, about: Layout, places: dict[str, int], numbers: Collection[str], skip: Skip
) -> pd.DataFrame:
    # Where something else parts the columns, a comma may part the decimals: the numbers are read as text.
    if about.delimiter == ",":
        with suppress(pa.ArrowInvalid):
            return _parse(data, about, places, dict.fromkeys(set(numbers) & set(places), pa.float64()), skip)
    return _parse(data, about, places, {}, skip)  # slower; takes 1,000 and names what is no number


def _parse(
    data: bytes, about: Layout, places: dict[str, int], types: dict[str, pa.DataType], skip: Skip
) -> pd.DataFrame:
    """Read columns as `types` says, and as text elsewhere; rows without any value are left out."""
    text = pa.dictionary(pa.int32(), pa.string())  # dates and tickers repeat
    columns = {str(place): types.get(name, text) for name, place in places.items()}
    table = arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(
            column_names=[str(i) for i in range(len(about.header))], skip_rows=about.lines
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=about.delimiter,
            invalid_row_handler=lambda row: "skip" if _is_no_row(row.text, about.delimiter, skip) else "error",
        ),
        convert_options=arrow_csv.ConvertOptions(column_types=columns, include_columns=list(columns)),
    )
    found = table.to_pandas().set_axis(list(places), axis=1)
    blank = found[[name for name in places if name not in types]].eq("").all(axis=1)
    blank &= found[list(types)].isna().all(axis=1)
    return found[~blank].reset_index(drop=True) if blank.any() else found


def _is_no_row(line: str, delimiter: str, skip: Skip) -> bool:
    """Return True for a line of too few or too many cells that may be left out."""
    if "\n" in line:  # a quote that is not closed takes the lines after it along
        return False
    if not line.strip(_BLANK):
        return True
    with suppress(CsvError):
        return skip is not None and skip(next(reader([line], delimiter=delimiter), []))
    return False
