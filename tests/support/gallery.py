"""The gallery of bad input: small tables and files, each with the one fate that it has to meet.

docs/data-quality.md shows it to users; tests/data/test_gallery.py sends every entry through every door.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricecast.data.sources import synthetic
from pricecast.schema import DATE_DTYPE, PRICES

LAST = "2024-06-12"  # a Wednesday
AS_OF = pd.Timestamp("2024-06-13 15:00")  # Thursday, while New York trades
NAN, INF = np.nan, np.inf
OHLC = ["open", "high", "low", "close"]
QUOTED = [*OHLC, "adj_close"]
TABLE, CSV, PARQUET = "table", "csv", "parquet"
DOORS = (TABLE, CSV, PARQUET)
EVERY = -1  # a count: every row
WEEKENDS = -3  # a count: every row of a weekend
ROWS = 60


@dataclass(frozen=True)
class Entry:
    """One defect of a table.

    Attributes:
        what: it is, for the docs.
        make: puts the defect into sound bars; it knows no more of them than `ROWS` or more rows.
        fate: refused, dropped, repaired, reported or accepted.
        finds: the kinds and counts that the report must hold, no others.
        says: words of the message where it is refused, if they are not the kind's.
        doors: where that is its fate.
        forecast: its fate where bars are sent to a forecaster, if another.
    """

    what: str
    make: Callable[[pd.DataFrame], pd.DataFrame]
    fate: str = "accepted"
    finds: dict[str, int] = field(default_factory=dict)
    says: str = ""
    doors: tuple[str, ...] = DOORS
    forecast: str = ""


@dataclass(frozen=True)
class File:
    """One file: `name` and `content`, and the fate as above."""

    what: str
    name: str
    content: Callable[[], bytes]
    fate: str = "refused"
    says: str = ""


def sound(n: int = ROWS, ticker: str = "AAA", freq: str = "B", last: str = LAST) -> pd.DataFrame:
    """Bars without any finding."""
    dates = pd.date_range(end=last, periods=n, freq=freq).astype(DATE_DTYPE)
    rng = synthetic.stream(0, ticker)
    bars = synthetic.bars(synthetic.gbm(rng, n), dates, ticker, rng)
    return bars.astype({"volume": float, "ticker": object})[list(PRICES)]


def cell(column: str, value: float, bars: pd.DataFrame) -> pd.DataFrame:
    """One cell replaced in the middle."""
    return bars.assign(**{column: bars[column].where(bars.index != 20, value)})


def whole(column: str, value: object, bars: pd.DataFrame) -> pd.DataFrame:
    """A whole column replaced, or another one put in."""
    return bars.assign(**{column: value})


def cast(column: str, dtype: object, bars: pd.DataFrame) -> pd.DataFrame:
    return bars.astype({column: dtype})


def texts(column: str, spelling: str, bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(**{column: bars[column].map(spelling.format)})


def commas(bars: pd.DataFrame) -> pd.DataFrame:
    """Every number as text with a decimal comma."""
    return bars.assign(**{name: bars[name].map(str).str.replace(".", ",") for name in PRICES[2:]})


def swiss(column: str, bars: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a column as text that an apostrophe groups."""
    return bars.assign(**{column: bars[column].map("{:,.1f}".format).str.replace(",", "'")})


def times(rows: slice, factor: float, columns: list[str], bars: pd.DataFrame) -> pd.DataFrame:
    """Some columns times a factor in some rows."""
    changed = bars.copy()
    changed.loc[changed.index[rows], columns] *= factor
    return changed


