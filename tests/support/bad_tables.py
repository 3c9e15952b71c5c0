"""Bad tables and bad bytes: sound bars with any number of defects, drawn from a seeded generator."""

import math
import string
import warnings
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd

from pricecast.schema import PRICES
from tests.support import gallery
from tests.support.gallery import sound

NUMBERS = (
    None, math.nan, math.inf, -math.inf, 0, -0.0, -1, 1e300, -1e300, 5e-324, 1e15, "abc", "=1+1", "@SUM(A1)",
    "1,234.5",
    "1.234,5", "1,2", "1,234",
    "12,34,567", "1'234", "1 234,5", "$5", "5%", "", " ",
    "nan", "N/A", "-", True, np.False_, b"1", [1.0], {"a": 1}, (1,), 1 + 2j,
    Decimal("11.5"), Decimal("NaN"), pd.NaT, pd.NA, pd.Timestamp("2024-06-12"), pd.Timedelta(1, "D"),
    "\uff11\uff12",
    "1_000", "0x10", "1e1", "1e400", 10**400, "\0", "x" * 5000, "\u202e1", "1\n2", np.float32(11.5), np.int64(11),
    Fraction(23, 2), {1}, " 11.5 ", "+11", "inf", "1.", ".5", "\u00a011", "0b1", "1d", "1\u00b2",
)  # fmt: skip
DATES = (
    None, pd.NaT, "", "2024-13-01", "2024-02-30", "13/06/2024", "06/12/2024", 20240612, 1718150400, 45455.0,
    "today",
    "now", "12 Jun 2024", "2024-06-12T09:30", "2024-06-12 25:00", "20240612", "2024-06-12 00:00:00+09:00",
    "0000-00-00",
    "9999-12-31", "1677-09-21", date(2024, 6, 12), datetime(2024, 6, 12, 9, 30), pd.Timestamp.min, "2024-W24-3",
    True,
    datetime(2024, 6, 12, tzinfo=timezone(timedelta(hours=14))), np.datetime64("2262-01-01"), b"2024-06-12", [1],
    1.5,
    "2024-6-1", "13.06.2024", "06/12/24", "45455", "\uff12024-06-12", "2024-06-12\n",
)  # fmt: skip
TICKERS = (
    None, math.nan, 7, 7.0, True, "", " ", "A B", "\u0410", "\u00df", "../x", "AAA\n", "=cmd|'/C calc'!A0",
    ["A"], b"AAA", "a" * 30,
    "aaa", " AAA ", pd.Timestamp("2024-06-12"), "\ufb01", "A\0", "\x1b[2J", {"A": 1}, "NaN", "null", "-A",
    "A" * 9999,
)  # fmt: skip
GARBAGE = {"date": DATES, "ticker": TICKERS}
NAMES = (
    "", " ", "close ", "CLOSE", "Close", "Adj Close", "clos\u00e9", "a\nb", "\x1b[2J", 7, 2.5, None, ("close",
    "AAA"), "=1+1",
    "x" * 9999, math.nan, "Unnamed: 0", "index", True,
)  # fmt: skip
DTYPES = {
    "date": ("datetime64[s]", "datetime64[ns]", "datetime64[ms]", str, object, "category", "int64", "string"),
    "ticker": (object, "string", "category", "string[pyarrow]"),
    "close": (object, str, "float32", "Float64", "category", "string", "float16", "double[pyarrow]",
    "Sparse[float]",
              "longdouble", "complex128", "int32", "bool", "timedelta64[s]", "Int64"),
}  # fmt: skip


def _put(table, column, value, row):
    cells = table[column].astype(object).tolist()
    cells[row] = value
    column_of = pd.Series(np.empty(len(cells), dtype=object), index=table.index)
    column_of[:] = pd.Series(cells, index=table.index, dtype=object)
    return table.assign(**{column: column_of})


def _cell(table, rng):
    column = str(rng.choice(PRICES))
    pool = GARBAGE.get(column, NUMBERS)
    return _put(table, column, pool[rng.integers(len(pool))], int(rng.integers(len(table))))


