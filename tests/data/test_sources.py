import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricecast import files
from pricecast.data import sources
from pricecast.data.ingest import download
from pricecast.data.quality import clean
from pricecast.data.sources import Request, synthetic
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE, PRICES

AS_OF = pd.Timestamp("2025-01-01")  # the last synthetic session is over


def request(source="csv", tickers=(), start=None, end=None, path="", seed=0):
    dates = [None if text is None else pd.Timestamp(text) for text in (start, end)]
    return Request(source, tuple(tickers), dates[0], dates[1], str(path), AS_OF, seed)


def refused(bad_request):
    with pytest.raises(InputError) as caught:
        sources.load(bad_request)
    message = str(caught.value)
    assert "\n" not in message
    return message


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def load_text(folder, text, name="AAPL.csv"):
    return sources.load(request(path=write(folder, name, text)))


# --- the registry ---------------------------------------------------------------------------------------


def test_sources_are_found_by_their_files():
    ours = {"csv": False, "sample": False, "synthetic": False, "yahoo": True}
    assert ours.items() <= {name: sources.is_live(name) for name in sources.names()}.items()
    assert sources.names() == sorted(sources.names())


def test_a_local_source_does_not_import_yfinance():
    code = (
        "import sys, pandas as pd; from pricecast.data import sources; "
        "sources.load(sources.Request('sample', (), None, None, '', pd.Timestamp('2024-12-31'), 0)); "
        "sys.exit('yfinance' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_an_unknown_source_is_named_with_the_known_ones():
    assert f"{', '.join(sources.names())}, got 'ftp'" in refused(request("ftp"))
    assert "got '_x'" in refused(request("_x"))


def test_the_sample_is_a_clean_table_of_five_tickers():
    raw = sources.load(request("sample", ["AAPL", "FB", "GOOG", "IBM", "MSFT"]))
    assert list(raw.columns) == list(PRICES)
    assert raw["date"].dtype == DATE_DTYPE
    assert sorted(raw["ticker"].unique()) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    prices, report = clean(raw, as_of=AS_OF, strict=False, allow_splits=False)
    assert len(prices) == len(raw)
    assert {finding["kind"] for finding in report["findings"]} <= {"split", "jump", "stale", "distribution"}


def test_tickers_and_dates_select_in_the_order_asked_for():
    raw = sources.load(request("sample", ["msft", "AAPL", "MSFT"], "2010-01-04", "2010-01-08"))
    assert list(raw["ticker"].unique()) == ["MSFT", "AAPL"]
    assert len(raw) == 10
    assert raw["date"].min() == pd.Timestamp("2010-01-04")
    assert raw["date"].max() == pd.Timestamp("2010-01-08")


def test_what_the_source_does_not_hold_is_an_error():
    assert "got TSLA: choose from AAPL, FB, GOOG, IBM, MSFT" in refused(request("sample", ["AAPL", "TSLA"]))
    assert "holds 2000-03-01 to" in refused(request("sample", ["AAPL"], "1980-01-01", "1980-12-31"))
    # FB was listed in 2012; asking for it alone or beside others must not lose it in silence.
    assert "bars of FB from" in refused(request("sample", ["AAPL", "FB"], "2005-01-01", "2005-12-31"))
    assert list(sources.load(request("sample"))["ticker"].unique()) == ["AAPL"]
    assert "swap them" in refused(request("sample", ["AAPL"], "2011-01-01", "2010-01-01"))
    assert "expected a ticker such as" in refused(request("sample", ["not a ticker"]))


# --- csv: formats -----------------------------------------------------------------------------------------

YAHOO = (
    "Date,Open,High,Low,Close,Adj Close,Volume\n"
    "2020-01-02,74.06,75.15,73.80,75.09,73.06,135480400\n"
    "2020-01-03,null,null,null,null,null,null\n"
    "2020-01-06,73.45,74.99,73.19,74.95,72.92,118387200\n"
)
STOOQ = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "AAPL.US,D,20200102,000000,74.06,75.15,73.80,75.09,135480400,0\n"
    "AAPL.US,D,20200103,000000,74.29,75.14,74.13,74.36,146322800,0\n"
)
PLAIN = "Date,Open,High,Low,Close,Volume\n2020-01-02,74.06,75.15,73.80,75.09,135480400\n"
WIKI = (
    "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,"
    "Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume\n"
    "2014-06-09,92.7,93.88,91.75,93.7,75414997,0,7,87.6,88.7,86.7,88.5,75414997\n"
    "2014-06-06,649.9,651.26,644.47,645.57,12497800,0,1,87.7,87.9,87.0,87.1,87484600\n"
)


