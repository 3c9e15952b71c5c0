"""Bars that repeat the one before: which are copies, which is left of a run, and what is told of them."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data import quality
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE, PRICES

AS_OF = pd.Timestamp("2024-12-31 12:00")
OHLC = ["open", "high", "low", "close"]


def walk(n=120, start="2022-01-03", freq="B", weekmask=None, ticker="FILL", seed=0):
    """Bars with a range and a volume of their own each."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(start, periods=n, freq=pd.offsets.CDay(weekmask=weekmask) if weekmask else freq)
    close = np.round(100 * np.exp(np.cumsum(0.01 * rng.standard_normal(n))), 4)
    open_ = np.round(close * np.exp(0.004 * rng.standard_normal(n)), 4)
    high, low = np.maximum(open_, close) + 0.3, np.minimum(open_, close) - 0.3
    frame = pd.DataFrame({
        "date": dates, "ticker": ticker, "open": open_, "high": high, "low": low, "close": close,
        "adj_close": np.nan, "volume": rng.integers(10_000, 1_000_000, n).astype(float),
    })  # fmt: skip
    return frame.astype({"date": DATE_DTYPE})[list(PRICES)]


def flat(bars):
    """Bars of one price a day."""
    return bars.assign(**dict.fromkeys(OHLC, bars["close"]))


def sticky(volume):
    """A price of a few ticks that stays for weeks."""
    steps = np.random.default_rng(3).choice([2, 2, 3, 1, 4], 20)
    price = np.repeat(steps, 20) / 1e4
    return flat(walk(400).assign(close=price)).assign(volume=volume(price))


def every_day(bars, fill="ffill"):
    """The same bars in a table of calendar days."""
    days = bars.set_index("date").asfreq("D")
    return getattr(days, fill)().reset_index()[list(PRICES)]


def clean(raw, **settings):
    return quality.clean(raw, **({"as_of": AS_OF, "strict": False, "allow_splits": False} | settings))


def repeated(report):
    return {f["kind"]: f for f in report["findings"]}.get("repeated", {"count": 0, "tickers": {}, "examples": []})


def idle(bars):
    """Calendar days, those without a bar flat at the last close and without volume."""
    days = bars.set_index("date").asfreq("D")
    quiet = days["close"].isna()
    close = days["close"].ffill()
    days = days.assign(close=close, ticker=days["ticker"].ffill(), volume=days["volume"].fillna(0))
    for name in ("open", "high", "low"):
        days[name] = days[name].where(~quiet, close)
    return days.reset_index()[list(PRICES)]


def frozen(bars, rows=slice(-12, None)):
    """A feed that delivers one bar again and again."""
    values = [*OHLC, "volume"]
    at = bars.index[rows]
    return bars.copy().assign(**{
        name: bars[name].where(~bars.index.isin(at), bars[name].iloc[at[0] - 1]) for name in values
    })  # fmt: skip


def traded_weekends(bars, volume, fill="ffill"):
    """Calendar days, those without a bar flat at the last close (or the next one), with some volume."""
    days = idle(bars)
    closed = ~days["date"].isin(bars["date"])
    close = bars.set_index("date")["close"].asfreq("D")
    close = getattr(close, fill)().to_numpy()
    return days.assign(**{name: days[name].where(~closed, close) for name in OHLC},
                       volume=days["volume"].where(~closed, volume))  # fmt: skip


def interpolated(bars, digits=15):
    """Calendar days on a line between those before and after."""
    days = bars.set_index("date")[[*OHLC, "volume"]].resample("D").interpolate().round(digits)
    days = days.reset_index().assign(ticker="FILL", adj_close=np.nan)
    return days.astype({"date": DATE_DTYPE})[list(PRICES)]


def last_price(bars, *spans):
    """A feed that delivers its last price and volume again and again, on some spans of rows."""
    bars = bars.copy()
    for start, end in spans:
        bars.loc[start:end, OHLC] = bars.loc[start, "close"]
        bars.loc[start:end, "volume"] = bars.loc[start, "volume"]
    return bars