def days(move: Callable[[pd.Series], pd.Series], bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(date=move(bars["date"]))


def rows(order: Callable[[int], list[int]], bars: pd.DataFrame) -> pd.DataFrame:
    return bars.iloc[order(len(bars))].reset_index(drop=True)


def another(date: str, bars: pd.DataFrame, **changes: object) -> pd.DataFrame:
    """One more row, nearly like the last one, put where its date belongs."""
    more = bars.tail(1).assign(
        date=pd.Timestamp(date).to_datetime64(), volume=bars["volume"].iloc[-1] + 1, **changes
    )
    more = pd.concat([bars, more], ignore_index=True).astype({"date": DATE_DTYPE})
    return more.sort_values("date", kind="stable", ignore_index=True)


def beside(other: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([bars, other.astype({"date": bars["date"].dtype})], ignore_index=True)


def mixed_zones(date: pd.Series) -> pd.Series:
    half = len(date) // 2
    early, late = date[:half].dt.tz_localize("Etc/GMT+5"), date[half:].dt.tz_localize("Etc/GMT-9")
    return pd.concat([early.astype(object), late.astype(object)])


def stack_columns(bars: pd.DataFrame) -> pd.DataFrame:
    columns = pd.MultiIndex.from_tuples([(name, "AAA") for name in bars.columns], names=["Price", "Ticker"])
    return bars.set_axis(columns, axis=1)


def year(value: str, bars: pd.DataFrame) -> pd.DataFrame:
    moved = bars["date"].to_numpy(copy=True)
    moved[0 if value < "2000" else -1] = np.datetime64(f"{value}-03-03", "us")
    return bars.assign(date=moved)


def every_day(bars: pd.DataFrame) -> pd.DataFrame:
    """A table of calendar days: weekends repeat the Friday."""
    return bars.set_index("date").asfreq("D").ffill().reset_index()[list(PRICES)]


def flat_weekends(bars: pd.DataFrame) -> pd.DataFrame:
    """Calendar days, weekends at the close before and with its volume."""
    table = every_day(bars)
    weekend = table["date"].dt.dayofweek >= 5
    return table.assign(**{name: table[name].where(~weekend, table["close"]) for name in OHLC})


def line_weekends(bars: pd.DataFrame) -> pd.DataFrame:
    """Calendar days, weekends on a line between Friday and Monday."""
    days = bars.set_index("date").asfreq("D")
    days = days.assign(ticker=days["ticker"].ffill(), **days[list(PRICES[2:])].interpolate())
    return days.reset_index()[list(PRICES)].astype({"date": bars["date"].dtype})


def weekly(bars: pd.DataFrame) -> pd.DataFrame:
    """Every fifth bar of the last 60, and a line between them; before them, sound ones."""
    kept = np.flatnonzero((bars.index % 5 == 0) | (bars.index < len(bars) - ROWS))
    return bars.assign(**bars.loc[kept, QUOTED].reindex(bars.index).interpolate())


def frozen(bars: pd.DataFrame) -> pd.DataFrame:
    """The last rows repeat one bar."""
    return bars.assign(
        **{name: bars[name].where(bars.index < len(bars) - 12).ffill() for name in [*QUOTED, "volume"]}
    )


def stale(bars: pd.DataFrame) -> pd.DataFrame:
    return beside(sound(len(bars) + 10, "BBB").iloc[:-10], bars)


def twice(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.loc[:, [*PRICES, "close"]]


def hours(bars: pd.DataFrame) -> pd.DataFrame:
    """Two bars a day."""
    later = bars.assign(date=bars["date"] + pd.Timedelta(hours=16), close=bars["high"])
    return pd.concat([bars, later]).sort_values("date", kind="stable", ignore_index=True)


MISSING_CLOSE, ZERO_CLOSE = {"missing_close": 1}, {"non_positive_close": 1}
NO_ZONE = "from 1800 to 2200"
FILES = (CSV, PARQUET)
FUTURE = partial(another, "2024-06-14")
TABLES: dict[str, Entry] = {
    "sound": Entry("nothing is wrong", lambda bars: bars),
    "nan_close": Entry("NaN as close", partial(cell, "close", NAN), "dropped", MISSING_CLOSE),
    "inf_close": Entry("an infinite close", partial(cell, "close", INF), "dropped", MISSING_CLOSE),
    "huge_close": Entry("a close of 1e300", partial(cell, "close", 1e300), "dropped", MISSING_CLOSE),
    "zero_close": Entry("a close of zero", partial(cell, "close", 0.0), "dropped", ZERO_CLOSE),
    "tiny_close": Entry("a close of 1e-300", partial(cell, "close", 1e-300), "dropped", ZERO_CLOSE),
    "negative_close": Entry("a negative close", partial(cell, "close", -5.0), "dropped", ZERO_CLOSE),
    "nan_open": Entry("NaN as open", partial(cell, "open", NAN), "repaired", {"missing_price": 1}),
    "inf_high": Entry("an infinite high", partial(cell, "high", INF), "repaired", {"missing_price": 1}),
    "zero_open": Entry("an open of zero", partial(cell, "open", 0.0), "repaired", {"non_positive_price": 1}),
    "negative_low": Entry("a negative low", partial(cell, "low", -1.0), "repaired", {"non_positive_price": 1}),
    "high_below_low": Entry(
        "high and low exchanged",
        lambda bars: bars.assign(high=bars["high"].where(bars.index != 20, bars["low"]),
                                 low=bars["low"].where(bars.index != 20, bars["high"])),
        "repaired", {"high_below_low": 1},
    ),
    "close_outside": Entry(
        "a close above the high",
        lambda bars: cell("close", bars["high"][20] * 1.01, cell("adj_close", bars["high"][20] * 1.01, bars)),
        "repaired", {"close_outside_range": 1},
    ),
    "open_outside": Entry(
        "an open below the low", lambda bars: cell("open", bars["low"][20] * 0.99, bars),
        "repaired", {"open_outside_range": 1},
    ),
    "fractional_volume": Entry("volume with decimals", partial(times, slice(None), 0.1234, ["volume"])),
    "missing_volume": Entry("NaN as volume", partial(cell, "volume", NAN), "repaired", {"missing_volume": 1}),
    "negative_volume": Entry("negative volume", partial(cell, "volume", -7), "repaired", {"missing_volume": 1}),
    "zero_volume": Entry("volume 0", partial(cell, "volume", 0), "reported", {"zero_volume": 1}),
    "no_volume": Entry("no volume at all", partial(whole, "volume", NAN), "reported", {"no_volume": 1}),
    "close_only": Entry(
        "no open, high and low at all", lambda bars: bars.assign(open=NAN, high=NAN, low=NAN), "reported",
        {"close_only": 1}, forecast="refused",
    ),
    "no_adj_close": Entry("an empty adj_close", partial(whole, "adj_close", NAN), "reported", {"unadjusted": 1}),
    "hole_in_adj_close": Entry(
        "one adj_close is missing", partial(cell, "adj_close", NAN), "dropped", {"missing_adjustment": 1}
    ),
    "no_open_table": Entry(
        "the open is NaN in every row of a table", partial(whole, "open", NAN), "repaired",
        {"missing_price": EVERY}, doors=(TABLE,),
    ),
    "no_open_file": Entry(
        "the open is NaN in every row of a file", partial(whole, "open", NAN), "refused",
        says="expected numbers in the column open", doors=FILES,
    ),
    "no_close_table": Entry(
        "the close is NaN in every row of a table", partial(whole, "close", NAN), "refused",
        says="1 x empty", doors=(TABLE,),
    ),
    "no_close_file": Entry(
        "the close is NaN in every row of a file", partial(whole, "close", NAN), "refused",
        says="expected numbers in the column close", doors=FILES,
    ),
    "duplicate": Entry(
        "a row twice, one after the other", partial(rows, lambda n: [*range(21), *range(20, n)]),
        "dropped", {"duplicate": 1},
    ),
    "late_duplicate": Entry(
        "a row again at the end", partial(rows, lambda n: [*range(n), 20]), "dropped",
        {"unsorted": 1, "duplicate": 1},
    ),
    "conflict": Entry(
        "two closes for one day", lambda bars: cell("close", bars["high"][20], rows(
            lambda n: [*range(21), *range(20, n)], bars)), "refused", says="1 x conflicting_duplicate",
    ),
    "unsorted": Entry(
        "two rows exchanged", partial(rows, lambda n: [*range(20), 21, 20, *range(22, n)]), "repaired",
        {"unsorted": 1},
    ),
    "backwards": Entry(
        "the newest row first", partial(rows, lambda n: list(range(n))[::-1]), "repaired", {"unsorted": -2}
    ),
    "gap": Entry(
        "two weeks are missing", partial(rows, lambda n: [*range(20), *range(32, n)]), "reported", {"gap": 1}
    ),
    "split": Entry(
        "a 2:1 split that adj_close takes away", partial(times, slice(0, 20), 2, OHLC), "reported", {"split": 1}
    ),
    "calendar_days": Entry(
        "weekends filled in with the Friday before", every_day, "dropped", {"repeated": WEEKENDS}
    ),
    "flat_weekends": Entry(
        "weekends filled in with the close and the volume of the Friday before", flat_weekends, "dropped",
        {"repeated": WEEKENDS},
    ),
    "line_weekends": Entry(
        "weekends interpolated between Friday and Monday", line_weekends, "dropped", {"repeated": WEEKENDS}
    ),
    "frozen": Entry("a feed that delivers one bar twelve times more", frozen, "dropped", {"repeated": 12}),
    "misprint": Entry(
        "a day at ten times the price", partial(times, slice(20, 21), 10, QUOTED), "dropped", {"misprint": 1}
    ),
    "wrong_high": Entry(
        "a high of ten times the price", partial(times, slice(20, 21), 10, ["high"]), "repaired", {"range": 1}
    ),
    "weekly": Entry("weekly closes with a line between them", weekly, "reported", {"interpolated": 44}),
    "unadjusted_split_2": Entry(
        "a 2:1 split that nothing takes away", partial(times, slice(0, 20), 2, QUOTED), "refused",
        says="1 x unadjusted_split",
    ),
    "unadjusted_split_20": Entry(
        "a reverse split 1:20 that nothing takes away", partial(times, slice(0, 20), 1 / 20, QUOTED), "refused",
        says="1 x unadjusted_split",
    ),
    "unadjusted_split_190": Entry(
        "a reverse split 1:190 that nothing takes away", partial(times, slice(0, 20), 1 / 190, QUOTED), "refused",
        says="1 x unadjusted_split",
    ),
    "unadjusted_split_3_2": Entry(
        "a 3:2 split that nothing takes away", partial(times, slice(0, 20), 3 / 2, QUOTED), "refused",
        says="1 x unadjusted_split",
    ),
    "double_adjustment": Entry(
        "the close is adjusted for a split, and adj_close adjusts it again",
        partial(times, slice(0, 20), 1 / 4, ["adj_close"]), "reported", {"double_adjustment": 1},
    ),
    "pence": Entry(
        "the early history in pence, the rest in pounds", partial(times, slice(0, 20), 100, QUOTED), "refused",
        says="1 x currency_unit",
    ),
    "some_pence": Entry(
        "some days in pence", partial(times, slice(20, 25), 100, QUOTED), "refused", says="2 x currency_unit"
    ),
    "time_zone": Entry("dates of one time zone", partial(days, lambda d: d.dt.tz_localize("America/New_York"))),
    "mixed_zones": Entry("dates of several time zones", partial(days, mixed_zones), doors=(TABLE, CSV)),
    "time_of_day": Entry(
        "one bar a day with the time of its close", partial(days, lambda d: d + pd.Timedelta(hours=16)),
        "reported", {"time_of_day": EVERY},
    ),
    "utc_midnights": Entry(
        "midnights of New York written as UTC",
        partial(days, lambda d: d.dt.tz_localize("America/New_York").dt.tz_convert("UTC")),
        "reported", {"time_of_day": EVERY},
    ),
    "intraday_table": Entry(
        "several bars a day in a table", hours, "refused", says="conflicting_duplicate", doors=(TABLE,)
    ),
    "intraday_file": Entry(
        "several bars a day in a file", hours, "refused", says="expected one bar a day", doors=FILES
    ),
    "weekend": Entry(
        "a Saturday in a stock's table", partial(another, "2024-06-01"), "reported", {"weekend": 1}
    ),
    "wrong_market": Entry(
        "weekdays under the name of a coin", partial(whole, "ticker", "AAA-USD"), "reported", {"calendar": 1}
    ),
    "every_day": Entry(
        "a coin under a plain name", lambda bars: sound(len(bars), freq="D").astype({"date": bars["date"].dtype})
    ),
    "mixed_calendars": Entry(
        "a coin that trades every day beside a stock",
        lambda bars: beside(sound(len(bars), "BTC-USD", "D"), bars),
    ),
    "future": Entry("a bar of tomorrow", FUTURE, "dropped", {"future": 1}, forecast="accepted"),
    "stale": Entry("a ticker that ends two weeks before the others", stale, "reported", {"stale": 1}),
    "live": Entry(
        "the bar of a session that still trades", partial(another, "2024-06-13"), "reported",
        {"unfinished": 1}, forecast="accepted",
    ),
    "constant": Entry(
        "a close that never changes", lambda bars: bars.assign(**dict.fromkeys(QUOTED, 5.0)),
        "refused", says="1 x constant",
    ),
    "no_row": Entry("no row at all", lambda bars: bars.iloc[:0], "refused", says="got none", doors=(TABLE,)),
    "no_row_file": Entry(
        "a header alone", lambda bars: bars.iloc[:0], "refused", says="got a header alone", doors=FILES
    ),
    "one_row": Entry("a single row", lambda bars: bars.iloc[-1:], forecast="refused"),
    "object_numbers": Entry("numbers of dtype object", partial(cast, "close", object)),
    "text_numbers": Entry("numbers as text", partial(texts, "close", "{}")),
    "thousands": Entry("text such as 1,234.5", partial(texts, "volume", "{:,.1f}")),
    "apostrophes": Entry("text such as 1'234.5", partial(swiss, "volume")),
    "decimal_comma": Entry("text such as 11,25 in every column of numbers", commas),
    "two_formats": Entry(
        "text such as 1.234,5 beside 12.5", partial(whole, "close", "1.234,5"), "refused",
        says="expected numbers of one format",
    ),
    "two_readings": Entry(
        "text such as 1,234 in every row, and nothing that tells thousands from decimals",
        lambda bars: bars.assign(**dict.fromkeys(PRICES[2:], "1,234")), "refused", says="which is 1234 or 1.234",
    ),
    "currency": Entry("text such as $12.5", partial(texts, "close", "${}")),
    "currency_behind": Entry(
        "text such as 12.5 USD", partial(texts, "close", "{} USD"), "refused", says="numbers in the column close"
    ),
    "word": Entry(
        "a word among the numbers", lambda bars: cell("close", "ten", bars.astype({"close": object})), "refused",
        says="got 'ten' in row 21", doors=(TABLE, CSV),
    ),
    "booleans": Entry("true and false as prices", partial(whole, "open", True), "refused", says="got 'True'"),
    "dates_as_prices": Entry(
        "dates as prices", lambda bars: bars.assign(open=bars["date"]), "refused", says="numbers in the column open"
    ),
    "epoch_dates": Entry("midnights as microseconds since 1970", partial(cast, "date", "int64")),
    "epoch_times": Entry(
        "moments as microseconds since 1970",
        lambda bars: cast("date", "int64", bars.assign(date=bars["date"] + pd.Timedelta(hours=15))), "refused",
        says="expected dates such as",
    ),
    "other_dates": Entry(
        "dates such as 06/12/2024 and 06/13/2024, which say together that the month is first",
        partial(days, lambda d: d.dt.strftime("%m/%d/%Y")),
    ),
    "open_dates": Entry(
        "dates such as 03/04/2024, which two countries read differently, and no other",
        partial(whole, "date", "03/04/2024"), "refused", says="which is 2024-04-03 or 2024-03-04",
    ),
    "two_orders": Entry(
        "dates such as 13/06/2024 beside 06/13/2024", lambda bars: bars.assign(
            date=bars["date"].dt.strftime("%m/%d/%Y").where(bars.index != 20, "13/05/2024")),
        "refused", says="expected dates of one form",
    ),
    "short_years": Entry(
        "dates such as 06/12/24 and 06/13/24", partial(days, lambda d: d.dt.strftime("%m/%d/%y"))
    ),
    "serial_dates": Entry(
        "Excel's numbers of days as dates", partial(days, lambda d: (d - pd.Timestamp("1899-12-30")).dt.days),
        "refused", says="a serial number of Excel, perhaps",
    ),
    "no_date": Entry(
        "a row without a date", lambda bars: bars.assign(date=bars["date"].where(bars.index != 20)),
        "refused", says="in row 21",
    ),
    "year_1677": Entry("a date of the year 1677", partial(year, "1677"), "refused", says=NO_ZONE),
    "year_2262": Entry("a date of the year 2262", partial(year, "2262"), "refused", says=NO_ZONE),
    "lower_case": Entry("a ticker in lower case", partial(whole, "ticker", "aaa")),
    "unicode_ticker": Entry(
        "a ticker beyond A-Z", partial(whole, "ticker", "\u0410\u0410\u0410"), "refused", says="expected a ticker"
    ),
    "sharp_s": Entry(
        "a ticker that becomes another one in upper case", partial(whole, "ticker", "\u00df"), "refused",
        says="expected a ticker",
    ),
    "no_ticker": Entry(
        "a row without a ticker", lambda bars: bars.assign(ticker=bars["ticker"].where(bars.index != 20)),
        "refused", says="ticker",
    ),
    "number_ticker": Entry(
        "a number as ticker, which has lost its zeros", partial(whole, "ticker", 700), "refused",
        says="expected a ticker", doors=(TABLE, PARQUET),
    ),
    "titles": Entry(
        "columns as Yahoo and pandas write them (Adj Close)",
        lambda bars: bars.rename(columns=lambda name: name.replace("_", " ").title()), doors=FILES,
    ),
    "renamed": Entry(
        "columns of other names", lambda bars: bars.rename(columns={"close": "Kurs"}), "refused",
        says="missing: close",
    ),
    "missing_column": Entry(
        "a column is missing", lambda bars: bars.drop(columns="high"), "refused", says="missing: high"
    ),
    "extra_columns": Entry("more columns than needed", partial(whole, "note", "=1+1")),
    "twice": Entry(
        "a column twice", twice, "refused", says="expected one column close", doors=(TABLE, CSV)
    ),
    "two_levels": Entry(
        "columns of two levels, as yfinance returns them, not read by the reader", stack_columns, "refused",
        says="expected one line of column names", doors=(TABLE,),
    ),
    "two_levels_file": Entry(
        "columns of two levels in a file, as yfinance returns them", stack_columns, doors=(PARQUET,)
    ),
}  # fmt: skip

HEADER = "Date,Open,High,Low,Close,Volume,Adj Close\n"
LINES = "".join(
    f"2024-06-{day:02d},10.{day:02d},12.5,9.5,11.{day:02d},500,11.{day:02d}\n"
    for day in (3, 4, 5, 6, 7, 10, 11, 12)
)
PLAIN = HEADER + LINES


def text(content: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: content.encode(encoding)


def parquet(**changes: object) -> bytes:
    return sound().assign(**changes).to_parquet(index=False)


def noted(notes: bytes) -> bytes:
    """A parquet file with other notes for pandas in it."""
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(sound()).replace_schema_metadata({"pandas": notes}), target)
    return target.getvalue()


def put(column: int, value: str) -> Callable[[], bytes]:
    """The second row's cell replaced."""
    lines = PLAIN.splitlines()
    cells = lines[2].split(",")
    cells[column] = value
    return text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]) + "\n")