def test_yahoo_download(tmp_path):
    raw = load_text(tmp_path, YAHOO)
    assert list(raw["ticker"].unique()) == ["AAPL"]
    assert raw.loc[0, list(PRICES[2:])].tolist() == [74.06, 75.15, 73.80, 75.09, 73.06, 135480400]
    assert raw.loc[1, list(PRICES[2:])].isna().all()
    assert raw["date"].dtype == DATE_DTYPE


def test_stooq_bulk_and_plain_files(tmp_path):
    raw = load_text(tmp_path, STOOQ, "whatever.txt")
    assert list(raw["ticker"]) == ["AAPL.US"] * 2
    assert raw.loc[1, "date"] == pd.Timestamp("2020-01-03")
    assert raw.loc[1, "volume"] == 146322800
    assert raw["adj_close"].isna().all()
    assert list(load_text(tmp_path, PLAIN, "aapl.us.txt")["ticker"]) == ["AAPL.US"]
    assert list(load_text(tmp_path, PLAIN, "abr_d.us.txt")["ticker"]) == ["ABR_D.US"]


def test_quandl_wiki_takes_the_raw_columns(tmp_path):
    raw = load_text(tmp_path, WIKI)
    assert raw.loc[0, list(PRICES[2:])].tolist() == [92.7, 93.88, 91.75, 93.7, 88.5, 75414997]


def test_the_table_of_quandl_wiki_and_indian_files_keep_their_tickers(tmp_path):
    text = "ticker,date,open,high,low,close,volume\n" + "".join(
        f"{ticker},2020-01-02,1,2,1,2,5\n" for ticker in ("AAPL", "BRK_B", "M&M.NS", "NIFTY_FIN_SERVICE.NS")
    )
    path = write(tmp_path, "WIKI_PRICES.csv", text)
    assert list(sources.load(request(path=path))["ticker"]) == ["AAPL", "BRK_B", "M&M.NS", "NIFTY_FIN_SERVICE.NS"]
    assert list(sources.load(request(tickers=["M&M.NS", "brk_b"], path=path))["ticker"]) == ["M&M.NS", "BRK_B"]


def test_our_own_parquet_table_with_odd_dtypes(tmp_path):
    frame = pd.concat([synthetic.fetch(request("synthetic", ["AA", "BB"]))], ignore_index=True)
    odd = frame.astype({"ticker": "category", "close": "float32", "volume": "int64"})
    path = files.write_parquet(odd, tmp_path / "prices.parquet")
    raw = sources.load(request(tickers=["BB"], path=path))
    assert set(raw["ticker"]) == {"BB"}
    assert raw["close"].dtype == "float64"
    np.testing.assert_allclose(raw["close"], frame.loc[frame["ticker"].eq("BB"), "close"], rtol=1e-6)


def test_a_date_index_of_a_parquet_file_is_a_column(tmp_path):
    frame = synthetic.fetch(request("synthetic", ["AA"])).drop(columns="ticker").set_index("date")
    frame.index = frame.index.tz_localize("America/New_York")
    frame.rename_axis("Date").to_parquet(tmp_path / "AA.parquet")
    raw = sources.load(request(path=tmp_path / "AA.parquet"))
    assert raw["date"].iloc[-1] == pd.Timestamp("2024-12-31")


def test_a_folder_of_files(tmp_path):
    write(tmp_path, "AAPL.csv", YAHOO)
    write(tmp_path, "msft.us.txt", PLAIN)
    write(tmp_path, "notes.md", "no prices")
    raw = sources.load(request(path=tmp_path))
    assert set(raw["ticker"]) == {"AAPL", "MSFT.US"}
    assert "got MSFT: did you mean MSFT.US? It has AAPL, MSFT.US" in refused(
        request(tickers=["MSFT"], path=tmp_path)
    )


def test_several_tickers_in_one_file(tmp_path):
    text = "symbol,date,open,high,low,close\n^gspc,2020-01-02,1,2,1,2\nEURUSD=x,2020-01-02,1,2,1,2\n"
    raw = load_text(tmp_path, text)
    assert list(raw["ticker"]) == ["^GSPC", "EURUSD=X"]
    assert raw["volume"].isna().all()  # indices and currencies have none


