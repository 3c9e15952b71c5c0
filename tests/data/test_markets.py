"""The market of a ticker: what its spelling may mean, held against its own dates."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data import calendars, market_codes, quality
from pricecast.data.calendars import OWN, calendar_name, is_closed, next_sessions, spelled
from pricecast.data.own_days import is_every_day, next_own, week
from pricecast.data.sessions import calendar, explains
from pricecast.schema import DATE_DTYPE

RIYADH = "Sun Mon Tue Wed Thu"


def sessions(name, start="2022-01-03", end="2023-12-29"):
    days = calendar(name, 2020, 2031).sessions
    return days[(days >= start) & (days <= end)]


def weekdays(n=400, mask="Mon Tue Wed Thu Fri", start="2022-06-01"):
    return pd.bdate_range(start, periods=n, freq="C", weekmask=mask)


def ahead(ticker, dates, n=3):
    return [f"{day:%a %m-%d}" for day in next_sessions(ticker, dates[-1], n, dates)]


def bars(ticker, dates):
    rng = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(dates))))
    frame = pd.DataFrame({"date": pd.DatetimeIndex(dates).astype(DATE_DTYPE), "ticker": ticker, "open": close,
                          "high": close * 1.01, "low": close * 0.99, "close": close, "adj_close": close,
                          "volume": rng.integers(1000, 9000, len(dates)).astype(float)})  # fmt: skip
    return frame


def findings(ticker, dates, as_of="2030-01-01"):
    _, report = quality.clean(bars(ticker, dates), as_of=pd.Timestamp(as_of), strict=False, allow_splits=False)
    return {finding["kind"]: finding for finding in report["findings"]}


@pytest.mark.parametrize(
    ("ticker", "names"),
    [
        ("2222.SR", ("XSAU",)), ("BBCA.JK", ("XIDX",)), ("PTT.BK", ("XBKK",)), ("TEVA.TA", ("XTAE",)),
        ("AAPL.US", ("XNYS",)), ("7203.JP", ("XTKS",)), ("OTP.HU", ("XBUD",)), ("NVTK.ME", ("XMOS",)),
        ("GGAL.BA", ("XBUE",)), ("2330.TWO", ("XTAI",)), ("SHOP.V", ("XTSE", "24/7")), ("BTC.V", ("24/7", "XTSE")),
        ("BAS.F", ("XFRA", "us_futures")), ("CBK.KW", (market_codes.SUN_THU,)), ("NASDAQ:MSFT", ("XNYS",)),
        ("BINANCE:BTCUSDT", ("24/7",)), ("^SPX", ("XNYS",)), ("^NSEI", ("XBOM",)), ("^TASI.SR", ("XSAU",)),
        ("^VIX", ("XNYS", "us_futures")), ("WIG20", ("XWAR",)), ("GC=F", ("us_futures",)),
        ("EURUSD=X", ("24/5",)), ("JPY=X", ("24/5",)), ("EURUSD", ("24/5",)), ("XAUUSD", ("24/5",)),
        ("EUR-USD", ("24/7", "24/5")),
        ("BTC-USD", ("24/7",)), ("BTCUSD", ("24/7",)), ("BTCUSDT", ("24/7",)), ("BTC_USDT", ("24/7",)),
        ("BTC-USDC", ("24/7",)), ("XBTEUR", ("24/7",)), ("ETHBTC", ("24/7",)), ("1000PEPEUSDT", ("24/7",)),
        ("BTCUSDT.P", ("24/7",)), ("BTC-PERP", ()), ("ETH-USD-SWAP", ("24/7",)), ("BTCUSD_PERP", ("24/7",)),
        ("AAPL", ()), ("BRK-B", ()), ("BRK.B", ()), ("BF.A", ()), ("BTC", ()), ("ETH", ()), ("USD", ()),
        ("BAC.P", ()), ("USDT", ()), ("TUSD", ()),
    ],
)  # fmt: skip
def test_a_spelling_may_mean_some_markets(ticker, names):
    assert spelled(ticker) == names


def test_every_market_of_the_table_exists():
    import exchange_calendars

    known = set(exchange_calendars.get_calendar_names())
    tables = (market_codes.SUFFIXES, market_codes.OTHER_SUFFIXES, market_codes.INDICES, market_codes.OTHER_INDICES,
              market_codes.PREFIXES)  # fmt: skip
    assert {name for table in tables for name in table.values()} | set(calendars.DEFAULTS) <= known


def test_the_table_has_every_exchange_of_exchange_calendars():
    import exchange_calendars

    # Places without a suffix at Yahoo or Stooq, and derivatives.
    without = {
        "AIXK",
        "IEPA",
        "XBDA",
        "XBEL",
        "XBRA",
        "XCBF",
        "XCYS",
        "XEEE",
        "XEUR",
        "XLJU",
        "XLUX",
        "XZAG",
        "CMES",
    }
    names = set(exchange_calendars.get_calendar_names(include_aliases=False)) - {"24/7", "24/5"}
    assert names - set(market_codes.SUFFIXES.values()) == without


@pytest.mark.parametrize(
    ("ticker", "name"),
    [("AAPL", "XNYS"), ("2222.SR", "XSAU"), ("SAP.DE", "XETR"), ("7203.T", "XTKS"), ("TEVA.TA", "XTAE"),
     ("600519.SS", "XSHG"), ("RELIANCE.NS", "XBOM"), ("PKO", "XWAR"), ("GC=F", "us_futures"), ("VOD.UK", "XLON")],
)  # fmt: skip
def test_the_dates_of_a_market_are_its_own(ticker, name):
    dates = sessions(name)
    assert calendar_name(ticker, dates) == name
    thin = dates[np.random.default_rng(0).random(len(dates)) < 0.6]
    assert calendar_name(ticker, thin) == name
    assert "calendar" not in findings(ticker, dates)


@pytest.mark.parametrize(
    ("ticker", "dates", "expected"),
    [
        ("2222.SR", weekdays(350, RIYADH, "2022-08-28"), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("ARAMCO", weekdays(350, RIYADH, "2022-08-28"), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("BTCUSDT", pd.date_range("2023-01-15", periods=350), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("MYCOIN", pd.date_range("2023-01-15", periods=350), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("MYCOIN", pd.date_range("2023-12-21", periods=10), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("SAP.DE", pd.date_range("2023-01-15", periods=350), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("EURUSD", weekdays(250, start="2023-01-16"), ["Mon 01-01", "Tue 01-02", "Wed 01-03"]),
        ("CBK.KW", weekdays(250, RIYADH, "2023-01-15"), ["Sun 12-31", "Mon 01-01", "Tue 01-02"]),
        ("^VIX", sessions("us_futures"), ["Tue 01-02", "Wed 01-03", "Thu 01-04"]),
    ],
)  # fmt: skip
def test_dates_ahead_are_those_of_the_market_that_fits(ticker, dates, expected):
    assert ahead(ticker, dates) == expected


def test_a_market_under_a_plain_name_keeps_its_own_holidays():
    # Xetra rests on Good Friday, Easter Monday, 1 May and 24 to 26 December, and trades on Independence Day.
    dates = sessions("XETR", "2021-01-04", "2024-03-28")
    assert calendar_name("SAP", dates) == OWN
    assert ahead("SAP", dates, 2) == ["Tue 04-02", "Wed 04-03"]
    until = sessions("XETR", "2021-01-04", "2024-12-23")
    assert ahead("SAP", until, 2) == ["Fri 12-27", "Mon 12-30"]
    assert ahead("SAP", sessions("XETR", "2021-01-04", "2024-07-03"), 1) == ["Thu 07-04"]
    assert "calendar" not in findings("SAP", dates)


@pytest.mark.parametrize(
    ("ticker", "dates", "names"),
    [
        ("SAP.DE", sessions("XNYS"), "XETR"),
        ("AAPL.US", sessions("XTKS"), "XNYS"),
        ("7203.T", weekdays(300, RIYADH), "XTKS"),
        ("2222.SR", weekdays(300), "XSAU"),
        ("2222.SR", pd.date_range("2023-01-01", periods=300), "XSAU"),
        ("BTC-USD", weekdays(300), "24/7"),
        ("BTC.V", weekdays(300, RIYADH), "24/7 or XTSE"),
        ("^GSPC", sessions("XLON"), "XNYS"),
        ("EURUSD=X", pd.date_range("2023-01-01", periods=300), "24/5"),
    ],
)
def test_dates_of_another_market_than_the_spelling_names_are_a_finding(ticker, dates, names):
    found = findings(ticker, dates)["calendar"]
    assert found["action"] == "reported"
    assert found["count"] == 1
    assert found["examples"] == [f"{ticker} {dates[-1]:%Y-%m-%d}: the dates before are not those of {names}"]
    days = next_sessions(ticker, dates[-1], 30, dates)
    assert set(days.dayofweek) == set(dates.dayofweek)


@pytest.mark.parametrize(("n", "name"), [(9, "XETR"), (19, "XETR"), (60, OWN)])
def test_a_few_dates_tell_nothing(n, name):
    assert calendar_name("SAP.DE", sessions("XNYS", "2023-03-27")[:n]) == name


def test_a_special_session_is_no_other_market():
    dates = sessions("XBOM").union(pd.DatetimeIndex(["2023-03-04", "2023-11-18"]))
    assert calendar_name("RELIANCE.NS", dates) == "XBOM"
    made = weekdays(349, start="2022-12-28").union(pd.DatetimeIndex(["2024-03-02"]))
    assert calendar_name("RELIANCE.NS", made) == "XBOM"
    assert "calendar" not in findings("RELIANCE.NS", made)


def test_dates_without_any_holiday_leave_the_market_to_the_spelling():
    dates = weekdays(700, start="2021-10-28")
    assert [calendar_name(name, dates) for name in ("AAA", "VOD.L", "BTC-USD")] == ["XNYS", "XLON", OWN]


def test_a_missing_bar_makes_no_other_market():
    for missing in (5, 20, 44, 70):
        dates = weekdays(81, start="2024-02-22").delete(missing)
        assert calendar_name("AAA", dates) == "XNYS"


def test_dates_far_outside_a_calendar_are_followed_by_their_own():
    dates = weekdays(100, start="2069-06-03")
    assert calendar_name("600519.SS", dates) == OWN
    assert next_sessions("600519.SS", dates[-1], 5, dates).equals(
        weekdays(5, start=dates[-1] + pd.Timedelta(days=1)).astype(DATE_DTYPE)
    )


def test_old_saturdays_do_not_decide_about_today():
    old, new = weekdays(400, "Sat Sun Mon Tue Wed", "2011-01-01"), weekdays(300, RIYADH, "2013-07-01")
    assert ahead("2222.SR", old.append(new)[:-1], 1)[0][:3] in RIYADH
    assert list(week(old.append(new))) == [True, True, True, True, False, False, True]


def test_every_day_needs_saturdays_and_sundays():
    assert is_every_day(pd.date_range("2024-01-01", periods=10))
    assert not is_every_day(pd.date_range("2024-01-01", periods=9))
    assert not is_every_day(weekdays(60, "Mon Tue Wed Thu Fri Sat"))
    assert not is_every_day(weekdays(60).union(pd.DatetimeIndex(["2022-06-04", "2022-06-05"])))
    assert is_every_day(pd.date_range("2024-01-01", periods=300)[np.random.default_rng(0).random(300) < 0.7])


@pytest.mark.parametrize("n", [0, 1, 7, 300])
def test_own_days_are_as_many_as_asked_for(n):
    dates = sessions("XETR", "2021-01-04")
    days = next_own(dates, dates[-1], n)
    assert len(days) == n
    assert days.is_monotonic_increasing
    assert days.is_unique
    assert not n or days[0] > dates[-1]


@pytest.mark.parametrize(
    ("ticker", "dates", "now", "closed"),
    [
        ("2222.SR", sessions("XSAU", end="2023-12-31"), "2023-12-31 11:59", False),
        ("2222.SR", sessions("XSAU", end="2023-12-31"), "2023-12-31 12:00", True),
        ("MYCOIN", pd.date_range("2023-06-01", "2023-12-31"), "2023-12-31 23:59", False),
        ("MYCOIN", pd.date_range("2023-06-01", "2023-12-31"), "2024-01-01 00:00", True),
        # Which market, nobody knows: the day is over when it is over everywhere.
        ("SAP", sessions("XETR", "2021-01-04", "2023-12-29"), "2023-12-30 11:59", False),
        ("SAP", sessions("XETR", "2021-01-04", "2023-12-29"), "2023-12-30 12:00", True),
        ("CBK.KW", weekdays(9, RIYADH, "2023-12-17"), "2023-12-28 11:59", False),
    ],
)
def test_a_session_ends_where_its_market_is(ticker, dates, now, closed):
    assert is_closed(ticker, dates[-1], pd.Timestamp(now), dates) is closed
    assert ("unfinished" in findings(ticker, dates, now)) is not closed


def test_exchanges_without_a_calendar_have_the_days_of_their_week():
    assert [f"{day:%a}" for day in next_sessions("CBK.KW", pd.Timestamp("2024-01-04"), 2)] == ["Sun", "Mon"]
    assert [f"{day:%a}" for day in next_sessions("VNM.VN", pd.Timestamp("2024-01-05"), 1)] == ["Mon"]
    assert explains(market_codes.SUN_THU, weekdays(60, RIYADH))
    assert not explains(market_codes.SUN_THU, weekdays(60))


@pytest.mark.parametrize("start", ["2023-01-02", "2022-05-02", "2019-10-01"])
def test_made_up_weekdays_of_a_plain_name_are_not_taken_for_warsaw(start):
    dates = pd.bdate_range(start, periods=60)
    assert calendar_name("AAPL", dates) in ("XNYS", OWN)
    assert next_sessions("AAPL", dates[-1], 1, dates)[0] == dates[-1] + pd.offsets.BDay()
