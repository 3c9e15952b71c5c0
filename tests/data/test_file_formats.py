"""Every format of the gallery loads to the one table that it holds, or is refused in one line."""

import logging
import re
from pathlib import Path

import pandas as pd
import pytest

from pricecast.data.reading import read_bars
from pricecast.errors import InputError
from pricecast.schema import PRICES
from tests.support.file_formats import AAPL, BARS, BOTH, CLOSES, EXCEL, FORMATS, MSFT, beside, frame_of_levels, rows

NUMBERS = list(PRICES[2:])


def expected(table, fields):
    wanted = table[["date", "ticker", *fields]].reindex(columns=list(PRICES))
    types = dict.fromkeys(NUMBERS, "float64") | {"date": "datetime64[us]"}
    return wanted.astype(types).sort_values(["ticker", "date"], ignore_index=True)


def same(found, table, fields):
    found = found[found["close"].notna()].reset_index(drop=True)  # what the quality rules drop
    found = found.assign(date=found["date"].dt.normalize())
    pd.testing.assert_frame_equal(found, expected(table, fields), rtol=1e-12)


def check(form, tmp_path, caplog):
    path = tmp_path / form.name
    path.write_bytes(form.make())
    if form.table is None:
        with pytest.raises(InputError) as caught:
            read_bars(path, form.tickers)
        message = str(caught.value)
        assert form.says in message
        assert "\n" not in message
        assert message.startswith("expected ") or form.name in message
        return
    with caplog.at_level(logging.INFO):
        found = read_bars(path, form.tickers)
    same(found, form.table, form.fields)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(form.name)
    assert form.says in line


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_loads_to_the_table_or_is_refused(name, tmp_path, caplog):
    check(FORMATS[name], tmp_path, caplog)


@pytest.mark.parametrize("name", EXCEL)
def test_a_workbook_loads_to_the_table(name, tmp_path, caplog):
    pytest.importorskip("openpyxl")
    check(EXCEL[name], tmp_path, caplog)


def test_the_gallery_is_large():
    assert len(FORMATS) + len(EXCEL) >= 40
    assert len({form.make() for name, form in FORMATS.items() if name != "zip"}) > 40


@pytest.mark.parametrize("ticker_first", [False, True])
def test_a_frame_of_yfinance_is_read(ticker_first):
    same(read_bars(frame_of_levels(ticker_first=ticker_first)), BOTH, BARS)


@pytest.mark.parametrize(
    "frame",
    [
        BOTH, BOTH.astype({"ticker": "category"}), BOTH.set_index(["date", "ticker"]), BOTH.set_index("date"),
        BOTH.set_index("date").tz_localize("America/New_York", level=0), BOTH.assign(date=BOTH["date"].astype(str)),
        BOTH.rename(columns=str.title), BOTH.sample(frac=1, random_state=0),
        frame_of_levels().stack("Ticker", future_stack=True).reset_index(),
        frame_of_levels().stack("Ticker", future_stack=True), BOTH.convert_dtypes(),
        BOTH.convert_dtypes(dtype_backend="pyarrow"),
    ],
)  # fmt: skip
def test_a_long_frame_is_read(frame):
    before = frame.copy(deep=True)
    same(read_bars(frame), BOTH, BARS)
    pd.testing.assert_frame_equal(frame, before)


def test_a_frame_of_one_ticker_wants_its_name():
    frame = AAPL.drop(columns="ticker").set_index("date")
    same(read_bars(frame, ["aapl"]), AAPL, BARS)
    with pytest.raises(InputError, match=r"one ticker to read it as, got neither.* tickers=\['AAPL'\]"):
        read_bars(frame)
    with pytest.raises(InputError, match="expected a path or a pandas DataFrame, got dict: convert it"):
        read_bars({"date": []})


def test_a_frame_of_closes_is_wide():
    frame = BOTH.pivot(index="date", columns="ticker", values="close")
    same(read_bars(frame), BOTH, CLOSES)
    same(read_bars(frame, ["MSFT"]), MSFT, CLOSES)


def test_a_wide_table_has_rows_only_where_a_ticker_has_a_close():
    frame = BOTH.pivot(index="date", columns="ticker", values="close")
    frame.loc[frame.index[:2], "MSFT"] = float("nan")
    found = read_bars(frame)
    assert found["ticker"].value_counts().to_dict() == {"AAPL": 6, "MSFT": 4}


