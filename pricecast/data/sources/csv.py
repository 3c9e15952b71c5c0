"""Daily bars from files: one or a folder of them, one or many tickers, in any form that `reading` understands.

The ticker comes from the table or, without one, from the file's name (`AAPL.csv`, `aapl.us.txt`).
"""

import logging
import os
from pathlib import Path

import pandas as pd

from pricecast.data import reading
from pricecast.data.sources import RECOGNISED, Request, check_held
from pricecast.data.tables import SUFFIXES
from pricecast.data.texts.column_names import NoBarsError
from pricecast.data.texts.file_names import name_of, ticker_in
from pricecast.errors import InputError

_log = logging.getLogger(__name__)

LIVE = False
_SHOWN = 5  # different forms of files in a folder


def fetch(request: Request) -> pd.DataFrame:
    """Read the bars of the file or folder at `request.path`: all, or those of the tickers asked for.

    What was not asked for is never an error. Without tickers, a file of a folder that has no bars is left out.

    Raises:
        InputError: no such file, not readable, not daily bars, or a ticker is not there; it names the file.
    """
    if not os.path.exists(request.path):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise InputError(f"expected a file or folder for the source csv, got {request.path!r}: give --path")
    path = Path(request.path)
    if path.is_file():
        found = reading.of_file(path, request.tickers)
        check_held(request, found.held)
        return _recognised(found.bars, [reading.said(path.name, found)])
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"expected files ending in {', '.join(SUFFIXES)} in {path}, got none: check the folder")
    return _folder(files, request)


def _folder(files: list[Path], request: Request) -> pd.DataFrame:
    """Return the bars of the files that have any of those asked for, and tell which files were left out."""
    held: set[str] = set()
    tables: dict[str, reading.Found] = {}
    left_out = []
    by_name = True  # whether each ticker that was asked for is in a file of its name
    for file in files:
        own = ticker_in(name_of(file))
        try:
            _check_visible(file)
            found = reading.of_file(file, request.tickers, alone=False)
        except InputError as error:
            if own in request.tickers or not (request.tickers or isinstance(error, NoBarsError)):
                raise
            left_out.append(error)
            continue
        held |= found.held
        if len(found.bars):
            tables[file.name] = found
        by_name &= set(found.bars["ticker"]) <= {own}
    broken = [error for error in left_out if not isinstance(error, NoBarsError)]
    if left_out and (not held or (broken and not by_name)):
        raise (broken or left_out)[0]  # which may hold what was asked for
    for reason in left_out:
        _log.warning("left out: %s", reason)
    check_held(request, held)
    return _recognised(pd.concat([found.bars for found in tables.values()], ignore_index=True), _lines(tables))


def _recognised(bars: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    """Log what files were taken for, and note it on their bars."""
    for line in lines:
        _log.info("%s", line)
    bars.attrs[RECOGNISED] = lines
    return bars


def _lines(tables: dict[str, reading.Found]) -> list[str]:
    """Return in lines what files were taken for, those of one form together."""
    lines = []
    forms: dict[tuple[str, ...], list[str]] = {}
    for name, found in tables.items():
        forms.setdefault(tuple(found.notes), []).append(name)
    for notes, names in list(forms.items())[:_SHOWN]:
        tickers = pd.concat([tables[name].bars["ticker"] for name in names])
        what = names[0] if len(names) == 1 else f"{len(names)} files such as {names[0]}"
        lines.append(f"{what}: {reading.summary(notes, tickers)}")
    return [*lines, f"files of {len(forms) - _SHOWN} more forms"] if len(forms) > _SHOWN else lines


def _check_visible(path: Path) -> None:
    if path.name.startswith("."):  # such as ._AAPL.csv, which macOS puts beside AAPL.csv
        raise NoBarsError(f"expected a file with daily bars, got the hidden file {path}: remove it")
