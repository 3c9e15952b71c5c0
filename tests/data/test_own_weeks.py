"""Special sessions, weeks that a market changed, and bars that are not daily."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data import quality
from pricecast.data.calendars import OWN, calendar_name, next_sessions
from pricecast.data.own_days import absent, is_daily, week
from pricecast.errors import InputError
from tests.data.test_markets import RIYADH, ahead, bars, findings, sessions, weekdays

SPECIAL = ["2021-11-04", "2022-10-24", "2023-11-12", "2024-03-02", "2024-05-18"]  # Diwali, tests on Saturdays


@pytest.mark.parametrize("ticker", ["RELIANCE.NS", "TCS.BO", "^NSEI", "NSE:INFY"])
def test_special_sessions_make_no_other_market(ticker):
    dates = sessions("XBOM", "2021-06-01", "2024-06-14").union(pd.DatetimeIndex(SPECIAL))
    assert calendar_name(ticker, dates) == "XBOM"
    assert ahead(ticker, dates, 2) == ["Tue 06-18", "Wed 06-19"]  # Bakri Id on Monday
    assert "calendar" not in findings(ticker, dates)


def test_special_sessions_need_a_market_that_the_spelling_names():
    dates = sessions("XNYS", "2021-06-01", "2024-06-14").union(pd.DatetimeIndex([*SPECIAL[2:], "2024-05-27"]))
    assert calendar_name("AAPL.US", dates) == "XNYS"
    assert calendar_name("AAPL", dates) == OWN


@pytest.mark.parametrize(
    ("ticker", "name"),
    [("SAP.DE", "XNYS"), ("AAPL.US", "XLON"), ("^GSPC", "us_futures"), ("RY.TO", "XNYS"), ("PKO.PL", "XETR"),
     ("7203.T", "XHKG"), ("600519.SS", "XHKG"), ("VOD.L", "XNYS"), ("RELIANCE.NS", "XSES")],
)  # fmt: skip
def test_holidays_of_elsewhere_are_no_special_sessions(ticker, name):
    assert calendar_name(ticker, sessions(name, "2021-01-04")) != calendar_name(ticker)


def changed(old, new, day, last, start="2016-01-01"):
    return pd.bdate_range(start, day, freq="C", weekmask=old, inclusive="left").append(
        pd.bdate_range(day, last, freq="C", weekmask=new)
    )


WEEK = "Mon Tue Wed Thu Fri"


@pytest.mark.parametrize(
    ("ticker", "old", "new", "day", "last", "expected"),
    [
        ("EMAAR.AE", RIYADH, WEEK, "2022-01-03", "2022-03-31", ["Fri 04-01", "Mon 04-04", "Tue 04-05"]),
        ("EMAAR", RIYADH, WEEK, "2022-01-03", "2022-03-31", ["Fri 04-01", "Mon 04-04", "Tue 04-05"]),
        ("TEVA.TA", RIYADH, WEEK, "2026-01-05", "2026-04-30", ["Fri 05-01", "Mon 05-04", "Tue 05-05"]),
        ("2222.SR", "Sat Sun Mon Tue Wed", RIYADH, "2013-06-30", "2013-09-12",
         ["Sun 09-15", "Mon 09-16", "Tue 09-17"]),
        ("KOREA", WEEK + " Sat", WEEK, "2020-01-01", "2020-03-06", ["Mon 03-09", "Tue 03-10", "Wed 03-11"]),
        ("NEW", WEEK, WEEK + " Sat", "2020-01-01", "2020-03-06", ["Sat 03-07", "Mon 03-09", "Tue 03-10"]),
    ],
)  # fmt: skip
def test_a_week_that_changed_is_followed(ticker, old, new, day, last, expected):
    dates = changed(old, new, day, last)
    assert ahead(ticker, dates) == expected
    days = next_sessions(ticker, dates[-1], 100, dates)
    assert {f"{day:%a}" for day in days} == set(new.split())


def test_days_of_the_week_that_were_closed_before_are_no_holidays():
    dates = changed(RIYADH, WEEK, "2022-01-03", "2022-03-31")
    assert len(absent(dates)) == 0
    fridays = next_sessions("EMAAR", dates[-1], 250, dates).dayofweek == 4
    assert fridays.sum() == 50


def test_a_thin_ticker_keeps_its_week():
    rng = np.random.default_rng(1)
    for _ in range(30):
        dates = weekdays(600)
        thin = dates[rng.random(600) < 0.3]
        assert list(week(thin)) == [True] * 5 + [False] * 2


SPARSE = {
    "months": pd.date_range("2000-01-01", periods=240, freq="MS"),
    "ends of months": pd.date_range("2000-01-01", periods=240, freq="BME"),
    "weeks": pd.date_range("2010-01-01", periods=400, freq="W-FRI"),
    "quarters": pd.date_range("1970-01-01", periods=160, freq="QS"),
    "years": pd.date_range("1950-01-01", periods=60, freq="YS"),
}


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("ticker", ["^GSPC", "AAPL", "BTC-USD"])
def test_bars_that_are_not_daily_are_told_and_refused_by_a_strict_run(name, ticker):
    dates = SPARSE[name]
    found = findings(ticker, dates)
    assert found["not_daily"]["count"] == 1
    assert found["not_daily"]["examples"][0].startswith(f"{ticker} {dates[-1]:%Y-%m-%d}: ")
    assert "calendar" not in found
    assert calendar_name(ticker, dates) == calendar_name(ticker)
    with pytest.raises(InputError, match="1 x not_daily"):
        quality.clean(bars(ticker, dates), as_of=pd.Timestamp("2030-01-01"), strict=True, allow_splits=False)


def test_daily_bars_with_gaps_are_daily():
    rng = np.random.default_rng(0)
    assert is_daily(weekdays(600)[rng.random(600) < 0.4])
    assert is_daily(weekdays(600).delete(range(100, 500)))
    assert "not_daily" not in findings("AAPL", sessions("XNYS")[rng.random(501) < 0.5])
