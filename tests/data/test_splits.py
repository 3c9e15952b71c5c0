"""Splits of any ratio that nothing takes away, told from real moves; the array rule against a plain loop."""

import itertools
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricecast.data import quality
from pricecast.data.quality.splits import LARGEST
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE

AS_OF = pd.Timestamp("2024-12-31 12:00")
OHLC = ["open", "high", "low", "close"]


def walk(n=80, seed=0, noise=0.015, night=0.005, digits=6):
    """Bars that open near the last close, with a volume that varies."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(noise * rng.standard_normal(n)))
    open_ = np.append(50.0, close[:-1]) * np.exp(night * rng.standard_normal(n))
    high = np.maximum(open_, close) * np.exp(noise / 4 * np.abs(rng.standard_normal(n)))
    low = np.minimum(open_, close) * np.exp(-noise / 4 * np.abs(rng.standard_normal(n)))
    dates = pd.bdate_range("2023-01-02", periods=n).astype(DATE_DTYPE)
    frame = pd.DataFrame({"date": dates, "ticker": "A", "open": open_, "high": high, "low": low, "close": close})
    return frame.round(digits).assign(adj_close=np.nan, volume=1e5 * np.exp(0.3 * rng.standard_normal(n)))


def split(bars, ratio, row=40):
    """The later bars in prices of a split ratio:1, and in as many shares more."""
    later = bars.index >= row
    changed = {name: np.where(later, bars[name] / ratio, bars[name]) for name in OHLC}
    return bars.assign(**changed, volume=np.where(later, bars["volume"] * ratio, bars["volume"]))


def found(bars):
    _, report = quality.clean(bars, as_of=AS_OF, strict=False, allow_splits=True)
    return {finding["kind"]: finding for finding in report["findings"]}


WHOLE = [2, 7, 9, 11, 12, 14, 17, 22, 35, 40, 75, 120, 190, 333, 500, 1000]
FRACTIONS = [3 / 2, 4 / 3, 5 / 4, 5 / 3, 5 / 2]


@pytest.mark.parametrize("volume", [True, False])
@pytest.mark.parametrize("ratio", [*WHOLE, *FRACTIONS, *(1 / ratio for ratio in WHOLE + FRACTIONS)])
def test_any_ratio_is_fatal_unless_allowed(ratio, volume):
    bars = split(walk(seed=int(7 * ratio)), ratio)
    bars = bars if volume else bars.assign(volume=0.0)
    with pytest.raises(InputError, match=r"1 x unadjusted_split .* 2023-02-27.*--allow-splits true"):
        quality.clean(bars, as_of=AS_OF, strict=False, allow_splits=False)
    assert found(bars)["unadjusted_split"]["count"] == 1
    assert "jump" not in found(bars)


@pytest.mark.parametrize("row", [1, 3, 77, 79])
def test_a_split_at_the_ends_of_the_history_is_seen(row):
    assert found(split(walk(), 1 / 190, row))["unadjusted_split"]["count"] == 1


@pytest.mark.parametrize(("noise", "count"), [(0.04, 1), (0.01, 0)])
def test_a_wild_ticker_may_open_further_from_the_ratio(noise, count):
    bars = split(walk(noise=noise, night=noise / 2), 1 / 8)
    aside = 1.04 * 8 * bars["close"][39] / bars["open"][40]
    bars.loc[40:, OHLC] *= aside
    assert found(bars).get("unadjusted_split", {"count": 0})["count"] == count


def series(bars, *splits):
    for ratio, row in splits:
        bars = split(bars, ratio, row)
    return bars


SERIES = {
    "reverse splits of a company that sinks": (500, [(1 / 12, 100), (1 / 35, 250), (1 / 16, 400)]),
    "seven times 1:9": (1259, [(1 / 9, row) for row in range(120, 1200, 150)][:7]),
    "a leveraged fund": (900, [(1 / 12, 90), (11, 300), (1 / 9, 420), (1 / 22, 600), (14, 800)]),
    "nine and twelve by turns": (800, [(9, 100), (12, 200), (9, 300), (12, 400), (9, 500)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SERIES)
def test_splits_time_and_again_are_splits(name):
    days, splits = SERIES[name]
    bars = series(walk(days, seed=3), *splits)
    assert found(bars.assign(date=pd.bdate_range("2019-01-02", periods=days).astype(DATE_DTYPE)))[
        "unadjusted_split"]["count"] == len(splits)  # fmt: skip


def test_one_price_a_day_splits_too():
    bars = walk()
    bars = bars.assign(**dict.fromkeys(OHLC, bars["close"]))
    assert found(split(bars, 9))["unadjusted_split"]["count"] == 1


def with_news(bars, ratio=3 / 2):
    bars = bars.copy()
    bars.loc[40:, OHLC] /= ratio
    bars.loc[40, "volume"] *= 12
    return bars


def one_print(bars, factor):
    bars = bars.copy()
    bars.loc[40, OHLC] *= factor
    return bars


def often(bars):
    """A stock that falls by a quarter time and again."""
    bars = bars.copy()
    for row in (15, 30, 40, 60):
        bars.loc[row:, OHLC] /= 4 / 3
    return bars


def crisis(bars):
    """Days as wild as the fall itself."""
    bars = bars.copy()
    swing = np.where((bars.index >= 20) & (bars.index % 2), 1.12, 1.0)
    bars[OHLC] = bars[OHLC].mul(swing, axis=0)
    bars.loc[40:, OHLC] /= 4 / 3
    return bars


def within_the_day(bars, ratio):
    bars = split(bars, ratio)
    previous = bars["close"].shift()
    bars.loc[40, "open"] = previous[40]
    return bars.assign(high=bars[["open", "high"]].max(axis=1), low=bars[["open", "low"]].min(axis=1))


REAL = {
    "a fall by a third on news": with_news(walk()),
    "a rise by a quarter on news": with_news(walk(), 4 / 5),
    "a price that is wrong for a day": one_print(walk(), 190),
    "a price that is wrong for a day, 1000 times": one_print(walk(), 1000),
    "a third off for a day": one_print(walk(), 2 / 3),
    "a quarter off time and again": often(walk()),
    "a quarter off in a crisis": crisis(walk()),
    "a crash within the day": within_the_day(walk(), 12),
    "a coin that loses a third": walk(night=0.0).assign(**{
        name: lambda t, name=name: np.where(t.index >= 40, t[name] / 1.5, t[name]) for name in ("close", "low")
    }).assign(open=lambda t: t["close"].shift(fill_value=50.0), high=lambda t: t[["open", "close"]].max(axis=1)),
    "near no ratio": split(walk(), 1.43),
    "a rise beyond any ratio": split(walk(), 1 / 5000),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_a_real_move_is_no_split(name):
    assert "unadjusted_split" not in found(REAL[name])


@pytest.mark.parametrize(("low", "high"), [(0.0001, 0.0002), (0.0002, 0.0004), (1, 2), (0.01, 0.03)])
def test_a_price_of_a_few_ticks_moves_without_a_split(low, high):
    price = np.repeat([low, high, low], 30).astype(float)
    bars = walk(90).assign(**dict.fromkeys(OHLC, price), volume=1000.0)
    assert set(found(bars)) == {"unadjusted", "jump"}


def test_a_split_of_a_few_ticks_to_many_is_seen():
    price = np.append(np.repeat(0.0002, 40), np.round(0.2 * walk(40)["close"] / 50, 4))
    bars = walk(80).assign(**dict.fromkeys(OHLC, price), volume=np.arange(80.0) + 1)
    assert found(bars)["unadjusted_split"]["count"] == 1


@pytest.mark.parametrize(
    ("ratio", "kind"), [(190, "split"), (1 / 37, "split"), (1.5, "split"), (1.3, "distribution")]
)
def test_a_ratio_that_adj_close_takes_away_is_named(ratio, kind):
    bars = split(walk(), ratio)
    _, report = quality.clean(bars.assign(adj_close=walk()["close"]), as_of=AS_OF, strict=True, allow_splits=False)
    assert [finding["kind"] for finding in report["findings"]] == [kind]


# --- the array rule against a plain loop ----------------------------------------------------------------------


def by_hand(bars):
    """Rows of one ticker that look like a split of another than a common ratio, as a plain loop finds them."""
    rows = bars.to_dict("records")
    nights = [math.log(b["open"] / a["close"]) for a, b in itertools.pairwise(rows)]
    moves = [math.log(b["close"] / a["close"]) for a, b in itertools.pairwise(rows)]
    marked = []
    for i, (night, move) in enumerate(zip(nights, moves, strict=True), 1):
        size, whole = abs(night), move if night > 0 else -move
        noise = []
        for values in (nights, moves):
            sizes = [abs(value) for value in values]
            before = sizes[max(0, i - 21) : i - 1]
            local = statistics.median(before) if len(before) >= 3 else 0
            noise.append(1.4826 * max(statistics.median(sizes), local))
        volumes = [row["volume"] for row in rows[max(0, i - 20) : i]]
        usual = statistics.median(volumes) if len(volumes) >= 3 else 0
        crowded = rows[i]["volume"] > 3 * usual * max(1, math.exp(-night))
        ratios = [(n, min(2.5 * noise[0], 0.06), min(3 * noise[1], 0.3)) for n in range(2, 9)]
        ratios += [
            (n, min(2.5 * noise[0], 0.03), min(3 * noise[1], 0.15))
            for n in (5 / 4, 4 / 3, 3 / 2, 5 / 3, 7 / 4, 7 / 3, 5 / 2, 7 / 2)
        ]
        near = any(
            abs(size - math.log(n)) <= at_open and abs(whole - math.log(n)) <= at_close
            for n, at_open, at_close in ratios
        )
        dense = math.log(8.5) < size < math.log(LARGEST) + 0.03 and abs(whole - size) <= 0.15
        between = math.log(max(rows[i]["low"] / rows[i - 1]["high"], rows[i - 1]["low"] / rows[i]["high"]))
        up = 1 if move > 0 else -1
        back = [up * math.log(rows[i]["close"] / row["close"]) for row in rows[i + 1 : i + 6]]
        back += [up * math.log(row["close"] / rows[i - 1]["close"]) for row in rows[max(0, i - 6) : i - 1]]
        strange = size >= 8 * noise[1] and between > size / 2
        if ((near and not crowded) or dense) and strange and max(back, default=0) <= abs(move) / 2:
            marked.append(i)
    return [i for i in marked if _is_rare(i, nights, marked)]


def _is_rare(i, nights, marked):
    """Few moves of half as much, but for those that look like a ratio of 2 or more themselves."""
    size = abs(nights[i - 1])
    alike = {j for j in marked if j != i and abs(nights[j - 1]) > math.log(2) - 0.06}
    often = sum(abs(night) >= size / 2 for j, night in enumerate(nights, 1) if j not in alike)
    return often <= max(2, 0.005 * (len(nights) + 1))


def common(bars):
    """Rows that look like a split of a common ratio."""
    before = bars["close"].shift()
    night, move = np.log(bars["open"] / before), np.log(bars["close"] / before)
    near = [
        (abs(night - sign * math.log(n)) <= 0.03) & (abs(move - sign * math.log(n)) <= 0.15)
        for n in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100) for sign in (1, -1)
    ]  # fmt: skip
    return list(np.flatnonzero(np.any(near, axis=0)))


@pytest.mark.parametrize("seed", range(40))
def test_other_ratios_equal_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    bars = walk(rng.integers(2, 120), seed, noise=rng.choice([0.005, 0.02, 0.05]), night=rng.choice([0.002, 0.03]))
    for _ in range(rng.integers(4)):
        ratio = rng.choice([5 / 4, 4 / 3, 3 / 2, 7 / 4, 3, 9, 12, 190, 1.4]) * np.exp(0.02 * rng.standard_normal())
        bars = split(bars, ratio if rng.integers(2) else 1 / ratio, rng.integers(1, len(bars)))
        busy = rng.integers(len(bars))
        bars.loc[busy, "volume"] *= rng.choice([1, 10])
    expected = sorted(set(by_hand(bars)) | set(common(bars)))
    report = found(bars)
    unit = report.get("currency_unit", {"count": 0})["count"]
    assert report.get("unadjusted_split", {"count": 0})["count"] == len(expected) - unit


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([2, 3, 1 / 4, 1 / 7, 1 / 2, 1, 1.5]), st.floats(0.9, 1.1), st.floats(0.8, 1.25)),
        min_size=1,
        max_size=8,
    )
)
def test_any_moves_equal_a_plain_loop(moves):
    closes, opens = [100.0], [100.0]
    for ratio, night, whole in moves:
        opens.append(closes[-1] * ratio * night)
        closes.append(closes[-1] * ratio * whole)
    if len(set(closes)) == 1:
        return
    wide = {"high": np.maximum(opens, closes), "low": np.minimum(opens, closes)}
    bars = walk(len(closes)).assign(open=opens, close=closes, **wide, volume=np.arange(1.0, len(closes) + 1))
    expected = set(by_hand(bars)) | set(common(bars))
    assert found(bars).get("unadjusted_split", {"count": 0})["count"] == len(expected)