@pytest.mark.parametrize(
    "date",
    [
        "2020-01-02",
        "20200102",
        "2020-01-02 00:00:00",
        "2020-01-02 00:00:00-05:00",
        "2020-01-02T16:00:00.000Z",
    ],
)
def test_spellings_of_a_date(tmp_path, date):
    raw = load_text(tmp_path, f"Date,Open,High,Low,Close\n{date},1,2,1,2\n")
    assert raw.loc[0, "date"].normalize() == pd.Timestamp("2020-01-02")


def test_offsets_that_change_with_summer_time_keep_the_local_date(tmp_path):
    text = "Date,Open,High,Low,Close\n2020-03-06 00:00:00-05:00,1,2,1,2\n2020-03-09 00:00:00-04:00,1,2,1,2\n"
    assert list(load_text(tmp_path, text)["date"]) == [pd.Timestamp("2020-03-06"), pd.Timestamp("2020-03-09")]


def test_byte_order_mark_thousands_quotes_and_blank_cells(tmp_path):
    text = '"Date","Open","High","Low","Close","Volume"\r\n2020-01-02,"1,234.5",1300, 1200 ,N/A,"1,000,000"\r\n'
    text += "2020-01-03,1,2,1,2,\r\n"
    raw = sources.load(request(path=write(tmp_path, "A.csv", text, "utf-8-sig")))
    assert raw.loc[0, ["open", "high", "low", "volume"]].tolist() == [1234.5, 1300, 1200, 1_000_000]
    assert np.isnan(raw.loc[0, "close"])
    assert np.isnan(raw.loc[1, "volume"])


# --- csv: errors ------------------------------------------------------------------------------------------

