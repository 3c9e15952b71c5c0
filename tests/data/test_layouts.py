"""Layouts of sites that export daily bars, and dates, prices and volumes as they write them."""

import pandas as pd
import pytest

from pricecast.data.texts.date_formats import dates
from pricecast.data.texts.number_columns import numbers
from pricecast.errors import InputError
from tests.data.test_text_files import load, refused

LAYOUTS = {
    "Nasdaq.com": "Date,Close/Last,Volume,Open,High,Low\n01/17/2024,$182.68,47317430,$181.27,$182.93,$180.30\n"
                  "01/16/2024,$183.63,65603040,$182.16,$184.26,$180.93\n",
    "Investing.com": '"Date","Price","Open","High","Low","Vol.","Change %"\n'
                     '"Jan 17, 2024","182.68","181.27","182.93","180.30","47.31743M","-0.52%"\n'
                     '"Jan 16, 2024","183.63","182.16","184.26","180.93","65603.04K","-1.23%"\n',
    "Alpha Vantage": "date,1. open,2. high,3. low,4. close,5. volume\n"
                     "2024-01-17,181.27,182.93,180.30,182.68,47317430\n"
                     "2024-01-16,182.16,184.26,180.93,183.63,65603040\n",
    "Binance": "open_time,open,high,low,close,volume,close_time,quote_volume,count\n"
               "1705363200000,182.16,184.26,180.93,183.63,65603040,1705449599999,1,1\n"
               "1705449600000,181.27,182.93,180.30,182.68,47317430,1705535999999,1,1\n",
    "TradingView": "time,open,high,low,close,Volume,Volume MA\n1705363200,182.16,184.26,180.93,183.63,65603040,1\n"
                   "1705449600,181.27,182.93,180.30,182.68,47317430,1\n",
    "TradingView, ISO": "time,open,high,low,close,Volume\n"
                        "2024-01-16T14:30:00Z,182.16,184.26,180.93,183.63,65603040\n"
                        "2024-01-17T14:30:00Z,181.27,182.93,180.30,182.68,47317430\n",
}  # fmt: skip


@pytest.mark.parametrize("site", LAYOUTS)
def test_the_layouts_of_sites_are_read(tmp_path, site):
    raw = load(tmp_path, LAYOUTS[site], "AAPL.csv").sort_values("date")
    assert raw["date"].dt.strftime("%m-%d").tolist() == ["01-16", "01-17"]
    assert raw[["open", "high", "low", "close"]].to_numpy().tolist() == [
        [182.16, 184.26, 180.93, 183.63], [181.27, 182.93, 180.30, 182.68]
    ]  # fmt: skip
    assert raw["volume"].tolist() == [65603040, 47317430]


def test_a_price_stands_for_the_close_only_without_one(tmp_path):
    text = "date,open,high,low,close,price\n2024-06-03,1,2,1,1.5,9\n"
    assert load(tmp_path, text, "A.csv")["close"].tolist() == [1.5]
    assert load(tmp_path, text.replace("price", "Price,Price").replace("9", "9,9"), "A.csv")["close"].tolist() == [
        1.5
    ]
    with_time = "date,time,open,high,low,close\n2024-06-03,16:00,1,2,1,1.5\n"
    assert load(tmp_path, with_time, "A.csv")["date"].tolist() == [pd.Timestamp("2024-06-03")]
    assert "missing: open" in refused(tmp_path, "date,price,high,low,volume\n2024-06-03,1,1,1,1\n")


@pytest.mark.parametrize(
    "cell",
    [
        "Jan 03, 2023", "Jan 3, 2023", "January 3, 2023", "Jan 3 2023", "3 Jan 2023", "03-Jan-2023", "03-JAN-2023",
        "3 january 2023", "Jan. 3, 2023", "2023-Jan-03", "03/Jan/2023", "1672704000", "1672704000000",
        "1672704000000000", "Jan 03, 2023 00:00",
    ],
)  # fmt: skip
def test_dates_with_a_month_by_name_or_since_1970_are_read(cell):
    assert dates(pd.Series([cell]), "a.csv").tolist() == [pd.Timestamp("2023-01-03")]


def test_every_month_has_its_name():
    days = pd.date_range("2023-01-31", periods=12, freq="ME")
    for form in ("%b %d, %Y", "%d %B %Y"):
        assert dates(pd.Series(days.strftime(form)), "a.csv").tolist() == days.tolist()
    assert dates(pd.Series(["Sept 5, 2023"]), "a.csv").tolist() == [pd.Timestamp("2023-09-05")]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("03-Jan-23", "(a year of two digits)"), ("3 Jan 23", "(a year of two digits)"),
        ("Feb 30, 2023", "got 'Feb 30,"),
        ("Jan 2023", "got 'Jan 2023'"), ("Janu 3, 2023", "got 'Janu"), ("3 Mai 2023", "got '3 Mai"),
        ("1672756200", "which is 2023-01-03 or 2023-01-04"), ("1672756200000", "2023-01-03 or 2023-01-04"),
    ],
)  # fmt: skip
def test_other_names_and_times_of_day_since_1970_are_refused(cell, says):
    with pytest.raises(InputError) as caught:
        dates(pd.Series([cell]), "a.csv")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("57.76M", 57_760_000), ("1.2B", 1.2e9), ("850K", 850_000), ("850k", 850_000), ("1,234.5K", 1_234_500),
        ("12", 12),
        ("-", None), ("0.53K", 530), ("2 M", 2e6),
    ],
)  # fmt: skip
def test_volumes_may_be_shortened(cell, found):
    parsed = numbers(pd.DataFrame({"close": ["1.5"], "volume": [cell]}), "a.csv")["volume"].tolist()
    assert parsed == [found] if found is not None else parsed[0] != parsed[0]


def test_shortened_volumes_follow_the_format_of_the_table():
    table = pd.DataFrame({"close": ["1,5", "1.234,5"], "volume": ["57,76M", "1,2B"]})
    assert numbers(table, "a.csv", plain=False)["volume"].tolist() == [57_760_000, 1.2e9]


@pytest.mark.parametrize("cell", ["57.76M", "12.5 USD", "5%", "$", "$ten", "$12$", "12$$", "$$1", "M"])
def test_what_is_no_price_is_refused(cell):
    with pytest.raises(InputError, match="expected numbers in the column close"):
        numbers(pd.DataFrame({"close": [cell], "volume": ["1M"]}), "a.csv")


@pytest.mark.parametrize(
    "cell",
    ["$1,234.5", "\u20ac1,234.5", "\u00a3 1234.5", "\u20b91,234.50", "\u00a51234.5", "1,234.5$", "1,234.5 \u20ac"],
)
def test_a_currency_may_stand_before_or_behind_a_price(cell):
    assert numbers(pd.DataFrame({"close": [cell], "open": ["-$2.5"]}), "a.csv")["close"].tolist() == [1234.5]


@pytest.mark.parametrize("beside", ["open,high,low,close", "close", "ticker", "volume"])
def test_a_field_of_a_ticker_beside_fields_alone_is_refused(tmp_path, beside):
    # One of the two kinds would be lost in silence.
    values = ",".join("AAA" if name == "ticker" else "10" for name in beside.split(","))
    text = f"date,{beside},\"('close', 'BBB')\"\n2024-06-03,{values},11\n2024-06-04,{values},12\n"
    line = refused(tmp_path, text)
    assert "expected columns of a field, or columns of a field and a ticker" in line
    assert "got 'close BBB' beside" in line
