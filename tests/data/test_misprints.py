"""Closes that come back the next day, and highs and lows that no other price is near."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data import quality
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE

AS_OF = pd.Timestamp("2024-12-31 12:00")
OHLC = ["open", "high", "low", "close"]
ROW = 150


def walk(n=300, seed=0, noise=0.015, ticker="A"):
    """Bars of usual days, adjusted for dividends."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(noise * rng.standard_normal(n)))
    open_ = np.append(50.0, close[:-1]) * np.exp(noise / 3 * rng.standard_normal(n))
    high = np.maximum(open_, close) * np.exp(noise / 4 * np.abs(rng.standard_normal(n)))
    low = np.minimum(open_, close) * np.exp(-noise / 4 * np.abs(rng.standard_normal(n)))
    dates = pd.bdate_range("2023-01-02", periods=n).astype(DATE_DTYPE)
    frame = pd.DataFrame({"date": dates, "ticker": ticker, "open": open_, "high": high, "low": low, "close": close})
    return frame.assign(adj_close=close * 0.9, volume=1e5 * np.exp(0.3 * rng.standard_normal(n)))


def times(bars, factor, columns, rows=slice(ROW, ROW)):
    bars = bars.copy()
    bars.loc[rows, columns] *= factor
    return bars


def clean(bars, strict=False, allow_splits=False):
    return quality.clean(bars, as_of=AS_OF, strict=strict, allow_splits=allow_splits)


def kinds(report):
    return {finding["kind"]: finding["count"] for finding in report["findings"]}


# --- closes ---------------------------------------------------------------------------------------------------

WHOLE, ADJUSTED = [*OHLC, "adj_close"], ["close", "adj_close"]
FACTORS = [1000, 100, 37.3, 10, 4, 1 / 10, 1 / 100]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("columns", [WHOLE, ADJUSTED, OHLC, ["close"], ["adj_close"]])
def test_a_close_that_comes_back_the_next_day_is_dropped(columns, factor):
    bars = times(walk(), factor, columns)
    prices, report = clean(bars)
    sound = walk().drop(index=ROW).reset_index(drop=True)
    pd.testing.assert_frame_equal(prices, sound)
    assert {name: count for name, count in kinds(report).items() if "outside" not in name} == {"misprint": 1}
    with pytest.raises(InputError, match="1 x misprint"):
        clean(bars, strict=True)
    pd.testing.assert_frame_equal(clean(prices)[0], prices)


@pytest.mark.parametrize("factor", FACTORS)
def test_so_is_one_without_adjustment_and_no_split_is_told(factor):
    bars = times(walk().assign(adj_close=np.nan), factor, OHLC)
    assert kinds(clean(bars)[1]) == {"misprint": 1, "unadjusted": 1}


@pytest.mark.parametrize("days", [2, 3])
def test_a_feed_may_be_wrong_for_some_days(days):
    bars = times(walk(), 10, WHOLE, slice(ROW, ROW + days - 1))
    assert kinds(clean(bars)[1]) == {"misprint": days}


@pytest.mark.parametrize("row", [1, 3, 298])
def test_misprints_near_the_ends_and_in_calm_and_wild_tickers(row):
    for noise in (0.0005, 0.04):
        bars = times(walk(noise=noise), 10, WHOLE, slice(row, row))
        assert kinds(clean(bars)[1]) == {"misprint": 1}


def test_the_example_names_the_closes_beside():
    bars = walk(30).assign(
        **dict.fromkeys(WHOLE, np.r_[np.tile([10.0, 10.1], 10), 1010, np.tile([10.0, 10.1], 5)][:30])
    )
    _, report = clean(bars)
    finding = next(finding for finding in report["findings"] if finding["kind"] == "misprint")
    assert finding["examples"] == ["A 2023-01-30: close 1010, the bar before 10.1, the bar after 10"]


def test_no_bar_of_another_ticker_is_beside():
    cheap, dear = walk(ticker="A"), times(walk(ticker="B"), 500, WHOLE, slice(None))
    assert "misprint" not in kinds(clean(pd.concat([cheap, dear, walk(ticker="C")], ignore_index=True))[1])