HEADER = "Date,Open,High,Low,Close,Volume\n"
ROW = "2020-01-02,1,2,1,2,5\n"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "got nothing"),
        (HEADER, "header alone"),
        ("Date,High,Low,Close,Volume\n2020-01-02,2,1,2,5\n", "got Date, High, Low, Close, Volume, missing: open"),
        ("Date;Open;High;Low\n2020-01-02;1;2;1\n", "got Date, Open, High, Low, missing: close"),
        ("Date,Open,High,Low,Close,close\n2020-01-02,1,2,1,2,2\n", "one column close"),
        ("Date,Open,High,Low,Close\n2020-01-02,,2,1,2\n", "numbers in the column open"),
        (HEADER + ROW + "2020-01-03,1,2,1,abc,5\n", "column close of"),
        (HEADER + ROW + "2020-01-03,1,2,1,abc,5\n", "got 'abc' in row 2"),
        (HEADER + '2020-01-02,"1,2",2.5,1.5,2,5\n', "got '1,2' in row 1 of open beside '2.5' in row 1 of high"),
        (HEADER + ROW + "2020-01-03,1,2\n", "rows of 6 cells of UTF-8 text in"),
        (HEADER + ROW + "2020-01-03,1,2,1,2,5,6,7\n", "Expected 6 columns, got 8"),
        (HEADER + ROW.replace("2020-01-02", "01/02/2020"), "got '01/02/2020' in row 1"),
        (HEADER + ROW.replace("2020-01-02", "2020-02-31"), "got '2020-02-31'"),
        (HEADER + ROW.replace("2020-01-02", "1066-10-14"), "from 1800 to 2200"),
        (HEADER + ROW.replace("2020-01-02", "2201-01-01"), "from 1800 to 2200"),
        (HEADER + ROW.replace("2020-01-02", ""), "got '' in row 1"),
        (HEADER + ROW.replace("-02,", "-02 09:30,") + ROW.replace("-02,", "-02 09:31,"), "intraday"),
        (STOOQ.replace("20200103,000000", "20200102,160000"), "several for AAPL.US on 2020-01-02"),
        (STOOQ.replace(",D,", ",60,"), "got the period 60"),
        ("ticker," + HEADER + "not a ticker!," + ROW, "expected a ticker such as"),
        (b"PK\x03\x04\x00\x00binary", "sound gzip or zip file"),
        (b"\x1f\x8bbinary", "sound gzip or zip file"),
        (b"a\x00\x00\x00binary\n", "binary data"),
        (HEADER.encode() + b"2020-01-02,1,2,1,2,\xff\xfe\n", "UTF-8"),
        ((HEADER + ROW).encode("utf-16") + b"\x00", "sound UTF-16"),
        ("Datum,\xd6ffnung\n".encode("latin-1"), "save it as UTF-8"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_one_line(tmp_path, text, part):
    message = refused(request(path=write(tmp_path, "AAPL.csv", text)))
    assert part in message
    assert "AAPL.csv" in message


def test_paths_that_cannot_be_used(tmp_path):
    assert "got ''" in refused(request())
    assert "give --path" in refused(request(path=tmp_path / "none.csv"))
    assert "got none" in refused(request(path=tmp_path))
    assert "ending in .csv, .txt" in refused(request(path=write(tmp_path, "a.xls", b"PK")))
    assert "sound parquet" in refused(request(path=write(tmp_path, "a.parquet", b"PAR1 but damaged")))
    assert "name the file after its ticker" in refused(request(path=write(tmp_path, "AAPL (1).csv", HEADER + ROW)))


def test_a_row_without_a_ticker_is_refused(tmp_path):
    frame = pd.DataFrame({"date": ["2020-01-02"] * 2, "ticker": ["A", None]})
    frame = frame.assign(open=1.0, high=1.0, low=1.0, close=1.0)
    frame.to_parquet(tmp_path / "x.parquet")
    assert "row 2" in refused(request(path=tmp_path / "x.parquet"))


# --- synthetic --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(synthetic.KINDS))
def test_synthetic_series_are_sound_and_repeatable(kind):
    wanted = request("synthetic", ["AA", "BB"], path=kind, seed=3)
    raw = sources.load(wanted)
    assert len(raw) == 2 * synthetic.BARS
    assert raw["date"].max() == synthetic.LAST
    _, report = clean(raw, as_of=AS_OF, strict=True, allow_splits=False)
    assert report["findings"] == []
    assert (raw["volume"] % 1 == 0).all()
    pd.testing.assert_frame_equal(raw, sources.load(wanted))
    assert not raw["close"].equals(sources.load(replace(wanted, seed=4))["close"])
    # Another ticker beside it changes nothing.
    alone = sources.load(replace(wanted, tickers=("BB",)))
    pd.testing.assert_frame_equal(alone, raw[raw["ticker"].eq("BB")].reset_index(drop=True))


def test_synthetic_defaults_and_mistakes():
    raw = sources.load(request("synthetic", end="2020-06-28"))
    assert list(raw["ticker"].unique()) == ["SYN1"]
    assert raw["date"].max() == pd.Timestamp("2020-06-26")  # the Friday before
    assert "gbm, ewma, planted, got 'sine'" in refused(request("synthetic", path="sine"))
    assert "got -1" in refused(request("synthetic", seed=-1))


def test_synthetic_laws():
    n = 40_000
    returns = synthetic.gbm(synthetic.stream(0, "A"), n)
    assert returns.std() == pytest.approx(0.012, rel=0.02)
    returns = synthetic.planted(synthetic.stream(0, "A"), n)
    assert np.corrcoef(returns[1:], returns[:-1])[0, 1] == pytest.approx(synthetic.PHI, abs=0.02)
    returns = synthetic.ewma(synthetic.stream(0, "A"), n)
    variance, shocks = 0.015**2, np.empty(n)
    for day, value in enumerate(returns):
        shocks[day] = value / max(variance**0.5, synthetic.FLOOR)
        variance = 0.94 * variance + 0.06 * value**2
    assert shocks.std() == pytest.approx(1, rel=0.02)
    assert abs(np.corrcoef(shocks[1:] ** 2, shocks[:-1] ** 2)[0, 1]) < 0.02


def test_the_quality_report_keeps_what_files_were_taken_for(tmp_path):
    for name in ("AAPL", "MSFT"):
        write(tmp_path, f"{name}.csv", PLAIN)
    _, report = download(Request("csv", path=str(tmp_path / "AAPL.csv")))
    assert [line.partition(":")[0] for line in report["recognised"]] == ["AAPL.csv"]
    _, report = download(Request("csv", ("MSFT",), path=str(tmp_path)))
    assert len(report["recognised"]) == 1
    assert "MSFT" in report["recognised"][0]
    _, report = download(Request("sample", ("AAPL",)))
    assert report["recognised"] == []
