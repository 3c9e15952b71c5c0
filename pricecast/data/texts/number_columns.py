"""Numbers as people and programs write them, in one format that is settled over a whole table.

A comma may group thousands or part the decimals, and so may a point; a cell such as 1,234 alone cannot say which.
All cells of a table together mostly can; where they cannot, the table is refused with both readings.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pricecast.data.texts.number_formats import ANY, COMMAS, PLAIN, PLAIN_COMMA, POINTS, read
from pricecast.errors import InputError
from pricecast.text import short


class _Cells(NamedTuple):
    """The distinct cells of columns, and where they stand.

    Attributes:
        texts: as written, (n,).
        formats: the sets of formats that each fits, (n,).
        values: what each is with a decimal point and with a decimal comma, (n, 2).
        codes: which of them stands where, (rows, columns).
        rows: numbers of the rows in the file, (rows,).
        names: of the columns.
    """

    texts: list[str]
    formats: np.ndarray
    values: np.ndarray
    codes: np.ndarray
    rows: np.ndarray
    names: list[str]

    def take(self, rows: np.ndarray) -> "_Cells":
        """Return the same with some of the rows."""
        return self._replace(codes=self.codes[rows], rows=self.rows[rows])

    def shown(self, code: int) -> str:
        """Return a cell as it stands in a message."""
        column, row = np.argwhere(code == self.codes.T)[0]
        return f"{short(self.texts[code])} in row {self.rows[row]} of {self.names[column]}"


def numbers(
    table: pd.DataFrame, where: str, rows: np.ndarray | None = None, plain: bool = True
) -> dict[str, np.ndarray]:
    """Parse the columns of a table into float64, NaN where a cell is empty.

    Text may have a decimal point or comma, and thousands that a comma, point, space or apostrophe groups. All
    columns have one format; numbers among them that are not whole stand for a decimal point.

    Args:
        table: columns of numbers or text, and no others.
        where: the table's name in messages.
        rows: mask of the rows to parse, by default all; the others may settle the format and are never wrong.
        plain: take numbers that are all as programs write them, such as 1.234, for that.

    Returns:
        By name the numbers of the chosen rows.

    Raises:
        InputError: a cell is not a number, or there is no single format; the message shows cells and rows.

    >>> table = pd.DataFrame({"close": ["1,234.5", "n/a", "-2"]})
    >>> numbers(table, "a.csv")["close"].tolist()
    [1234.5, nan, -2.0]
    >>> numbers(pd.DataFrame({"close": ["0,845", "1,234"]}), "a.csv")["close"].tolist()
    [0.845, 1.234]
    """
    return parse(table, where, rows, plain)[0]


def parse(
    table: pd.DataFrame, where: str, rows: np.ndarray | None = None, plain: bool = True
) -> tuple[dict[str, np.ndarray], str]:
    """Parse numbers as `numbers` does; return them, and in words the format that they were found to have."""
    chosen, form = np.ones(len(table), bool) if rows is None else rows, ""
    texts = [name for name in table.columns if not _is_numeric(table[name])]
    result = {name: _floats(table[name][chosen]) for name in table.columns if name not in texts}
    if texts and chosen.any():
        every = _cells(table[texts])
        cells = every.take(chosen)
        _check(cells, where)
        with np.errstate(invalid="ignore"):
            known = POINTS if any((values % 1 > 0).any() for values in result.values()) else ANY
        formats = _settle(cells, every.take(~chosen), known, plain)
        opened = _open(cells) if formats & POINTS and formats & COMMAS else []
        if opened or not formats:
            raise InputError(_two_readings(cells, opened[0], where) if opened else _two_formats(cells, where))
        values = cells.values[cells.codes, 0 if formats & POINTS else 1]
        result |= {name: values[:, i] for i, name in enumerate(texts)}
        form = _form(formats)
    return {name: result.get(name, np.empty(0)) for name in table.columns}, form


def _form(formats: int) -> str:
    """Return what is odd about numbers as text, in words; both readings of the others are one."""
    grouped = "" if formats & (PLAIN | PLAIN_COMMA) else "thousands marked"
    comma = "" if formats & POINTS else "decimal comma"
    return ", ".join(filter(None, (comma, grouped)))


def _is_numeric(column: pd.Series) -> bool:
    types = pd.api.types
    return types.is_numeric_dtype(column) and not (types.is_bool_dtype(column) or types.is_complex_dtype(column))


def _floats(column: pd.Series) -> np.ndarray:
    with np.errstate(over="ignore"):
        return column.to_numpy(dtype="float64", na_value=np.nan)


def _cells(table: pd.DataFrame) -> _Cells:
    distinct: dict[tuple[str, bool, bool], int] = {}
    codes = np.empty(table.shape, dtype=np.int64)
    for i, name in enumerate(table.columns):
        column = table[name].astype(object)
        if pd.api.types.infer_dtype(column, skipna=False) != "string":
            column = column.map(_written)
        code, unique = pd.factorize(column)
        written = [_written(value) if isinstance(value, str) else value for value in unique]
        codes[:, i] = np.array([distinct.setdefault((*cell, name == "volume"), len(distinct)) for cell in written])[
            code
        ]
    shapes: dict[str, int] = {}
    formats, values = zip(
        *(read(text, is_text, shapes, is_volume) for text, is_text, is_volume in distinct), strict=True
    )
    texts = [text for text, *_ in distinct]
    rows = np.arange(1, len(table) + 1)
    return _Cells(texts, np.array(formats), np.array(values), codes, rows, list(table.columns))


def _written(value: object) -> tuple[str, bool]:
    """Return a value as text, and whether it was one."""
    return str(value).strip(), isinstance(value, str)


def _check(cells: _Cells, where: str) -> None:
    wrong = (cells.formats == 0)[cells.codes]
    if wrong.any():
        column = int(wrong.any(axis=0).argmax())
        row = int(wrong[:, column].argmax())
        text = short(cells.texts[cells.codes[row, column]])
        raise InputError(
            f"expected numbers in the column {cells.names[column]} of {where}, got {text} in row "
            f"{cells.rows[row]}: correct the cell or leave it empty"
        )


def _settle(cells: _Cells, others: _Cells, known: int, plain: bool) -> int:
    """Return the formats that all cells fit, and of these rather those that the other rows fit, too."""
    found = _common(cells) & known
    settled = found & _common(others) or found
    is_open = settled & POINTS and settled & COMMAS
    return found & POINTS if is_open and plain and found & PLAIN else settled


def _common(cells: _Cells) -> int:
    formats = cells.formats[np.unique(cells.codes)]
    return int(np.bitwise_and.reduce(formats[formats > 0], initial=ANY))


def _open(cells: _Cells) -> list[int]:
    """Return the cells whose two readings differ, in the order of the columns."""
    points, commas = cells.values.T
    differs = (points != commas) & ~np.isnan(points)
    return [code for code in dict.fromkeys(cells.codes.T.ravel().tolist()) if differs[code]]


def _two_readings(cells: _Cells, code: int, where: str) -> str:
    point, comma = cells.values[code]
    return (
        f"expected numbers that can be read in one way in {where}, got {cells.shown(code)}, which is {point:.10g} "
        f"or {comma:.10g}: write numbers with a decimal point and without thousands separators"
    )


def _two_formats(cells: _Cells, where: str) -> str:
    """Return a message on the rarest format and another one; there are few sets of formats, however many cells."""
    used = np.unique(cells.codes)
    sets, firsts, counts = np.unique(cells.formats[used], return_index=True, return_counts=True)
    order = np.argsort(counts, kind="stable")
    pairs = [(i, j) for i in order for j in order[::-1] if not sets[i] & sets[j]]
    odd, other = pairs[0] if pairs else (order[0], None)
    beside = "numbers with a decimal point" if other is None else cells.shown(used[firsts[other]])
    shown = cells.shown(used[firsts[odd]])
    return f"expected numbers of one format in {where}, got {shown} beside {beside}: write all with a decimal point"