def test_a_folder_of_formats_is_one_table(tmp_path, caplog):
    for name in ("european", "gzip"):
        (tmp_path / FORMATS[name].name).write_bytes(FORMATS[name].make())
        (tmp_path / FORMATS[name].name.replace("AAPL", f"{name[:4].upper()}")).write_bytes(FORMATS[name].make())
    with caplog.at_level(logging.INFO):
        found = read_bars(tmp_path, ["EURO", "GZIP"])
    same(found, pd.concat([AAPL.assign(ticker=name) for name in ("EURO", "GZIP")]), BARS)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "EURO.csv: semicolon, dates day-first, decimal comma; 6 bars of EURO",
        "GZIP.csv.gz: gzip, comma; 6 bars of GZIP",
    ]


def test_files_of_one_form_are_told_together(tmp_path, caplog):
    for name in ("A", "B", "C"):
        (tmp_path / f"{name}.csv").write_text(rows())
    with caplog.at_level(logging.INFO):
        read_bars(tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        "3 files such as A.csv: comma; 18 bars of A, B, C"
    ]


def test_tickers_of_a_wide_file_are_known_by_its_header(tmp_path):
    (tmp_path / "prices.csv").write_bytes(FORMATS["wide"].make())
    same(read_bars(tmp_path / "prices.csv", ["MSFT"]), MSFT, CLOSES)
    with pytest.raises(InputError, match="got IBM: choose from AAPL, MSFT"):
        read_bars(tmp_path / "prices.csv", ["IBM"])


def test_the_docs_show_files_that_are_read(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "your-data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    for block in blocks[1:]:  # the first one is of the console
        path = tmp_path / "AAPL.csv"
        path.write_text(block, encoding="utf-8")
        found = read_bars(path)
        assert found["close"].notna().all(), block
        assert len(found) >= (1 if block.startswith("Price") else 2), block
    assert len(blocks) > 15


@pytest.mark.parametrize("asked", [["LOW"], ["AAPL", "LOW"]])
def test_a_name_of_two_meanings_is_the_ticker_that_is_asked_for(asked, tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(beside("LOW", "VOLUME"))
    same(read_bars(path, asked), pd.concat([AAPL.assign(ticker=name) for name in asked]), CLOSES)
    frame = AAPL.set_index("date")[["close", "open", "volume"]].set_axis(["AAPL", "LOW", "RETURN"], axis=1)
    assert set(read_bars(frame, asked)["ticker"]) == set(asked)
    with pytest.raises(InputError, match="got LOW, which is a ticker or the low of AAPL"):
        read_bars(frame)


def test_a_frame_with_an_empty_column_without_a_name_is_wide(tmp_path):
    path = tmp_path / "rates.csv"
    path.write_bytes(FORMATS["ecb"].make())
    same(read_bars(pd.read_csv(path)), BOTH, CLOSES)


def of_one(table):
    return table.drop(columns="ticker").rename(columns=str.title)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table, lambda table: table.set_index("Date"),
        lambda table: table.set_index("Date").rename_axis(None),
        lambda table: table.assign(Date=table["Date"].astype(str)).set_index("Date").rename_axis(None),
    ],
)  # fmt: skip
def test_frames_that_are_put_together_by_ticker_are_read(change):
    frames = {"AAPL": change(of_one(AAPL)), "MSFT": change(of_one(MSFT))}
    same(read_bars(pd.concat(frames)), BOTH, BARS)
    same(read_bars(pd.concat(frames, names=["Ticker"])), BOTH, BARS)
    if frames["AAPL"].index.name or "Date" in frames["AAPL"]:
        same(read_bars(pd.concat(frames).reset_index(level=1)), BOTH, BARS)


@pytest.mark.parametrize("name", ["Close", "close", "Adj Close", None])
def test_a_series_of_closes_is_of_the_ticker_asked_for(name):
    series = AAPL.set_index("date")["close"].rename(name)
    same(read_bars(series, ["AAPL"]), AAPL, CLOSES)
    same(read_bars(series, unnamed="AAPL"), AAPL, CLOSES)
    with pytest.raises(InputError, match="one ticker to read it as, got neither"):
        read_bars(series)


def test_a_series_may_be_named_after_its_ticker_or_have_tickers_in_its_index():
    series = AAPL.set_index("date")["close"]
    for name in ("AAPL", "aapl", ("Close", "AAPL")):
        same(read_bars(series.rename(name)), AAPL, CLOSES)
    same(read_bars(BOTH.set_index(["date", "ticker"])["close"]), BOTH, CLOSES)
    for name in ("Volume", "log returns", 0):
        with pytest.raises(InputError, match="expected a series of closes, named after its ticker or Close, got"):
            read_bars(series.rename(name))