def tick_bound(seed=0, n=1500, wide=False):
    """A price of few ticks, without volume: a tick up or down on every other day, a range of a tick or two."""
    rng = np.random.default_rng(seed)
    close = np.round(40 + np.cumsum(rng.choice([0, 0, 0.01, -0.01], n)), 2)
    high = np.round(close + (rng.choice([0.01, 0.02], n) if wide else 0.01), 2)
    low = np.round(close - 0.01, 2)
    return walk(n, "2016-01-04").assign(open=close, high=high, low=low, close=close, volume=0.0)


RIYADH = "Sun Mon Tue Wed Thu"
HOLIDAYS = walk().drop(index=[4, 30, 31, 77]).reset_index(drop=True)
FILLED = {
    "weekends": (every_day(walk()), walk()),
    "weekends, no volume": (every_day(walk().assign(volume=0.0)), walk().assign(volume=0.0)),
    "weekends, volume 0 there": (
        every_day(walk()).assign(volume=lambda t: t["volume"].where(t["date"].dt.dayofweek < 5, 0.0)), walk(),
    ),
    "weekends, volume empty there": (
        every_day(walk()).assign(volume=lambda t: t["volume"].where(t["date"].dt.dayofweek < 5)), walk(),
    ),
    "weekends of one price a day": (every_day(flat(walk())), flat(walk())),
    "weekends of one price a day, round volumes": (
        every_day(flat(walk().round({"volume": -4}))), flat(walk().round({"volume": -4})),
    ),
    "weekends without trade": (idle(walk()), walk()),
    "weekends without trade, no volume": (idle(flat(walk()).assign(volume=0.0)), flat(walk()).assign(volume=0.0)),
    "Friday and Saturday in Riyadh": (
        every_day(walk(weekmask=RIYADH, start="2022-01-02")), walk(weekmask=RIYADH, start="2022-01-02"),
    ),
    "Friday and Saturday in Riyadh, without trade": (
        idle(walk(weekmask=RIYADH, start="2022-01-02")), walk(weekmask=RIYADH, start="2022-01-02"),
    ),
    "from the next session": (every_day(walk(), "bfill"), walk()),
    "holidays": (
        HOLIDAYS.set_index("date").asfreq("B").ffill().reset_index()[list(PRICES)], HOLIDAYS,
    ),
    "frozen at the end": (frozen(walk()), walk().iloc[:-12]),
    "frozen in between, a coin": (
        frozen(walk(freq="D"), slice(40, 45)), walk(freq="D").drop(index=range(40, 45)),
    ),
    **{f"weekends flat at the last close, {name}": (traded_weekends(walk(), volume), walk())
       for name, volume in {"volume 1": 1.0, "a mean volume": 5e5}.items()},
    "weekends flat at the last close, from a Saturday on": (traded_weekends(walk(), 1.0)[5:], walk()[5:]),
    "weekends flat at the next close": (traded_weekends(walk(), 1.0, "bfill"), walk()),
    "weekends flat at the next close, one price a day": (traded_weekends(flat(walk()), 1.0, "bfill"), flat(walk())),
    "Friday and Saturday in Riyadh, flat": (
        traded_weekends(walk(weekmask=RIYADH, start="2022-01-02"), 7.0), walk(weekmask=RIYADH, start="2022-01-02"),
    ),
    "the last price of a feed that stands still": (
        last_price(walk(700), (300, 340)),
        last_price(walk(700), (300, 340)).drop(index=range(301, 341)),
    ),
    "the last price of a feed, three times": (
        last_price(walk(700), (300, 340), (500, 509), (600, 609)),
        last_price(walk(700), (300, 300), (500, 500), (600, 600)).drop(
            index=[*range(301, 341), *range(501, 510), *range(601, 610)]),
    ),
    "weekends of few ticks, no volume": (every_day(tick_bound()), tick_bound()),
    "an exchange rate that stands still": (
        frozen(walk(300).assign(volume=0.0), slice(150, 160)),
        walk(300).assign(volume=0.0).drop(index=range(150, 160)),
    ),
    "weekends on a line": (interpolated(walk()), walk()),
    "weekends on a line, one price a day": (interpolated(flat(walk())), flat(walk())),
    "weekends on a line, rounded": (interpolated(walk(), 4), walk()),
    "weekends on a line, two decimals": (interpolated(walk().round(2), 2), walk().round(2)),
    "weekends on a line, Riyadh": (
        interpolated(walk(weekmask=RIYADH, start="2022-01-02")), walk(weekmask=RIYADH, start="2022-01-02"),
    ),
    "Saturdays on a line": (
        interpolated(walk(weekmask="Sun Mon Tue Wed Thu Fri")), walk(weekmask="Sun Mon Tue Wed Thu Fri"),
    ),
    "weekends on a line, from a Saturday on": (interpolated(walk())[5:], walk()[5:]),
    "adj_close apart by rounding": (
        every_day(walk().assign(adj_close=walk()["close"] * 0.5)).assign(
            adj_close=lambda t: t["adj_close"] * (1 + 1e-7 * (t.index % 2))),
        walk().assign(adj_close=walk()["close"] * 0.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILLED)
def test_copies_are_dropped_and_counted(name):
    raw, sound = FILLED[name]
    prices, report = clean(raw)
    assert list(prices["date"]) == list(sound["date"])
    np.testing.assert_allclose(prices[OHLC], sound[OHLC])
    assert repeated(report)["count"] == len(raw) - len(sound)
    with pytest.raises(InputError, match="x repeated"):
        clean(raw, strict=True)
    again, second = clean(prices)
    pd.testing.assert_frame_equal(again, prices)
    assert not repeated(second)["count"]


def test_the_finding_tells_share_longest_run_and_weekdays():
    _, report = clean(pd.concat([every_day(walk(20)), frozen(walk(20, ticker="STOP"), slice(-5, None))]))
    assert repeated(report)["tickers"] == {"FILL": 6, "STOP": 5}
    assert repeated(report)["examples"] == [
        "STOP 2022-01-24: 5 bars (25.00%) repeat the bar before, up to 5 in a row, "
        "on Mon 1, Tue 1, Wed 1, Thu 1, Fri 1",
        "FILL 2022-01-08: 6 bars (23.08%) repeat the bar before, up to 2 in a row, on Sat 3, Sun 3",
    ]


GENUINE = {
    "sticky, one placeholder as volume": sticky(lambda price: np.full(len(price), 1000.0)),
    "sticky, a few round volumes": sticky(
        lambda price: np.random.default_rng(1).choice([1000.0, 2000, 5000], len(price))
    ),
    "sticky, a volume of its own on moves": sticky(
        lambda price: np.where(np.diff(price, prepend=0) != 0, np.arange(7001.0, 7401), 1000.0)
    ),
    "sticky within one tick": sticky(lambda price: np.full(len(price), 1000.0)).assign(
        high=lambda t: t["high"] + 1e-4
    ),
    "sticky without volume": sticky(lambda price: np.zeros(len(price))),
    "halted": frozen(flat(walk()).assign(volume=lambda t: t["volume"].where(t.index < 90, 0.0)), slice(95, 110)),
    "pegged, no volume": walk(300).assign(volume=0.0, open=3.75, high=3.751, low=3.749,
                                          close=np.tile([3.75, 3.75, 3.75, 3.7505, 3.7505], 60)),
    "prices again, another volume": frozen(walk()).assign(volume=walk()["volume"]),
    "few ticks, no volume": tick_bound(),
    "few ticks, one placeholder as volume": tick_bound(1).assign(volume=1000.0),
    "few ticks, ranges of two sizes": tick_bound(2, wide=True),
    "few ticks every day": tick_bound(3, 900).assign(
        date=pd.date_range("2016-01-04", periods=900).astype(DATE_DTYPE)),
    "a few shares at the same price": flat(walk(300).assign(close=np.repeat(np.arange(5.0, 65), 5))).assign(
        volume=lambda t: np.where(t.index % 50 < 2, 100.0, t["volume"] % 1000)),
    "a coin": walk(freq="D"),
    "Sunday to Thursday": walk(weekmask=RIYADH),
}  # fmt: skip


@pytest.mark.parametrize("name", GENUINE)
def test_what_a_market_may_do_by_itself_is_kept(name):
    prices, report = clean(GENUINE[name], allow_splits=True)
    assert len(prices) == len(GENUINE[name])
    assert not repeated(report)["count"]


@pytest.mark.parametrize("high", [100.0, 101.0])
def test_a_ticker_that_never_moves_is_constant_and_not_shortened_to_one_bar(high):
    raw = walk(30).assign(open=100.0, close=100.0, low=100.0, high=high, volume=500.0)
    with pytest.raises(InputError, match="1 x constant"):
        clean(raw)


def test_no_other_ticker_loses_a_bar():
    sound = walk(ticker="OTHER", seed=1)
    prices, report = clean(pd.concat([every_day(walk()), sound]))
    assert repeated(report)["tickers"] == {"FILL": 46}
    pd.testing.assert_frame_equal(prices[prices["ticker"] == "OTHER"].reset_index(drop=True), sound)


def test_a_split_behind_dropped_copies_is_still_found():
    raw = frozen(walk(), slice(50, 60))
    raw.loc[60:, OHLC] /= 4
    with pytest.raises(InputError, match="1 x unadjusted_split"):
        clean(raw)


def thin(n=1250, seed=0):
    """A ticker of few ticks that trades some round lots a day: some of its bars come twice by chance."""
    rng = np.random.default_rng(seed)
    close = np.round(5 + 0.05 * np.cumsum(rng.choice([-1, 0, 0, 1], n)), 2)
    low = np.round(close - 0.05 * (rng.random(n) < 0.5), 2)
    volume = 100.0 * rng.geometric(0.02, n)
    return walk(n, "2018-01-01").assign(open=close, high=close, low=low, close=close, volume=volume)


@pytest.mark.parametrize("seed", range(6))
def test_a_thin_tickers_coincidences_are_no_copies_in_the_table_or_in_a_part_of_it(seed):
    bars = thin(seed=seed)
    same = (bars[[*OHLC, "volume"]] == bars[[*OHLC, "volume"]].shift()).all(axis=1)
    assert 0 < same.sum() < 0.02 * len(bars)
    kept, report = clean(bars)
    assert repeated(report)["count"] == 0
    for days in (443, 600, 900):
        assert repeated(clean(kept[-days:])[1])["count"] == 0


def test_one_copy_among_bars_of_different_volume_is_one():
    bars = walk(1250, "2018-01-01")
    bars.loc[600, [*OHLC, "volume"]] = bars.loc[599, [*OHLC, "volume"]]
    assert repeated(clean(bars)[1])["count"] == 1


def test_a_frozen_feed_of_a_thin_ticker_is_seen():
    bars = thin()
    bars.loc[1239, "high"] += 0.05
    bars.loc[1240:, [*OHLC, "volume"]] = bars.loc[1239, [*OHLC, "volume"]].to_numpy()
    kept, report = clean(bars)
    assert kept["date"].max() == bars["date"][1239]
    assert repeated(report)["count"] >= 10


@pytest.mark.parametrize(("weeks", "freq", "count"), [("W", "D", "FRI"), ("W", "B", "WED"), ("ME", "B", "")])
@pytest.mark.parametrize("how", ["linear", "rounded", "geometric"])
def test_rarer_bars_made_daily_are_told(weeks, freq, count, how):
    rare = walk(1000, "2018-01-01").set_index("date")[[*OHLC, "volume"]]
    rare = rare.resample(f"{weeks}-{count}" if count else weeks).last()
    rare = np.log(rare) if how == "geometric" else rare
    days = rare.resample("D").interpolate()
    days = np.exp(days) if how == "geometric" else days.round(2 if how == "rounded" else 15)
    days = days[days.index.dayofweek < 5] if freq == "B" else days
    days = days.reset_index().assign(ticker="A", adj_close=np.nan).astype({"date": DATE_DTYPE})
    prices, report = clean(days[list(PRICES)])
    found = {finding["kind"]: finding["count"] for finding in report["findings"]}
    assert len(prices) == len(days)
    assert found["interpolated"] > 0.5 * len(days)
    with pytest.raises(InputError, match="x interpolated"):
        clean(days[list(PRICES)], strict=True)


@pytest.mark.parametrize("name", GENUINE)
def test_what_moves_by_itself_is_not_interpolated(name):
    _, report = clean(GENUINE[name], allow_splits=True)
    assert "interpolated" not in {finding["kind"] for finding in report["findings"]}


@pytest.mark.parametrize("seed", range(5))
def test_a_tick_up_or_down_every_day_is_not_interpolated(seed):
    close = 50 + 0.01 * np.cumsum(np.random.default_rng(seed).choice([-1, 1], 300))
    _, report = clean(flat(walk(300).assign(close=close)))
    assert "interpolated" not in {finding["kind"] for finding in report["findings"]}