def two_days(bars, there, back):
    bars = times(bars, there, WHOLE, slice(ROW, None))
    return times(bars, back, WHOLE, slice(ROW + 1, None))


REAL = {
    "a fall to a quarter, half of it made up": two_days(walk(), 1 / 4, 2),
    "three times the price for a day, by a wild ticker": two_days(walk(noise=0.15), 3.5, 1 / 3.5),
    "a rise that stays": times(walk(), 3.7, WHOLE, slice(ROW, None)),
    "twice the price for a day": two_days(walk(), 2, 1 / 2),
    "a few ticks": walk().assign(**dict.fromkeys(WHOLE, np.tile(np.repeat([1.0, 1, 1, 1, 4, 1], 10), 5) / 1e4)),
    "the last bar": times(walk(), 3.7, WHOLE, slice(299, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_what_a_market_may_do_stays(name):
    prices, report = clean(REAL[name], allow_splits=True)
    assert "misprint" not in kinds(report)
    assert len(prices) == len(REAL[name]) - kinds(report).get("repeated", 0)


# --- highs and lows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [0, 5, ROW, 299])
@pytest.mark.parametrize(("end", "factor"), [("high", 10), ("low", 1 / 10), ("high", 2), ("low", 1 / 1000)])
def test_an_end_of_the_range_that_is_far_from_all_else_is_moved(end, factor, row):
    bars = times(walk(), factor, end, slice(row, row))
    prices, report = clean(bars)
    expected = walk()
    inner = (np.maximum if end == "high" else np.minimum)(expected["open"], expected["close"])
    expected.loc[row, end] = inner[row]
    pd.testing.assert_frame_equal(prices, expected)
    assert kinds(report) == {"range": 1}
    with pytest.raises(InputError, match="1 x range"):
        clean(bars, strict=True)


def test_both_ends_of_a_day_may_be_wrong_and_days_of_other_tickers():
    bars = pd.concat([times(times(walk(), 10, "high"), 1 / 10, "low"), walk(ticker="B")], ignore_index=True)
    prices, report = clean(bars)
    assert kinds(report) == {"range": 1}
    assert prices.loc[ROW, "high"] == prices.loc[ROW, ["open", "close"]].max()
    assert prices.loc[ROW, "low"] == prices.loc[ROW, ["open", "close"]].min()


def test_a_split_the_day_after_does_not_hide_it():
    bars = times(walk(), 1 / 4, OHLC, slice(ROW + 1, None))
    bars["adj_close"] = walk()["adj_close"]
    assert kinds(clean(times(bars, 10, "high"))[1]) == {"split": 1, "range": 1}


CRASHES = {
    "traded": times(times(walk(), 1 / 3, "low"), 20, "volume"),
    "the close falls, too": times(times(walk(), 1 / 3, "low"), 0.85, WHOLE, slice(ROW, None)),
    "the close falls within the day": times(walk(), 1 / 3, ["low", "close", "adj_close"]),
    "the open was there": times(walk(), 1 / 3, ["open", "low"]),
    "less than half": times(walk(), 0.7, "low"),
    "wild days": times(walk(noise=0.1), 1 / 1.8, "low"),
    "a tick of few": walk().assign(open=1e-4, low=1e-4, high=2e-4).assign(**dict.fromkeys(
        ADJUSTED, np.where(np.arange(300) % 7, 1e-4, 2e-4))),
}  # fmt: skip


def test_a_crash_of_many_tickers_stays():
    market = [walk(seed=seed, ticker=f"T{seed:02}") for seed in range(20)]
    crash = [times(bars, 1 / 3, "low") if i < 4 else bars for i, bars in enumerate(market)]
    assert "range" not in kinds(clean(pd.concat(crash, ignore_index=True))[1])
    wrong = [times(bars, 1 / 3, "low") if i < 2 else bars for i, bars in enumerate(market)]
    assert kinds(clean(pd.concat(wrong, ignore_index=True))[1]) == {"range": 2}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_within_a_day_stays(name):
    assert "range" not in kinds(clean(CRASHES[name])[1])