STRUCTS = [{"value": 1.0}] * ROWS
CONTENTS: dict[str, File] = {
    "plain": File("a plain CSV file", "AAA.csv", text(PLAIN), "accepted"),
    "bom": File("a byte order mark", "AAA.csv", text(PLAIN, "utf-8-sig"), "accepted"),
    "windows_lines": File("line ends of Windows", "AAA.csv", text(PLAIN.replace("\n", "\r\n")), "accepted"),
    "blank_lines": File("blank lines", "AAA.csv", text(PLAIN.replace("\n", "\n\n")), "accepted"),
    "mac_lines": File("line ends of old Macs", "AAA.csv", text(PLAIN.replace("\n", "\r")), "accepted"),
    "utf_16": File("UTF-16", "AAA.csv", text(PLAIN, "utf-16"), "accepted"),
    "latin_1": File("Latin-1", "AAA.csv", text("Datum,\u00d6ffnung\n" + LINES, "latin-1"), says="save it as UTF-8"),
    "ragged_short": File("a row with too few cells", "AAA.csv", text(PLAIN + "2024-06-13,1,2\n"), says="got 3"),
    "ragged_long": File(
        "a row with too many cells", "AAA.csv", text(PLAIN + "2024-06-13,1,2,1,2,5,6,7\n"), says="got 8"
    ),
    "semicolons": File("semicolons instead of commas", "AAA.csv", text(PLAIN.replace(",", ";")), "accepted"),
    "tabs": File("tabs instead of commas", "AAA.txt", text(PLAIN.replace(",", "\t")), "accepted"),
    "european": File(
        "semicolons and decimal commas", "AAA.csv", text(PLAIN.replace(",", ";").replace(".", ",")), "accepted"
    ),
    "sep_line": File("Excel's line sep=; above the header", "AAA.csv", text("sep=,\n" + PLAIN), "accepted"),
    "comments": File(
        "comments above and below the bars", "AAA.csv", text("# AAA, daily\n" + PLAIN + "# the end\n"), "accepted"
    ),
    "blank_start": File("blank lines above the header", "AAA.csv", text("\n \n,,,\n" + PLAIN), "accepted"),
    "blank_end": File("rows of empty cells", "AAA.csv", text(PLAIN + ",,,,,,\n" * 3), "accepted"),
    "excel_error": File("an error of Excel as date", "AAA.csv", put(0, "#N/A"), says="got '#N/A' in row 2"),
    "cut_excel_error": File(
        "a row that begins with an error of Excel and ends early", "AAA.csv", text(PLAIN + "#REF!,1,2\n"),
        says="got 3",
    ),
    "open_quote": File("a quote that never ends", "AAA.csv", put(4, '"11.04'), says="expected"),
    "formula_equals": File("a formula cell =1+1", "AAA.csv", put(4, "=1+1"), says="got '=1+1' in row 2"),
    "formula_at": File("a formula cell @SUM(A1)", "AAA.csv", put(4, "@SUM(A1)"), says="got '@SUM(A1)' in row 2"),
    "formula_plus": File(
        "a formula cell +cmd|...", "AAA.csv", put(4, "+cmd|' /C calc'!A0"), says="got \"+cmd|' /C calc'!A0\""
    ),
    "formula_date": File("a formula as date", "AAA.csv", put(0, "=TODAY()"), says="got '=TODAY()' in row 2"),
    "two_headers": File(
        "the two header lines of yfinance", "AAA.csv",
        text("Ticker,AAA,AAA,AAA,AAA,AAA,AAA\n" + HEADER + LINES), "accepted",
    ),
    "three_headers": File(
        "the three header lines of yfinance", "AAA.csv",
        text("Price,Open,High,Low,Close,Volume,Adj Close\nTicker,AAA,AAA,AAA,AAA,AAA,AAA\nDate,,,,,,\n" + LINES),
        "accepted",
    ),
    "name": File(
        "a file name that is no ticker", "AAA (1).csv", text(PLAIN), says="name the file after its ticker"
    ),
    "suffix": File("another kind of file", "AAA.xls", text(PLAIN), says="ending in .csv, .txt"),
    "zip": File(
        "a damaged zip file", "AAA.csv", lambda: b"PK\x03\x04\x14\0\6\0" * 99, says="sound gzip or zip file"
    ),
    "binary_csv": File("random bytes named .csv", "AAA.csv", lambda: bytes(range(255, -1, -1)) * 9, says="UTF-8"),
    "binary_parquet": File(
        "random bytes named .parquet", "AAA.parquet", lambda: bytes(range(256)) * 9, says="sound parquet"
    ),
    "control": File(
        "cells that would steer a terminal", "AAA.csv", put(4, "\x1b[2J\u202e"), says="got '\\x1b[2J\\u202e'"
    ),
    "nothing_csv": File("an empty .csv", "AAA.csv", lambda: b"", says="got nothing"),
    "nothing_parquet": File("an empty .parquet", "AAA.parquet", lambda: b"", says="sound parquet"),
    "cut_parquet": File("half a parquet file", "AAA.parquet", lambda: parquet()[:4000], says="sound parquet"),
    "damaged_notes": File(
        "a parquet file whose notes by pandas are damaged", "AAA.parquet", lambda: noted(b"{"), says="sound parquet"
    ),
    "wrong_notes": File(
        "a parquet file whose notes by pandas name other columns", "AAA.parquet",
        lambda: noted(b'{"columns": [], "index_columns": ["x"], "column_indexes": [{}]}'), says="sound parquet",
    ),
    "structs": File(
        "a parquet file with structs as close", "AAA.parquet", lambda: parquet(close=STRUCTS),
        says="numbers in the column close",
    ),
    "lists": File(
        "a parquet file with lists as tickers", "AAA.parquet", lambda: parquet(ticker=[["AAA"]] * ROWS),
        says="expected text in the column ticker",
    ),
    "list_dates": File(
        "a parquet file with lists as dates", "AAA.parquet", lambda: parquet(date=[["2024-06-12"]] * ROWS),
        says="expected dates such as",
    ),
    "bytes": File(
        "a parquet file with bytes as close", "AAA.parquet", lambda: parquet(close=[b"10"] * ROWS),
        says="numbers in the column close",
    ),
}  # fmt: skip


def docs_table() -> str:
    """Table that docs/data-quality.md has to hold."""
    lines = ["| input | fate | what the message or the report says |", "|---|---|---|"]
    for name, entry in (TABLES | CONTENTS).items():
        kinds = ", ".join(f"`{kind}`" for kind in getattr(entry, "finds", ()))
        says = f"... {entry.says} ..." if entry.fate == "refused" else kinds or "nothing"
        what = entry.what.replace("|", "\\|")
        lines.append(f"| {what} (`{name}`) | {entry.fate} | {says.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)
