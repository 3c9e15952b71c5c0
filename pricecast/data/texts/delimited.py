"""The cells of a line of delimited text."""

from contextlib import suppress
from csv import Error as CsvError
from csv import reader


def cells(line: str | bytes, delimiter: str) -> list[str]:
    """Return the cells of a line, none where it cannot be parted.

    >>> cells('2024-01-11,"1,185.59"', ",")
    ['2024-01-11', '1,185.59']
    """
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    with suppress(CsvError):
        return next(reader([text.rstrip("\r\n")], delimiter=delimiter), [])
    return []
