"""Frames and series of pandas as tables: what stands in their index becomes columns with names."""

import re

import numpy as np
import pandas as pd

from pricecast.data.parsing import ticker_of
from pricecast.data.texts.arrangement import Name
from pricecast.data.texts.column_names import field_of
from pricecast.data.texts.date_texts import is_date
from pricecast.errors import InputError
from pricecast.text import short

_CLOSES = ("close", "adj_close")


def with_index(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Name]]:
    """Return a frame with its index as columns in front, and the names of all columns.

    An index without a name holds the dates, or tickers, where nothing else does.
    """
    names = _names(frame)
    if isinstance(frame.index, pd.RangeIndex):
        return frame, names
    inside = _of_levels(frame.index, {field_of(text_of(name)) for name in names})
    fresh = [i for i, name in enumerate(inside) if name and name not in names]
    index = frame.index.to_frame(index=False)
    table = pd.concat([index.iloc[:, fresh], frame.reset_index(drop=True)], axis=1)
    return table, [*(inside[i] for i in fresh), *names]


def of_series(series: pd.Series) -> pd.DataFrame:
    """Return a series of closes as a frame: its name is a ticker, a spelling of close, both or nothing.

    Raises:
        InputError: its name is something else.

    >>> of_series(pd.Series([1.5], name="aapl")).columns.tolist()
    ['AAPL']
    """
    if isinstance(series.name, tuple):  # of a frame whose columns have two levels
        return series.to_frame(0).set_axis(pd.MultiIndex.from_tuples([series.name]), axis=1)
    name = _label(series.name)
    if not name or field_of(name) in _CLOSES:
        return series.to_frame("close")
    ticker = ticker_of(name)
    if field_of(name) or ticker is None or not re.search("[A-Z]", ticker):
        raise InputError(
            f"expected a series of closes, named after its ticker or Close, got the name {short(name)}: rename it"
        )
    return series.to_frame(ticker)


def text_of(name: object) -> str:
    """Return the name of a column as text, empty where there is none."""
    return " ".join(map(_label, name)) if isinstance(name, tuple) else _label(name)


def _of_levels(index: pd.Index, known: set[str | None]) -> list[str]:
    """Return the names of an index's levels: its own, or for one without, what it holds if nothing else does."""
    names = [_label(name) for name in index.names]
    known = known | {field_of(name) for name in names}
    nameless = [i for i, name in enumerate(names) if not name]
    if "date" not in known and nameless:
        names[next((i for i in nameless if _holds_dates(index.get_level_values(i))), nameless[0])] = "date"
    if "ticker" not in known:
        of_texts = [i for i in nameless if not names[i] and _holds_tickers(index.get_level_values(i))]
        names = ["ticker" if of_texts[:1] == [i] else name for i, name in enumerate(names)]
    return names


def _holds_dates(level: pd.Index) -> bool:
    is_moment = pd.api.types.is_datetime64_any_dtype(level.dtype)
    return is_moment or all(is_date(str(value)) for value in level[:3])


def _holds_tickers(level: pd.Index) -> bool:
    return all(isinstance(value, str) and ticker_of(value) and not is_date(value) for value in level.unique())


def _names(frame: pd.DataFrame) -> list[Name]:
    if frame.columns.nlevels == 1:
        return [text_of(name) for name in frame.columns]
    return [
        parts[0] if len(parts) == 1 else parts
        for column in frame.columns
        for parts in [tuple(part for part in map(_label, column) if part)]
    ]


def _label(name: object) -> str:
    return "" if name is None or (isinstance(name, float) and np.isnan(name)) else str(name)
