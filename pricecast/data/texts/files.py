"""The rows of delimited text: columns by their types, and what is no row."""

from collections.abc import Callable, Collection
from contextlib import suppress
from csv import Error as CsvError
from csv import reader
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from pricecast.data.texts.layout import BLANK, NO_VALUE, Layout
from pricecast.errors import InputError

Skip: TypeAlias = Callable[[list[str]], bool] | None


def read(
    data: bytes,
    path: Path,
    about: Layout,
    places: dict[str, int],
    numbers: Collection[str],
    skip: Skip = None,
) -> pd.DataFrame:
    """Read some columns of a text; blank lines are left out.

    Args:
        data: the text, without what is no row.
        path: of the file, for messages.
        about: its layout.
        places: position of each column to read, by the name to give it.
        numbers: names of the columns that become numbers where each of their cells is one, and text elsewhere.
        skip: tells whether the cells of a line that are too few or too many may be left out; by default none may.

    Raises:
        InputError: a line has another number of cells, or a cell is not UTF-8.
    """
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
    if not (sound or skip) and any(NO_VALUE in str(cell) for name in table for cell in table[name].unique()):
        raise InputError(f"expected a readable UTF-8 text in {path}, got other bytes: save it as UTF-8")
    return table


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
    if not line.strip(BLANK):
        return True
    with suppress(CsvError):
        return skip is not None and skip(next(reader([line], delimiter=delimiter), []))
    return False
