"""Known tables with any delimiter, decimal mark, style of dates, order and header: read as they are, or refused.

What no reader can know is left out: numbers such as 1.234 between commas have a decimal point by custom
(docs/data-quality.md), whatever was meant.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricecast.data.reading import read_bars
from pricecast.errors import InputError
from pricecast.schema import PRICES

OHLC = ["open", "high", "low", "close"]
FIELDS = ["date", *OHLC, "volume", "ticker"]
HEADERS = {
    "yahoo": "Date Open High Low Close Volume Ticker",
    "ours": "date open high low close volume ticker",
    "nasdaq": "Date Open High Low Close/Last Vol. Symbol",
    "stooq": "<DATE> <OPEN> <HIGH> <LOW> <CLOSE> <VOL> <TICKER>",
    "german": "Datum Erster Hoch Tief Schlusskurs Stuecke Symbol",
    "adjusted": "timestamp open high low Price total_volume symbol",
}
STYLES = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d", "%b %d, %Y", "%d-%b-%Y",
    "%B %d, %Y", "%a %d %b %Y", "%Y-%m-%d 00:00:00-05:00", "%Y-%m-%dT00:00:00Z", "%-d/%-m/%Y", "%d/%m/%y",
)  # fmt: skip
# Seconds or more since 1970, at an hour of UTC: midnight, the opening in New York, midnights in Berlin and Tokyo.
MOMENTS = [(factor, hour) for factor in (1, 1000) for hour in (0, 14.5, -1, -9)]


@dataclass(frozen=True)
class Dialect:
    """A way to write a table."""

    header: str
    delimiter: str
    point: str
    thousands: str
    date: object
    columns: tuple[str, ...]
    newest_first: bool
    quotes: bool
    encoding: str
    extra: bool
    end: str

    def write(self, table, decimals):
        names = dict(zip(FIELDS, HEADERS[self.header].split(), strict=True))
        rows = [[names[name] for name in self.columns] + ["Change %"] * self.extra]
        for row in (table[::-1] if self.newest_first else table).to_dict("records"):
            rows.append([self._cell(name, row[name], decimals) for name in self.columns] + ["1.5%"] * self.extra)
        lines = [self.delimiter.join(self._quoted(cell) for cell in cells) for cells in rows]
        return (self.end.join(lines) + self.end).encode(self.encoding)

    def _cell(self, name, value, decimals):
        if name == "date" and isinstance(self.date, tuple):
            factor, hour = self.date
            return str(int((value.value // 10**9 + int(hour * 3600)) * factor))
        if name == "date":
            return value.strftime(self.date)
        if name == "ticker":
            return value
        text = f"{value:,.{0 if name == 'volume' else decimals}f}"
        return text.replace(",", "_").replace(".", self.point).replace("_", self.thousands)

    def _quoted(self, cell):
        return f'"{cell}"' if self.quotes or self.delimiter in cell else cell


@st.composite
def dialects(draw, several):
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    point = draw(st.sampled_from([".", ","]))
    groups = ["", "'", " "] + ([","] if point == "." else ["."] if delimiter != "," else [])
    fields = ["date", *OHLC, "volume"] + (["ticker"] if several or draw(st.booleans()) else [])
    if draw(st.integers(0, 9)) == 0:
        fields = [name for name in fields if name not in ("open", "high", "low")]
    if draw(st.integers(0, 4)) == 0:
        fields.remove("volume")
    return Dialect(
        draw(st.sampled_from(sorted(HEADERS))), delimiter, point, draw(st.sampled_from(groups)),
        draw(st.sampled_from([*STYLES, *MOMENTS])), tuple(draw(st.permutations(fields))), draw(st.booleans()),
        draw(st.booleans()), draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])), draw(st.booleans()),
        draw(st.sampled_from(["\n", "\r\n"])),
    )  # fmt: skip


def known(seed, bars, level, decimals, start, every_day, tickers):
    rng = np.random.default_rng(seed)
    dates = pd.date_range(start, periods=bars, freq="D" if every_day else "B")
    tables = []
    for ticker in tickers:
        close = np.maximum(level * np.exp(np.cumsum(0.02 * rng.standard_normal(bars))), 2 * 10.0**-decimals)
        spread = close[:, None] * (1 + 0.01 * rng.random((bars, 2)) * [1, -1])
        table = pd.DataFrame({"date": dates, "ticker": ticker, "open": spread.mean(axis=1), "close": close})
        table = table.assign(high=spread[:, 0], low=spread[:, 1], volume=rng.integers(0, 10**8, bars))
        tables.append(table.round(dict.fromkeys(OHLC, decimals)))
    return pd.concat(tables, ignore_index=True)


def check(folder, dialect, table, decimals):
    """Return True if the table came back, False if it was refused; anything else is an error."""
    path = folder / "AAA.csv"
    path.write_bytes(dialect.write(table, decimals))
    try:
        found = read_bars(path)
    except InputError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert "\n" not in message
        return False
    fields = ["date", "ticker", *(name for name in PRICES[2:] if name in dialect.columns)]
    wanted = table[fields].astype(dict.fromkeys(fields[2:], "float64") | {"date": "datetime64[us]"})
    found = found[fields].assign(date=found["date"].dt.normalize())
    wanted = wanted.sort_values(["ticker", "date"], ignore_index=True)
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-12, check_exact=False)
    return True


def shuffled(folder, cases):
    fates = {True: 0, False: 0}

    @settings(
        max_examples=cases, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def run(data):
        decimals = data.draw(st.integers(0, 5))
        tickers = data.draw(st.sampled_from([["AAA"], ["AAA"], ["AAA", "BRK-B"]]))
        level = data.draw(st.sampled_from([0.02, 0.9, 12.0, 150.0, 1234.0, 45_000.0, 2_000_000.0]))
        start = data.draw(st.dates(pd.Timestamp("1975-01-01").date(), pd.Timestamp("2030-12-31").date()))
        table = known(
            data.draw(st.integers(0, 10**6)), data.draw(st.integers(1, 30)), level, decimals, start,
            data.draw(st.integers(0, 4)) == 0, tickers,
        )  # fmt: skip
        dialect = data.draw(dialects(len(tickers) > 1))
        fates[check(folder, dialect, table, decimals)] += 1

    run()
    # Both fates are met, and a refusal is the rarer one.
    assert fates[False] > cases / 50
    assert fates[True] > cases / 2


def test_hundreds_of_shuffled_formats_are_read_as_they_are_or_refused(tmp_path):
    shuffled(tmp_path, 500)


@pytest.mark.slow
def test_thousands_of_shuffled_formats_are_read_as_they_are_or_refused(tmp_path):
    shuffled(tmp_path, 5000)
