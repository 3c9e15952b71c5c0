import pandas as pd
import pytest

from pricecast.data import calendars
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE


def days(*texts):
    return [pd.Timestamp(text) for text in texts]


@pytest.mark.parametrize(
    ("ticker", "name"),
    [
        ("AAPL", "XNYS"), ("NASDAQ:ABEO", "XNYS"), ("BRK-B", "XNYS"), ("BRK.B", "XNYS"), ("^GSPC", "XNYS"),
        ("BTC-USD", "24/7"), ("ETH-BTC", "24/7"), ("EURUSD=X", "24/5"), ("ES=F", "us_futures"),
        ("VOD.L", "XLON"), ("0700.HK", "XHKG"), ("7203.T", "XTKS"), ("SAP.DE", "XETR"), ("AIR.PA", "XPAR"),
        ("RY.TO", "XTSE"), ("BHP.AX", "XASX"), ("600519.SS", "XSHG"), ("000001.SZ", "XSHG"),
        ("TCS.NS", "XBOM"),
        ("TCS.BO", "XBOM"), ("AAPL.US", "XNYS"), ("^N225", "XTKS"), ("^FTSE", "XLON"),
    ],
)  # fmt: skip
def test_a_ticker_is_matched_to_its_market(ticker, name):
    assert calendars.calendar_name(ticker) == name


def test_every_calendar_that_can_be_named_exists():
    import exchange_calendars

    known = set(exchange_calendars.get_calendar_names())
    assert set(calendars.SUFFIXES.values()) | set(calendars.INDICES.values()) | {"us_futures"} <= known


def test_sessions_skip_holidays_and_weekends():
    ahead = calendars.next_sessions("AAPL", pd.Timestamp("2024-07-03"), 3)
    assert list(ahead) == days("2024-07-05", "2024-07-08", "2024-07-09")
    assert ahead.dtype == DATE_DTYPE
    assert ahead.tz is None


def test_sessions_after_a_day_without_trading():
    assert list(calendars.next_sessions("AAPL", pd.Timestamp("2024-07-04 13:00"), 1)) == days("2024-07-05")


def test_round_the_clock_markets():
    friday = pd.Timestamp("2024-07-05")
    assert list(calendars.next_sessions("BTC-USD", friday, 2)) == days("2024-07-06", "2024-07-07")
    assert list(calendars.next_sessions("EURUSD=X", friday, 2)) == days("2024-07-08", "2024-07-09")


def test_other_exchanges_keep_their_own_holidays():
    # 2024-08-12 is a holiday in Tokyo only.
    after = pd.Timestamp("2024-08-09")
    assert list(calendars.next_sessions("7203.T", after, 1)) == days("2024-08-13")
    assert list(calendars.next_sessions("VOD.L", after, 1)) == days("2024-08-12")


def test_old_dates_and_long_horizons():
    ahead = calendars.next_sessions("AAPL", pd.Timestamp("1987-12-31"), 3000)
    assert list(ahead[:2]) == days("1988-01-04", "1988-01-05")
    assert len(ahead) == 3000
    assert ahead[-1] == pd.Timestamp("1999-11-12")
    assert ahead.is_monotonic_increasing
    assert ahead.is_unique


def test_beyond_a_calendars_bounds_weekdays_stand_in():
    # Shanghai's holidays are recorded a year at a time; these years are far outside on both sides.
    late = calendars.next_sessions("600519.SS", pd.Timestamp("2069-12-31"), 5)
    assert list(late) == list(pd.bdate_range("2070-01-01", periods=5))
    across = calendars.next_sessions("600519.SS", pd.Timestamp("2025-12-31"), 700)
    assert len(across) == 700
    assert across.is_monotonic_increasing
    assert across.is_unique


def test_zero_sessions_and_a_negative_number():
    assert len(calendars.next_sessions("AAPL", pd.Timestamp("2024-07-03"), 0)) == 0
    with pytest.raises(InputError, match="got -1"):
        calendars.next_sessions("AAPL", pd.Timestamp("2024-07-03"), -1)


@pytest.mark.parametrize(
    ("ticker", "session", "now", "closed"),
    [
        ("AAPL", "2024-06-28", "2024-06-28 19:59", False),
        ("AAPL", "2024-06-28", "2024-06-28 20:00", True),
        ("AAPL", "2024-07-03", "2024-07-03 17:00", True),  # a half day
        ("AAPL", "2024-06-28", "2024-06-28 16:00-04:00", True),
        ("7203.T", "2024-06-28", "2024-06-28 05:59", False),
        ("7203.T", "2024-06-28", "2024-06-28 06:00", True),
        ("BTC-USD", "2024-06-29", "2024-06-29 23:59", False),
        ("BTC-USD", "2024-06-29", "2024-06-30 00:00", True),
        ("EURUSD=X", "2024-06-28", "2024-06-28 23:59", False),
        ("AAPL", "2024-07-04", "2024-07-05 03:59", False),  # no session: the local day counts
        ("AAPL", "2024-07-04", "2024-07-05 04:00", True),
        ("600519.SS", "2070-01-02", "2070-01-03 11:00", False),  # out of bounds: over in every time zone
        ("600519.SS", "2070-01-02", "2070-01-03 12:00", True),
    ],
)
def test_a_session_is_closed_at_its_close(ticker, session, now, closed):
    assert calendars.is_closed(ticker, pd.Timestamp(session), pd.Timestamp(now)) is closed
