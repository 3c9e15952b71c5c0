"""The bars that the public calls take: what they are warned of, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

from pricecast import backtest, forecast, judge, read_bars
from pricecast.data import sources
from pricecast.data.quality_rules import KINDS, STRICT
from pricecast.errors import InputError
from tests.support.market_samples import market

BARS = market((("AAA", 560), ("BBB", 420)))
LAST = BARS["date"].max()
WEEKS = market((("WEEK", 300),), freq="W-FRI")
MONTHS = market((("MONTH", 300),), freq="MS")


@pytest.fixture
def at(monkeypatch):
    """Sets the clock to some hours after the midnight (UTC) that begins the day of the last bar."""
    return lambda hours: monkeypatch.setattr(sources, "now", lambda: LAST + pd.Timedelta(hours=hours))


def adjusted_twice():
    adjusted = np.where(BARS["date"] < BARS["date"].median(), BARS["close"] / 2, BARS["close"])
    return BARS.assign(adj_close=adjusted)


def filled_in():
    days = pd.date_range(WEEKS["date"].min(), WEEKS["date"].max(), freq="B")
    prices = WEEKS.drop(columns="ticker").set_index("date").reindex(days).interpolate().bfill()
    return prices.rename_axis("date").reset_index().assign(ticker="WEEK")


def saturday():
    row = BARS[BARS["date"] == "2024-06-28"].assign(date=pd.Timestamp("2024-06-29"))
    return pd.concat([BARS, row.assign(close=row["close"] * 1.001)])


ODD = {
    "gap": lambda: BARS[~BARS["date"].between("2024-02-01", "2024-02-20")],
    "stale": lambda: BARS[(BARS["ticker"] == "AAA") | (BARS["date"] < "2024-06-01")],
    "not_daily": lambda: WEEKS,
    "weekend": saturday,
    "double_adjustment": adjusted_twice,
    "interpolated": filled_in,
}


@pytest.mark.parametrize("kind", ODD)
def test_what_somebody_has_to_look_at_is_a_warning(kind, caplog):
    read_bars(ODD[kind]())
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    own = [text for text in said if text.startswith(f"{kind}: ")]
    assert len(own) == 1
    assert KINDS[kind][1] in own[0]
    assert "first " in own[0]


def test_every_kind_that_stops_a_strict_run_is_warned_of():
    reported = {kind for kind in STRICT if KINDS[kind][0] == "reported"}
    assert reported == {*ODD, "unfinished"}  # which are dropped: see below


def test_sound_bars_and_harmless_findings_are_read_without_a_word(caplog):
    adjusted = np.where(BARS["date"] < BARS["date"].median(), BARS["close"] / 2, BARS["close"])
    split = BARS.assign(**{name: 2 * BARS[name] for name in ("open", "high", "low", "close")})
    late = BARS["date"] >= BARS["date"].median()
    split = split.where(~late, BARS).assign(adj_close=np.where(late, BARS["close"], adjusted * 2))
    for bars in (BARS, split):
        read_bars(bars)
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.parametrize("bars", [WEEKS, MONTHS], ids=["weeks", "months"])
def test_bars_of_weeks_or_months_are_no_forecast_of_trading_days(bars):
    ticker = bars["ticker"].iloc[0]
    mine = bars[["ticker"]].assign(cutoff=bars["date"], horizon=1, forecast=0.0, sigma=0.01).tail(50)
    calls = (
        lambda: forecast(bars, horizon=1, model="naive"),
        lambda: backtest(bars, models="naive", folds=2, horizon=1),
        lambda: judge(mine, bars, units="return"),
    )
    for call in calls:
        with pytest.raises(InputError, match=f"expected daily bars, got bars of {ticker} ") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_one_ticker_of_weeks_among_others_is_named():
    with pytest.raises(InputError, match=r"got bars of WEEK that are .* or leave the ticker out"):
        forecast(pd.concat([BARS, WEEKS]), horizon=1, model="naive")


def test_a_bar_of_a_session_that_is_not_over_is_dropped_with_a_warning(at, caplog):
    # New York closes at 17:00 UTC on that day before a holiday.
    at(16)
    pd.testing.assert_frame_equal(read_bars(BARS), read_bars(BARS[BARS["date"] < LAST]))
    assert f"AAA: dropped the bar of {LAST:%Y-%m-%d}, its session is not over" in caplog.text
    assert "unfinished" not in caplog.text
    caplog.clear()
    at(17)
    assert read_bars(BARS)["date"].max() == LAST
    assert "dropped" not in caplog.text


def test_no_forecast_starts_within_a_session(at):
    at(16)
    live = forecast(BARS, horizon=1, model="naive")
    assert (live["cutoff"] < LAST).all()
    assert (live["date"] == LAST).all()


def test_a_session_is_over_by_its_own_market(at):
    at(20)
    both = pd.concat([BARS[BARS["ticker"] == "AAA"], market((("BTC-USD", 300),), freq="D")])
    last = read_bars(both).groupby("ticker")["date"].max()
    assert last.to_dict() == {"AAA": LAST, "BTC-USD": LAST - pd.Timedelta(days=1)}


def test_all_days_that_are_not_over_are_dropped_where_a_market_is_not_known(at):
    # Its day ends when it does so in every time zone.
    own = market((("AAA", 300),), freq=pd.offsets.CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu"))
    at(6)
    assert read_bars(own)["date"].max() == LAST - pd.Timedelta(days=2)


def test_moments_of_a_day_and_repeated_rows_are_of_that_day(at):
    at(16)
    moments = BARS.assign(date=BARS["date"] + pd.Timedelta(hours=15))
    assert read_bars(pd.concat([moments, moments.tail(1)]))["date"].max() < LAST


def test_days_ahead_are_dropped_too(at, caplog):
    at(-34)  # in the morning of the day before the last but one
    kept = read_bars(BARS)
    assert kept["date"].max() == LAST - pd.Timedelta(days=5)  # a weekend between
    assert "future: 4 bars dropped" in caplog.text


def test_bars_that_are_all_of_today_are_refused(at):
    at(16)
    with pytest.raises(InputError, match="expected bars of days that are over, got none"):
        read_bars(BARS[BARS["date"] == LAST])


@pytest.mark.parametrize("bars", [5, None, ["AAPL.csv"], {"Close": [1.0]}], ids=lambda bars: type(bars).__name__)
def test_what_is_neither_a_table_nor_a_path_is_refused(bars):
    with pytest.raises(InputError, match="expected bars as a DataFrame or Series of pandas or the path") as caught:
        read_bars(bars)
    assert "\n" not in str(caught.value)