def _number(table, rng):
    """A float that is odd, but a float."""
    column = str(rng.choice(PRICES[2:]))
    value = rng.choice([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300, 5e-324, 1e15, 1e-12, 50.0, 1e4])
    return table.assign(**{column: table[column].where(np.arange(len(table)) != rng.integers(len(table)), value)})


def _rename(table, rng):
    columns = list(table.columns)
    columns[rng.integers(len(columns))] = NAMES[rng.integers(len(NAMES))]
    return table.set_axis(pd.Index(columns, dtype=object), axis=1)


def _extra(table, rng):
    more = pd.Series(rng.choice(["=1+1", "x", "\u202e"], len(table)), index=table.index)
    more.name = NAMES[rng.integers(len(NAMES))]
    return pd.concat([table, more], axis=1)


def _dtype(table, rng):
    column = str(rng.choice(PRICES))
    choices = DTYPES.get(column, DTYPES["close"])
    return table.astype({column: choices[rng.integers(len(choices))]})


def _columns(table, rng):
    return table[[table.columns[i] for i in rng.permutation(len(table.columns))]]


def _title(table, rng):
    return table.rename(columns=lambda name: name.replace("_", rng.choice([" ", "", "-"])).title())


def _shuffle(table, rng):
    return table.iloc[rng.permutation(len(table))]


def _swap(table, rng):
    order = np.arange(len(table))
    a, b = rng.integers(len(table), size=2)
    order[[a, b]] = order[[b, a]]
    return table.iloc[order].reset_index(drop=True)


def _repeat(table, rng):
    again = table.iloc[rng.integers(len(table), size=rng.integers(1, 4))]
    return pd.concat([table, again], ignore_index=bool(rng.integers(2)))


def _cut(table, rng):
    start, size = rng.integers(len(table)), rng.integers(1, 40)
    return table.drop(index=table.index[start : start + size])


def _index(table, rng):
    index = [table["date"], table["ticker"], np.zeros(len(table)), None][rng.integers(4)]
    return table if index is None else table.set_axis(pd.Index(index), axis=0)


def _move(table, rng):
    """A factor on everything before a row: splits, units, or nothing that is known."""
    columns = [*gallery.OHLC, *(["adj_close"] if rng.integers(2) else [])]
    factor = rng.choice([2, 3, 1.5, 0.5, 0.05, 100, 0.01, 1000, 7.3, 0.9])
    return gallery.times(slice(0, int(rng.integers(1, len(table)))), factor, columns, table)


def _gallery(table, rng):
    names = list(gallery.TABLES)
    return gallery.TABLES[names[rng.integers(len(names))]].make(table)


MUTATIONS: tuple[Callable, ...] = (
    _cell, _cell, _cell, _number, _number, _number, _rename, _extra, _dtype, _dtype, _columns, _title, _shuffle,
    _swap,
    _repeat, _cut, _index, _move, _gallery, _gallery, _gallery, _gallery,
)  # fmt: skip


_bars = cache(sound)


def bad_table(rng, rows):
    """A table, and the names of what was done to it."""
    tickers = [("AAA", "B"), ("BBB", "B"), ("BTC-USD", "D")][: rng.integers(1, 4)]
    table = pd.concat([_bars(rows, name, freq) for name, freq in tickers], ignore_index=True)
    done = []
    for _ in range(rng.integers(0, 5)):
        mutation = MUTATIONS[rng.integers(len(MUTATIONS))]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = mutation(table, rng)
            done.append(mutation.__name__)
        except Exception:  # noqa: S112 - what cannot be made is not tried
            continue
    return table, done


def damage(content, rng):
    """Some bytes changed, put in or taken out, or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(data) + 1))
        how = rng.integers(4)
        if how == 0 and place < len(data):
            data[place] = rng.integers(256)
        elif how == 1:
            data[place:place] = bytes(rng.choice(list(string.printable.encode() + b"\0\xff\xfe"), 3).tolist())
        elif how == 2:
            del data[place : place + int(rng.integers(1, 20))]
        else:
            del data[place:]
    return bytes(data)
