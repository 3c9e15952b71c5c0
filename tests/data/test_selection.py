"""Tickers that were asked for are all that counts: other files, rows and cells are nobody's business."""

import logging

import pandas as pd
import pytest

from pricecast.data import sources
from pricecast.data.sources import Request
from pricecast.errors import InputError

HEADER = "date,open,high,low,close,volume\n"
BARS = "2024-06-03,10,11,9.5,10.5,100\n2024-06-04,10.5,11,10,10.25,200\n"
CLOSES = [10.5, 10.25]
MANY = "ticker," + HEADER


def of(ticker, bars=BARS):
    return "".join(f"{ticker},{line}\n" for line in bars.splitlines())


def load(path, *tickers):
    return sources.load(Request("csv", tickers, None, None, str(path), pd.Timestamp("2024-07-01"), 0))


def refused(path, *tickers):
    with pytest.raises(InputError) as caught:
        load(path, *tickers)
    return str(caught.value)


def folder(tmp_path, **files):
    for name, content in files.items():
        path = tmp_path / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


NEIGHBOURS = {
    "an empty file": ("empty.us.txt", b""),
    "blank lines": ("blank.csv", b"\n\n"),
    "a comment alone": ("note.csv", b"# nothing yet\n"),
    "a text": ("README.txt", b"Bars of two stocks, by day.\n"),
    "a text with commas": (
        "README.txt",
        b"Bars, by day, of AAPL, of IBM, and of others\nask, us, for, more, now\n",
    ),
    "an answer of a service": (
        "IBM_error.csv",
        b'{"code": 429, "message": "too many, slow down", "a": 1, "b": 2, "c": 3}',
    ),
    "a table of companies": (
        "screener.csv",
        b"Symbol,Name,Last Sale,Country,Volume,Sector\nAAPL,Apple,$1.2,US,5,Tech\n",
    ),
    "a page of HTML": ("wrong.csv", b"<html><head>\n<title>a, b, c, d, e, f</title>\n</head></html>\n"),
    "an odd name": ("AAPL (1).csv", (HEADER + BARS).encode()),
    "a shadow of macOS": ("._AAPL.csv", b"\0\5\x16\7\0\2\0\0Mac OS X"),
    "a workbook": ("book.csv", b"PK\3\4\x14\0\6\0" * 99),
    "half a parquet file": ("cut.parquet", b"PAR1 and no more"),
    "half of UTF-16": ("wide.csv", (HEADER + BARS).encode("utf-16")[:-1]),
    "a missing column": ("IBM.csv", b"date,open,high,low,volume\n2024-06-03,1,1,1,1\n"),
}
SOUND = {
    "a header alone": ("MSFT.csv", HEADER.encode()),
    "a broken number": ("IBM.csv", (HEADER + "2024-06-03,ten,1,1,1,1\n").encode()),
    "a broken date": ("IBM.csv", (HEADER + "soon,1,1,1,1,1\n").encode()),
    "a cut row": ("IBM.csv", (HEADER + BARS + "2024-06-05,1\n").encode()),
    "many tickers, none of them asked for": ("all.csv", (MANY + of("IBM") + of("BAD TICKER!")).encode()),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_file_without_use_is_left_out_and_told_where_tickers_are_named(tmp_path, caplog, name):
    file, content = NEIGHBOURS[name]
    (tmp_path / file).write_bytes(content)
    raw = load(folder(tmp_path, AAPL__csv=HEADER + BARS), "aapl")
    assert raw["close"].tolist() == CLOSES
    (line,) = told(caplog)
    assert line.startswith("left out: ")
    assert file in line
    assert "\n" not in line


@pytest.mark.parametrize("name", SOUND)
def test_what_is_wrong_in_files_of_other_tickers_is_not_even_looked_at(tmp_path, caplog, name):
    file, content = SOUND[name]
    (tmp_path / file).write_bytes(content)
    assert load(folder(tmp_path, AAPL__csv=HEADER + BARS), "AAPL")["close"].tolist() == CLOSES
    assert told(caplog) == []


@pytest.mark.parametrize(
    ("file", "ticker"),
    [("EMPTY.US.txt", "EMPTY.US"), ("empty.us.txt", "empty.us"), ("MSFT.csv", "MSFT"), ("book.csv", "BOOK")],
)
def test_a_file_that_was_asked_for_has_to_have_bars(tmp_path, file, ticker):
    (tmp_path / file).write_bytes(b"PK\0" if file == "book.csv" else b"")
    assert file in refused(folder(tmp_path, AAPL__csv=HEADER + BARS), "AAPL", ticker)
    assert file in refused(tmp_path / file, ticker)
    assert file in refused(tmp_path / file)


def test_a_ticker_that_is_nowhere_is_named_with_those_that_are_there(tmp_path):
    folder(tmp_path, AAPL__csv=HEADER + BARS, all__csv=MANY + of("IBM") + of("???"))
    assert "got TSLA: choose from AAPL, IBM" in refused(tmp_path, "AAPL", "TSLA")
    assert "got TSLA: choose from IBM" in refused(tmp_path / "all.csv", "TSLA")
    assert "got TSLA: choose from AAPL" in refused(tmp_path / "AAPL.csv", "TSLA")


@pytest.mark.parametrize("name", ["an empty file", "blank lines", "a header alone", "a comment alone", "a text",
                                  "a text with commas", "an answer of a service", "a table of companies",
                                  "a page of HTML", "a shadow of macOS"])  # fmt: skip
def test_without_tickers_a_file_without_bars_is_left_out_and_told(tmp_path, caplog, name):
    file, content = (NEIGHBOURS | SOUND)[name]
    (tmp_path / file).write_bytes(content)
    raw = load(folder(tmp_path, AAPL__csv=HEADER + BARS))
    assert set(raw["ticker"]) == {"AAPL"}
    assert [file in line for line in told(caplog)] == [True]


@pytest.mark.parametrize(
    "name", ["an odd name", "a workbook", "half a parquet file", "half of UTF-16", "a missing column"]
)
def test_without_tickers_a_broken_file_of_bars_is_never_left_out(tmp_path, name):
    file, content = NEIGHBOURS[name]
    (tmp_path / file).write_bytes(content)
    assert file in refused(folder(tmp_path, AAPL__csv=HEADER + BARS))


@pytest.mark.parametrize("name", [name for name in SOUND if name != "a header alone"])
def test_without_tickers_every_row_counts(tmp_path, name):
    file, content = SOUND[name]
    (tmp_path / file).write_bytes(content)
    assert file in refused(folder(tmp_path, AAPL__csv=HEADER + BARS))


def test_a_folder_of_nothing_but_files_without_bars_is_refused(tmp_path):
    folder(tmp_path, README__txt="nothing here\n", empty__csv="")
    assert "README.txt" in refused(tmp_path)
    assert "README.txt" in refused(tmp_path, "AAPL")


def test_a_file_that_may_hold_what_was_asked_for_is_not_left_out(tmp_path):
    # Of a year each, with tickers in a column: who asks for AAPL would lose a year of it.
    folder(tmp_path, bars_2023__parquet=b"PAR1 and no more", bars_2024__csv=MANY + of("AAPL"))
    assert "bars_2023.parquet" in refused(tmp_path, "AAPL")


@pytest.mark.parametrize(
    "other",
    [
        of("BAD TICKER!"), of("\u0410APL"), of("IBM", "soon,1,1,1,1,1\n"), of("IBM", "2024-06-03,ten,1,1,1,1\n"),
        of("IBM", "2024-06-03,,,,,\n"), of("IBM", "2024-06-03,1\n"), of("IBM", "2024-06-03,1,1,1,1,1,1,1\n"),
        of("IBM", "2024-06-03 09:30,1,1,1,1,1\n2024-06-03 09:31,1,1,1,1,1\n"), of("IBM", "03/04/24,$1,5%,1,1,1\n"),
        of("IBM", "2024-06-03,1.234.567,1,1,1,1\n2024-06-03,1 2,1,1,1,1\n"), of("=1+1"), of("A" * 99),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_what_is_wrong_in_rows_of_other_tickers_is_no_error(tmp_path, other, first):
    rows = of("AAPL") + other if first else other + of("AAPL")
    path = folder(tmp_path, all__csv=MANY + rows) / "all.csv"
    assert load(path, "AAPL")["close"].tolist() == CLOSES
    if ",,,,," not in other:  # its other rows would do for a file
        assert "all.csv" in refused(path)


def test_bytes_of_another_encoding_in_rows_of_other_tickers_are_no_error(tmp_path):
    rows = (MANY + of("AAPL") + of("SOCI\u00c9T\u00c9") + of("CAF\u00c9", "2024-06-03,1\n")).encode("latin-1")
    path = folder(tmp_path, all__csv=rows) / "all.csv"
    assert load(path, "AAPL")["close"].tolist() == CLOSES
    assert "UTF-8" in refused(path)


@pytest.mark.parametrize(
    "row",
    [
        "AAPL,soon,1,1,1,1,1\n", "AAPL,2024-06-05,ten,1,1,1,1\n", "AAPL,2024-06-05,1\n", "aapl,2024-06-05,1,1\n",
        "X,AAPL,2024-06-05,1,1,1,1,1\n", ",2024-06-05,1\n", " ,2024-06-05,1\n",
        "2024-06-05\n", 'IBM,"2024-06-05,1\nAAPL,2024-06-05,1,1,1,1,1\n',
    ],
)  # fmt: skip
def test_a_row_that_is_or_may_be_of_the_ticker_asked_for_counts(tmp_path, row):
    path = folder(tmp_path, all__csv=MANY + of("AAPL") + of("IBM") + row) / "all.csv"
    assert "all.csv" in refused(path, "AAPL")


def test_a_number_of_the_row_keeps_its_place_in_the_file(tmp_path):
    path = folder(tmp_path, all__csv=MANY + of("IBM") + of("AAPL") + "AAPL,2024-06-05,1,1,1,x,1\n") / "all.csv"
    assert "got 'x' in row 5" in refused(path, "AAPL")


def test_other_tickers_settle_the_format_of_those_asked_for(tmp_path):
    text = "date;ticker;open;high;low;close\n"
    text += "03/04/2024;AAPL;1,234;1,250;1,200;1,240\n13/04/2024;IBM;12,5;12,5;12,5;12,5\n"
    path = folder(tmp_path, all__csv=text) / "all.csv"
    raw = load(path, "AAPL")
    assert raw["close"].tolist() == [1.24]
    assert raw["date"].tolist() == [pd.Timestamp("2024-04-03")]


def test_parquet_files_are_selected_alike(tmp_path):
    frame = pd.DataFrame({"ticker": ["AAPL", "BAD TICKER!", "IBM"], "date": ["2024-06-03", "soon", "2024-06-03"]})
    frame = frame.assign(**{name: ["1.5", "ten", "2.5"] for name in ("open", "high", "low", "close")})
    frame.to_parquet(tmp_path / "all.parquet")
    assert load(tmp_path, "IBM")["close"].tolist() == [2.5]
    assert load(tmp_path, "IBM", "AAPL")["close"].tolist() == [2.5, 1.5]
    assert "all.parquet" in refused(tmp_path)


@pytest.mark.parametrize("empty", ["", " ", '""'])
def test_rows_without_a_ticker_are_counted_and_left_out_where_tickers_are_named(tmp_path, caplog, empty):
    rows = of(empty, "2024-06-03,1,1,1,1,1\nsoon,ten,1,1,1,1\n")
    path = folder(tmp_path, all__csv=MANY + rows + of("AAPL")) / "all.csv"
    assert load(path, "AAPL")["close"].tolist() == CLOSES
    assert told(caplog) == [f"left out: rows without a ticker in {path}, 2 of them"]
    assert "expected a ticker in every row" in refused(path)


def test_parquet_rows_without_a_ticker_are_left_out_alike(tmp_path):
    frame = pd.DataFrame({"ticker": ["AAPL", None], "date": ["2024-06-03", "2024-06-03"]})
    frame = frame.assign(**dict.fromkeys(("open", "high", "low", "close"), 1.5))
    frame.to_parquet(tmp_path / "all.parquet")
    assert load(tmp_path / "all.parquet", "AAPL")["close"].tolist() == [1.5]


@pytest.mark.parametrize(("per", "refusal"), [
    ("12.5", ""), ("27", ""), ("n/a", ""), ("-3.1", ""), ("", ""), ("D", ""), ("d", ""), ("1d", ""), ("daily", ""),
    ("1440", ""), ("60", "60"), ("W", "W"), ("1wk", "1WK"), ("M", "M"), ("1mo", "1MO"), ("5min", "5MIN"),
    ("H1", "H1"), ("Monthly", "MONTHLY"),
])  # fmt: skip
def test_a_column_per_is_a_period_only_where_it_has_codes_of_periods(tmp_path, per, refusal):
    text = "per," + HEADER + of(per)
    path = folder(tmp_path, AAPL__csv=text) / "AAPL.csv"
    if refusal:
        assert f"got the period {refusal}:" in refused(path)
    else:
        assert load(path)["close"].tolist() == CLOSES
