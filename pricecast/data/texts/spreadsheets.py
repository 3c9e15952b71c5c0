"""Sheets of Excel: the one with a table, from its header on."""

from pathlib import Path

import pandas as pd

from pricecast.data.texts.arrangement import Name, is_table
from pricecast.data.texts.column_names import NoBarsError
from pricecast.data.texts.header_lines import several
from pricecast.errors import InputError
from pricecast.text import listed

_TITLES = 20  # rows, at most, above the header


def read(path: Path) -> pd.DataFrame:
    """Read the only sheet of a workbook that has a table of bars.

    Raises:
        InputError: openpyxl is not installed, the file cannot be read, or several sheets have one.
    """
    try:
        sheets = pd.read_excel(path, sheet_name=None, header=None, dtype=object, engine="openpyxl")
    except ImportError as error:
        raise InputError(
            f"expected openpyxl to read {path}, but it is not installed: pip install 'pricecast[excel]', or save "
            "the sheet as CSV"
        ) from error
    except Exception as error:  # of zip, XML and openpyxl's own
        raise InputError(f"expected a sound workbook of Excel at {path}, got: {error}; save it as CSV") from error
    found = {str(name): table for name, sheet in sheets.items() if (table := _table(sheet)) is not None}
    if len(found) > 1:
        raise InputError(
            f"expected one sheet with bars in {path}, got {listed(found)}: save them as files of their own"
        )
    if not found:
        raise NoBarsError(f"expected a sheet with the columns date and close in {path}, got none: add their names")
    return next(iter(found.values()))


def _table(sheet: pd.DataFrame) -> pd.DataFrame | None:
    """Return what stands below the header of a sheet, None if it has none."""
    texts = [["" if pd.isna(cell) else str(cell) for cell in row] for row in sheet.iloc[: _TITLES + 4].to_numpy()]
    for number in range(min(_TITLES, len(texts))):
        names: list[Name] = list(texts[number])
        below = number + 1
        if (found := several(texts[number : number + 4])) is not None:
            names, below = found[0], number + found[1]
        if is_table(names):
            table = sheet.iloc[below:].dropna(how="all")
            return _without_footer(table.set_axis(pd.Index(names, tupleize_cols=False), axis=1))
    return None


def _without_footer(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out rows at the end that have text in the first column that is filled, and no number."""
    has_number = table.map(lambda cell: any(map(str.isdigit, str(cell)))).sum(axis=1) > 1
    last = has_number[::-1].idxmax() if has_number.any() else -1
    return table.loc[:last].reset_index(drop=True)
