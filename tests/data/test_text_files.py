"""The structure of texts: lines above the header, what parts the columns, comments, names."""

import logging

import pandas as pd
import pytest

from pricecast.data import sources
from pricecast.data.reading import read_bars
from pricecast.data.sources import Request
from pricecast.errors import InputError

HEADER = "date,open,high,low,close,volume,ticker\n"
ROWS = "2024-06-03,10,11,9.5,10.5,100,AAPL\n2024-06-04,10.5,11,10,10.25,200,AAPL\n"
CLOSES = [10.5, 10.25]


def load(folder, text, name="bars.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return sources.load(Request("csv", (), None, None, str(path), pd.Timestamp("2024-07-01"), 0))


def refused(folder, text):
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return str(caught.value)


@pytest.mark.parametrize(
    "above",
    [
        "sep=,\n", "SEP=,\r\n", '"sep=,"\n', "sep=,,,,,,,\n", "\n\n", "  \n", ",,,,,,\n", "# daily bars\n",
        "#\n#a,b\n\n", "sep=,\n\n# of AAPL\n", "# date,open\n", "# caf\u00e9\n",
    ],
)  # fmt: skip
def test_what_stands_above_the_header_is_skipped(tmp_path, above):
    for start in (b"", b"\xef\xbb\xbf"):
        raw = load(tmp_path, start + (above + HEADER + ROWS).encode())
        assert raw["close"].tolist() == CLOSES
        assert set(raw["ticker"]) == {"AAPL"}


@pytest.mark.parametrize("mark", [";", "\t", "|", "^"])
def test_columns_may_be_parted_by_something_else_than_commas(tmp_path, mark):
    declared = "sep=^\n" if mark == "^" else ""
    assert load(tmp_path, declared + (HEADER + ROWS).replace(",", mark))["close"].tolist() == CLOSES


def test_a_spreadsheet_of_a_country_with_a_decimal_comma_loads(tmp_path):
    text = "sep=;\nDate;Open;High;Low;Close;Volume\n31.05.2024;1.010,5;1.100;999,5;1.050,25;1.234.567\n"
    raw = load(tmp_path, text, "SAP.DE.csv")
    assert raw.iloc[0, 2:6].tolist() == [1010.5, 1100.0, 999.5, 1050.25]
    assert raw["volume"].tolist() == [1234567]
    assert raw["date"].tolist() == [pd.Timestamp("2024-05-31")]


def test_points_before_three_digits_are_open_where_semicolons_part_the_columns(tmp_path):
    header, row = "date;open;high;low;close\n", "2024-06-03;1.010;1.100;1.005;1.050\n"
    assert "which is 1.01 or 1010" in refused(tmp_path, header + row)
    assert load(tmp_path, header + row + "2024-06-04;1;1.5;1;1.2\n", "A.csv")["close"].tolist() == [1.05, 1.2]
    assert load(tmp_path, (header + row).replace(";", ","), "A.csv")["close"].tolist() == [1.05]


def test_comments_and_blank_rows_among_the_bars_are_no_bars(tmp_path):
    first, second = ROWS.splitlines(keepends=True)
    text = HEADER + first + "# a holiday, and then\n   \n,,,,,,\n,,\n" + second + "#end\n"
    assert load(tmp_path, text)["close"].tolist() == CLOSES


def test_a_row_is_never_taken_for_a_comment(tmp_path):
    assert "got '#N/A' in row 3" in refused(tmp_path, HEADER + ROWS + "#N/A,1,1,1,1,1,AAPL\n")
    assert "Expected 7 columns, got 2" in refused(tmp_path, HEADER + ROWS + "#N/A,1\n")


def test_a_quote_that_is_not_closed_hides_no_row(tmp_path):
    text = HEADER + ROWS + 'x,"note\n2024-06-05,1,1,1,1,1,AAPL\n' + ROWS
    assert "Expected 7 columns" in refused(tmp_path, text)


def test_a_header_behind_a_comment_sign_is_one(tmp_path):
    assert load(tmp_path, "# " + HEADER + ROWS)["close"].tolist() == CLOSES
    assert load(tmp_path, "# made by hand\n#" + HEADER + ROWS)["close"].tolist() == CLOSES


@pytest.mark.parametrize("ticker", ["DATE", "date", "TICKER", "CLOSE", "OPEN", "NAN", "NA", "NULL", "TRUE", "SEP"])
@pytest.mark.parametrize("order", ["first", "last"])
def test_a_ticker_may_be_called_as_a_column_or_a_missing_value(tmp_path, ticker, order):
    cells = [line.split(",") for line in (HEADER + ROWS.replace("AAPL", ticker)).splitlines()]
    if order == "first":
        cells = [[row[-1], *row[:-1]] for row in cells]
    raw = load(tmp_path, "\n".join(map(",".join, cells)))
    assert set(raw["ticker"]) == {ticker.upper()}
    assert raw["close"].tolist() == CLOSES


@pytest.mark.parametrize(
    "text",
    [
        "Price,Close,High,Low,Open,Volume\nTicker,DATE,DATE,DATE,DATE,DATE\nDate,,,,,\n2024-06-03,1,1,1,1,1\n",
        "Ticker,0700.HK,0700.HK,0700.HK,0700.HK\nDate,Open,High,Low,Close\n2024-06-03,1,1,1,1\n",
        ",Close,High,Low,Open\nTicker,AAPL,AAPL,AAPL,AAPL\nDate,,,,\n2024-06-03,1,1,1,1\n",
        "Price;Close;High;Low;Open\nTicker;AAPL;AAPL;AAPL;AAPL\nDate;;;;\n2024-06-03;1;1;1;1\n",
    ],
)
def test_the_lines_of_names_that_yfinance_writes_are_one_header(tmp_path, text):
    raw = load(tmp_path, text)
    assert raw["ticker"].tolist() == [next(name for name in ("DATE", "0700.HK", "AAPL") if name in text)]
    assert raw[["open", "high", "low", "close"]].to_numpy().tolist() == [[1, 1, 1, 1]]


def test_a_missing_column_is_no_second_header(tmp_path):
    text = "ticker,date,open,high,low\nDATE,2024-06-03,1,1,1\n"
    assert "missing: close" in refused(tmp_path, text)


def test_bytes_of_another_encoding_matter_only_where_they_are_read(tmp_path):
    text = "date,open,high,low,close,company\n2024-06-03,10,11,9,10.5,Soci\u00e9t\u00e9\n"
    assert load(tmp_path, text.encode("latin-1"), "A.csv")["close"].tolist() == [10.5]
    assert "save it as UTF-8" in refused(tmp_path, (HEADER + ROWS.replace("AAPL", "SOCI\u00c9")).encode("latin-1"))


@pytest.mark.parametrize("line", ["# 2024-06-05,1,1,1,1,1,AAPL", "#a,b,c,d,e,f,g", "#,,,,,,", '# a "quote, b', "#"])
def test_a_comment_below_the_header_is_no_row(tmp_path, line):
    first, second = ROWS.splitlines(keepends=True)
    for end in ("\n", "\r\n"):
        for text in (HEADER + line + "\n" + ROWS, HEADER + first + line + "\n" + second, HEADER + ROWS + line):
            assert load(tmp_path, text.replace("\n", end))["close"].tolist() == CLOSES


def test_a_comment_sign_within_a_quoted_cell_is_none(tmp_path):
    text = (
        (HEADER + ROWS)
        .replace("volume", "note,volume")
        .replace(",100", ',"of\n# that day\n#",100')
        .replace(",200", ",,200")
    )
    assert load(tmp_path, text)["close"].tolist() == CLOSES


@pytest.mark.parametrize(
    "above",
    [
        "Apple Inc. prices\n", "Symbol,AAPL\n", "% daily bars, of AAPL\n", "https://example.org/q?s=aapl&i=d\n",
        "Apple Inc.\nSource: a, b, c, and d\n\n", "Symbol,AAPL,,,,,\n", '"Prices, in USD"\n,,,,,,\n',
        "// made by hand\n",
        "Ticker: AAPL\nCurrency: USD\n# adjusted\n", "Soci\u00e9t\u00e9\n", "AAPL;daily;USD\n", "a,b,c,d,e,f,g\n",
    ],
)  # fmt: skip
def test_titles_above_the_header_are_skipped(tmp_path, above):
    for mark in (",", ";"):
        assert load(tmp_path, above + (HEADER + ROWS).replace(",", mark))["close"].tolist() == CLOSES
    assert load(tmp_path, (above + HEADER + ROWS).encode("latin-1"))["close"].tolist() == CLOSES


def test_a_title_above_an_incomplete_header_is_no_table_of_yfinance(tmp_path):
    for text in (
        "Apple Inc. prices\ndate,open,high,low\n2024-06-03,1,1,1\n",
        "Symbol,AAPL\nDate,Open\n2024-06-03,1\n",
    ):
        says = refused(tmp_path, text)
        assert "missing: " in says
        assert "yfinance" not in says


@pytest.mark.parametrize(
    ("names", "volumes"),
    [
        (["Volume BTC"], None), (["volume_usd"], None), (["Volume (shares)"], [100, 200]),
        (["Volume USDT", "Volume"], [7, 7]), (["Volume BTC", "Volume USDT"], None), (["trades"], None),
    ],
)  # fmt: skip
def test_a_volume_of_another_name_is_taken_if_it_is_the_only_one(tmp_path, caplog, names, volumes):
    text = HEADER.replace("volume", names[0]) + ROWS
    if len(names) > 1:
        text = text.replace("ticker", names[1] + ",ticker").replace(",AAPL", ",7,AAPL")
    with caplog.at_level(logging.INFO):
        found = load(tmp_path, text)["volume"]
    assert found.tolist() == volumes if volumes else found.isna().all()
    both = names == ["Volume BTC", "Volume USDT"]
    assert ("no volume, as it may be Volume BTC or Volume USDT: rename one to volume" in caplog.text) == both


def test_what_follows_a_carriage_return_is_no_footer(tmp_path):
    rows = b"Date,Open,High,Low,Close\n2024-03-01,1,6,1,9\n"
    for last in (b"\r2024-03-04,1,6,1,9", b"\r\0", b"\rthe end"):
        (tmp_path / "AAA.csv").write_bytes(rows + last)
        try:
            assert len(read_bars(tmp_path / "AAA.csv")) == 2
        except InputError:
            continue
