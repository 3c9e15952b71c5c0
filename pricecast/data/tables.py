"""Tables of bars as they come: the columns that are known, from a file or a frame, as text or numbers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pricecast.data import frames
from pricecast.data.parsing import ticker_of
from pricecast.data.texts import files, spreadsheets
from pricecast.data.texts.arrangement import LONG, Name, Places, arrange
from pricecast.data.texts.column_names import NUMBERS, is_nameless, volumes
from pricecast.data.texts.encodings import PACKED, TEXTS, read_text
from pricecast.data.texts.layout import layout
from pricecast.data.texts.leftovers import bars_alone
from pricecast.data.texts.number_formats import NULLS
from pricecast.errors import InputError
from pricecast.files import read_parquet

SUFFIXES = (*TEXTS, ".parquet", ".xlsx", *PACKED)
_MARKS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class Table(NamedTuple):
    """A long table of known fields.

    Attributes:
        frame: under the names of the fields; texts stay texts.
        has_point: numbers have a decimal point by custom.
        notes: what was recognised, in words.
        is_wide: each ticker had columns of its own.
    """

    frame: pd.DataFrame
    has_point: bool
    notes: list[str]
    is_wide: bool = False


def of_file(path: Path, asked: Sequence[str] = ()) -> Table:
    """Read the known columns of a file.

    Args:
        path: of a text, perhaps packed, of parquet or of Excel.
        asked: tickers; of a text, lines of others may be broken.

    Raises:
        InputError: it cannot be read, or is no table of bars.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(SUFFIXES)}, got {path}: convert or rename it")
    if suffix == ".parquet":
        return of_frame(read_parquet(path), path, asked)
    if suffix == ".xlsx":
        table = of_frame(spreadsheets.read(path), path, asked)
        return table._replace(notes=["Excel", *table.notes])
    data, notes = read_text(path)
    about = layout(data, path)
    places = arrange(about.header, path, asked)
    flat = _flat(places)
    numbers = {name for name in flat if name.rpartition("\t")[2] in NUMBERS}
    date = next(iter(places.values()))["date"]
    cells = [flat[name] for name in sorted(numbers)]
    data, left_out = bars_alone(data, about.lines, about.delimiter, date, cells)
    skip = partial(_is_of_others, places[LONG].get("ticker"), asked) if asked and LONG in places else None
    nameless = _nameless(about.header, places)
    frame = files.read(data, path, about, flat | nameless, numbers, skip)
    _check_empty(frame, nameless, path)
    said = [*notes, _MARKS.get(about.delimiter, about.delimiter), about.note, *_said(about.header, places)]
    said += left_out
    # Columns that semicolons part are mostly of a country with a decimal comma.
    return Table(_long(frame, places), about.delimiter == ",", said, LONG not in places)


def of_frame(frame: pd.DataFrame | pd.Series, where: Path | str, asked: Sequence[str] = ()) -> Table:
    """Return the known columns of a frame.

    Args:
        frame: with dates, and perhaps tickers, as columns or in the index, its columns of one level or of two; or a
            series of closes.
        where: its name in messages.
        asked: tickers, by default all.

    Raises:
        InputError: it is no table of bars.
    """
    if isinstance(frame, pd.Series):
        frame = frames.of_series(frame)
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"expected a path or a pandas DataFrame, got {type(frame).__name__}: convert it, as with to_pandas()"
        )
    table, names = frames.with_index(frame)
    places = arrange(names, where, asked)
    nameless = _nameless(names, places)
    flat = _flat(places) | nameless
    known = table.iloc[:, list(flat.values())].set_axis(list(flat), axis=1).reset_index(drop=True)
    _check_empty(known, nameless, where)
    return Table(_long(known, places), True, _said(names, places), LONG not in places)


def tickers_in_header(path: Path, asked: Sequence[str] = ()) -> set[str] | None:
    """Return the tickers that a text names in its header; none where a column does, None where nothing does."""
    places = arrange(layout(read_text(path).data, path).header, path, asked)
    if LONG not in places:
        return set(places)
    return set() if "ticker" in places[LONG] else None


def _flat(places: Places) -> dict[str, int]:
    """Return positions by name; those of tickers have it in front, but for the date, which they share."""
    flat = dict(places.get(LONG, {}))
    for ticker, fields in places.items():
        if ticker != LONG:
            flat |= {field if field == "date" else f"{ticker}\t{field}": place for field, place in fields.items()}
    return flat


def _nameless(names: list[Name], places: Places) -> dict[str, int]:
    """Return the columns without a name of a wide table, but for the first one, by their number."""
    if LONG in places:
        return {}
    used = {place for fields in places.values() for place in fields.values()}
    unused = {i: frames.text_of(name).strip() for i, name in enumerate(names) if i and i not in used}
    return {f"column {i + 1}": i for i, name in unused.items() if is_nameless(name, i)}


def _check_empty(frame: pd.DataFrame, nameless: dict[str, int], where: Path | str) -> None:
    """Refuse a column that has cells but no name; an empty one comes of a delimiter at the end of the lines."""
    if filled := [name for name in nameless if name in frame and not _is_empty(frame[name]).all()]:
        raise InputError(f"expected a name above each column in {where}, got none above {filled[0]}: add it")


def _long(frame: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Return a frame with one row for a ticker and date, without those of a wide one that have nothing."""
    if LONG in places or frame.empty:
        return frame
    parts = []
    for ticker, fields in places.items():
        names = {field if field == "date" else f"{ticker}\t{field}": field for field in fields}
        own = frame[list(names)].set_axis(list(names.values()), axis=1)
        own = own[~_is_empty(own["close"])]
        parts.append(own.assign(ticker=ticker))
    # Categories of texts differ from column to column.
    return pd.concat([part.astype({n: object for n in part if part[n].dtype == "category"}) for part in parts],
                     ignore_index=True)  # fmt: skip


def _is_empty(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column.isna()
    return column.isna() | column.astype(str).str.strip().str.lower().isin(NULLS)


def _said(names: list[Name], places: Places) -> list[str]:
    if LONG not in places:
        of_bars = any(set(fields) - {"date", "close"} for fields in places.values())
        return ["wide, columns for each ticker" if of_bars else "wide, a close for each ticker"]
    texts, own = [frames.text_of(name) for name in names], places[LONG]
    notes = []
    if (others := volumes(texts)) and "volume" not in own:
        one = "one" if len(others) > 1 else "it"
        notes.append(f"no volume, as it may be {' or '.join(others)}: rename {one} to volume")
    for field in ("close", "volume"):
        if field in own and (name := texts[own[field]]).strip().lower() != field:
            notes.append(f"{field} from {name}")
    return notes


def _is_of_others(place: int | None, asked: Sequence[str], cells: list[str]) -> bool:
    """Return True if a line names a ticker, and nowhere one that was asked for: its cells may have moved."""
    name = "" if place is None else "".join(cells[place : place + 1]).strip()
    is_name = name.isdigit() or name.strip("0123456789.,:/-")  # and no date or price
    return bool(is_name) and {*map(ticker_of, cells)}.isdisjoint(asked)
