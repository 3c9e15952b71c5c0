import itertools
import math
from functools import partial

import numpy as np
import pandas as pd
import pytest

from pricecast.audit import checks, subjects
from pricecast.audit.perturb import GARBAGE, cuts
from pricecast.data.adjust import adjust
from pricecast.dataset import features
from pricecast.dataset.features import FEATURES, PRICE_FEATURES, RETURN_FEATURES, compute
from tests.support.market_samples import market, prices_of

FLOOR = 1e-6
RECIPES = ("return", "price")
# --- the slow reference: one row at a time, plain loops ---------------------------------------------------


def weighted(values, decay):
    """Mean of the values so far, each weighing decay**age; None counts as not there."""
    known = [value for value in values if value is not None]
    weights = [decay ** (len(known) - 1 - i) for i in range(len(known))]
    return sum(w * x for w, x in zip(weights, known, strict=True)) / sum(weights)


def mean(values):
    return math.fsum(values) / len(values)


def deviation(values):
    middle = mean(values)
    return math.sqrt(math.fsum((x - middle) ** 2 for x in values) / (len(values) - 1))


class Day:
    """Bars of one ticker that are known at the close of row i."""

    def __init__(self, bars, i):
        rows = bars.iloc[: i + 1]
        self.date = rows["date"].iloc[-1]
        self.o, self.h, self.l, self.c, self.v = (
            rows[x].tolist() for x in ("open", "high", "low", "close", "volume")
        )
        self.r = [math.log(b / a) for a, b in itertools.pairwise(self.c)]
        self.scale = max(math.sqrt(weighted([r * r for r in self.r], 0.94)), FLOOR)

    def move(self, days):
        return math.log(self.c[-1] / self.c[-1 - days]) / (self.scale * math.sqrt(days))

    def ratio(self, volatility):
        return math.log(max(volatility, FLOOR) / self.scale)

    def garman_klass(self):
        days = [
            0.5 * math.log(h / low) ** 2 - (2 * math.log(2) - 1) * math.log(c / o) ** 2
            for o, h, low, c in list(zip(self.o, self.h, self.l, self.c, strict=True))[-10:]
        ]
        return self.ratio(math.sqrt(max(mean(days), 0)))

    def parkinson(self):
        days = [math.log(h / low) ** 2 for h, low in list(zip(self.h, self.l, strict=True))[-10:]]
        return self.ratio(math.sqrt(mean(days) / (4 * math.log(2))))

    def atr(self):
        ranges = [
            max(self.h[i] - self.l[i], abs(self.h[i] - self.c[i - 1]), abs(self.l[i] - self.c[i - 1])) / self.c[i]
            for i in range(1, len(self.c))
        ]
        return self.ratio(weighted(ranges, 13 / 14))

    def rsi(self):
        up = weighted([max(r, 0) for r in self.r], 13 / 14)
        down = weighted([max(-r, 0) for r in self.r], 13 / 14)
        return (up - down) / (up + down) if up + down > 0 else 0.0

    def macd(self):
        logs = [math.log(c) for c in self.c]
        lines = [
            weighted(logs[: i + 1], 1 - 2 / 13) - weighted(logs[: i + 1], 1 - 2 / 27) for i in range(len(logs))
        ]
        return (lines[-1] - weighted(lines, 1 - 2 / 10)) / self.scale

    def bollinger(self):
        days = self.c[-20:]
        return (days[-1] - mean(days)) / (2 * deviation(days))

    def volume_z(self):
        ends = range(len(self.v) - 19, len(self.v) + 1)
        days = [math.log(self.v[end - 1] / mean(self.v[end - 20 : end]) + 0.01) for end in ends]
        return (days[-1] - mean(days)) / deviation(days)

    def distance(self, level, days):
        return math.log(self.c[-1] / level) / (self.scale * math.sqrt(days))


REFERENCE = {
    "ret_1": lambda day: day.move(1),
    "ret_2": lambda day: day.move(2),
    "ret_5": lambda day: day.move(5),
    "ret_10": lambda day: day.move(10),
    "ret_20": lambda day: day.move(20),
    "gap": lambda day: math.log(day.o[-1] / day.c[-2]) / day.scale,
    "intraday": lambda day: math.log(day.c[-1] / day.o[-1]) / day.scale,
    "vol_ewma": lambda day: math.log(day.scale),
    "vol_ratio": lambda day: day.ratio(math.sqrt(mean([r * r for r in day.r[-5:]]))),
    "garman_klass_10": Day.garman_klass,
    "parkinson_10": Day.parkinson,
    "atr_14": Day.atr,
    "rsi_14": Day.rsi,
    "macd": Day.macd,
    "bollinger_20": Day.bollinger,
    "volume_z_20": Day.volume_z,
    "ma_10": lambda day: day.distance(mean(day.c[-10:]), 10),
    "ma_50": lambda day: day.distance(mean(day.c[-50:]), 50),
    "high_60": lambda day: day.distance(max(day.h[-60:]), 60),
    "low_60": lambda day: day.distance(min(day.l[-60:]), 60),
    "weekday_sin": lambda day: math.sin(2 * math.pi * day.date.isoweekday() / 7),
    "weekday_cos": lambda day: math.cos(2 * math.pi * day.date.isoweekday() / 7),
    "month_sin": lambda day: math.sin(2 * math.pi * day.date.month / 12),
    "month_cos": lambda day: math.cos(2 * math.pi * day.date.month / 12),
    "price_open": lambda day: day.o[-1],
    "price_high": lambda day: day.h[-1],
    "price_low": lambda day: day.l[-1],
    "price_close": lambda day: day.c[-1],
    "price_volume": lambda day: day.v[-1],
}


@pytest.fixture(scope="module")
def bars():
    return adjust(market((("AAA", 150), ("BBB", 110), ("CCC", 64))))


@pytest.fixture(scope="module")
def days(bars):
    """By ticker and row, what the reference knows."""
    tables = {ticker: group.reset_index(drop=True) for ticker, group in bars.groupby("ticker")}
    return {(ticker, i): Day(table, i) for ticker, table in tables.items() for i in range(60, len(table), 7)}


def values(table, recipe):
    return table[[*FEATURES[recipe], "close", "scale"]].to_numpy()


# --- values ------------------------------------------------------------------------------------------------


def test_every_feature_has_a_reference():
    assert set(REFERENCE) == set(RETURN_FEATURES) | set(PRICE_FEATURES)
    assert not set(RETURN_FEATURES) & set(PRICE_FEATURES)


@pytest.mark.parametrize(("recipe", "name"), [(recipe, name) for recipe in RECIPES for name in FEATURES[recipe]])
def test_a_feature_equals_its_plain_loop(bars, days, recipe, name):
    table = compute(bars, recipe)
    columns = {ticker: group[name].to_numpy() for ticker, group in table.groupby("ticker")}
    for (ticker, i), day in days.items():
        assert columns[ticker][i] == pytest.approx(REFERENCE[name](day), rel=1e-9, abs=1e-9), (ticker, i)


def test_scale_is_pandas_ewm_of_squared_returns(bars):
    table = compute(bars)
    for _, group in table.groupby("ticker"):
        returns = np.log(group["close"]).diff()
        expected = (returns**2).ewm(alpha=0.06, ignore_na=True).mean() ** 0.5
        assert np.isnan(group["scale"].iloc[0])
        np.testing.assert_allclose(group["scale"].iloc[1:], expected.iloc[1:], rtol=1e-12)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 1.0])
def test_the_scale_of_a_price_that_stands_still_equals_a_plain_loop(share):
    rng = np.random.default_rng(0)
    returns = np.where(rng.random(300) < share, 0.0, 0.01 * rng.standard_normal(300))
    # Rounded, so that equal prices are equal to the last bit.
    close = np.round(100 * np.exp(np.cumsum(returns)), 6)
    bars = adjust(prices_of(returns).assign(**dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)))
    moves = [0.0, *np.log(close[1:] / close[:-1]).tolist()]
    variances, expected = [], [math.nan]
    for day in range(1, 300):
        variance = moves[day] ** 2
        if day > 1 and moves[day] == moves[day - 1] == 0:
            # In half a tick on either side of the last price the unseen one is equally likely everywhere.
            recent = [abs(move) for move in moves[max(day - 29, 1) : day + 1] if move != 0]
            variance = (mean(recent) if recent else 0.0) ** 2 / 12
        variances.append(variance)
        expected.append(max(math.sqrt(weighted(variances, 0.94)), FLOOR))
    np.testing.assert_allclose(compute(bars)["scale"], expected, rtol=1e-9)


def test_the_table_keeps_rows_dates_and_closes(bars):
    table = compute(bars)
    assert list(table.columns) == ["date", "ticker", *RETURN_FEATURES, "close", "scale"]
    for name in ("date", "ticker", "close"):
        pd.testing.assert_series_equal(table[name], bars[name])


def test_computing_leaves_the_bars_alone(bars):
    before = bars.copy(deep=True)
    compute(bars)
    pd.testing.assert_frame_equal(bars, before)


@pytest.mark.parametrize("recipe", RECIPES)
def test_only_the_first_sixty_rows_of_a_ticker_lack_features(bars, recipe):
    table = compute(bars, recipe)
    row = table.groupby("ticker").cumcount().to_numpy()
    missing = table[list(FEATURES[recipe])].isna().to_numpy()
    assert missing[row < 60].all()
    assert not missing[row >= 60].any()


# --- no look ahead, no look aside --------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_features_know_neither_what_comes_later_nor_other_tickers(bars, recipe):
    # Every date on which a ticker starts or fills its longest window, too.
    row = bars.groupby("ticker").cumcount()
    dates = sorted({*cuts(bars), *bars["date"][row.isin([0, 1, 59, 60, 61])]})
    watched = partial(compute, target=recipe)
    assert checks.prefix(watched, bars, dates) == []
    assert checks.isolation(watched, bars, GARBAGE) == []


def test_a_later_split_or_dividend_changes_no_return_feature():
    prices = market((("AAA", 150), ("BBB", 110)))
    factor = np.where(prices["date"] < prices["date"].iloc[100], 0.5, 1.0)
    assert checks.adjustment(subjects.recipe("return"), prices.assign(adj_close=factor * prices["close"])) == []


def test_a_later_split_changes_every_price_feature():
    violations = checks.adjustment(subjects.recipe("price"), market((("AAA", 150),)))
    assert {violation.column for violation in violations} == set(PRICE_FEATURES)


# --- warm-up -----------------------------------------------------------------------------------------------


def test_the_warm_up_is_of_a_sensible_length():
    # About as long as a decay of .94 takes to fade to 1e-11; and a looser promise needs less.
    assert 300 <= features.warmup() <= 600
    assert features.warmup(1e-3) < features.warmup(1e-6) < features.warmup(1e-9)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "calm", ["steady", "after a storm", "after a crash", "a cheap one", "a dear one", "sticky"]
)
def test_after_the_warm_up_the_forgotten_past_is_gone(recipe, calm):
    need = features.warmup()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        returns = 0.01 * rng.standard_normal(need + 640)
        if calm == "after a storm":
            returns[:600] *= 10
        if calm == "after a crash":
            returns[599] = -0.7
        if calm == "sticky":
            returns[rng.random(len(returns)) < 0.8] = 0.0
        bars = adjust(prices_of(returns, seed=seed))
        factor = {"a cheap one": 1e-4, "a dear one": 1e4}.get(calm, 1.0)
        bars[["open", "high", "low", "close"]] *= factor
        full = values(compute(bars, recipe), recipe)[600:]
        late = values(compute(bars.iloc[600:].reset_index(drop=True), recipe), recipe)
        np.testing.assert_allclose(late[need - 1 :], full[need - 1 :], rtol=1e-9, atol=1e-9)


def test_one_memory_shorter_and_the_past_still_shows():
    # The promise is no wide miss on the safe side: a third of the bars is far too few.
    need = features.warmup() // 3
    returns = 0.01 * np.random.default_rng(0).standard_normal(need + 600)
    returns[:600] *= 10
    bars = adjust(prices_of(returns))
    full, late = compute(bars)["scale"].iloc[-1], compute(bars.iloc[600:].reset_index(drop=True))["scale"].iloc[-1]
    assert abs(late / full - 1) > 1e-9


# --- odd series --------------------------------------------------------------------------------------------


def flat(bars, rows, price=True, volume=None):
    """The bars with one price (and volume) over some rows."""
    bars = bars.copy()
    if price:
        level = bars["close"].iloc[rows.start - 1 if rows.start else 0]
        bars.loc[bars.index[rows], ["open", "high", "low", "close"]] = level
    if volume is not None:
        bars.loc[bars.index[rows], "volume"] = volume
    return bars


@pytest.fixture(scope="module")
def halts():
    """Tables of a series that stands still for a while, early or late, cheap or dear, with and without trades."""
    tables = {}
    for first, last, volume, factor in itertools.product((0, 100, 380), (260, 400), (None, 0.0), (1e-5, 1.0, 1e5)):
        if first < last:
            bars = flat(adjust(market((("AAA", 400),))), slice(first, last), volume=volume)
            bars[["open", "high", "low", "close"]] *= factor
            tables[first, last, volume, factor] = compute(bars)
    return tables


@pytest.mark.parametrize("name", list(RETURN_FEATURES))
def test_halted_trading_gives_finite_features(halts, name):
    for case, table in halts.items():
        assert np.isfinite(table[name].iloc[60:]).all(), case
        assert (table["scale"].iloc[1:] >= FLOOR).all(), case


def test_a_standing_price_is_in_the_middle_of_everything():
    table = compute(flat(adjust(market((("AAA", 400),))), slice(100, 300), volume=7.0)).iloc[200:300]
    for name in ("ret_1", "ret_20", "gap", "intraday", "bollinger_20", "volume_z_20"):
        assert table[name].abs().max() == 0, name
    for name in ("ma_10", "ma_50"):
        assert table[name].abs().max() < 1e-6, name


def test_a_whole_history_without_a_move_or_a_trade_is_finite():
    bars = flat(adjust(market((("AAA", 150),))), slice(0, 150), volume=0.0)
    table = compute(bars).iloc[60:]
    assert np.isfinite(table[list(RETURN_FEATURES)].to_numpy()).all()
    assert (table["scale"] == FLOOR).all()
    assert (table["rsi_14"] == 0).all()


def test_rsi_reaches_its_ends():
    rise = adjust(prices_of(np.full(100, 0.01)))
    fall = adjust(prices_of(np.full(100, -0.01)))
    assert compute(rise)["rsi_14"].iloc[-1] == pytest.approx(1)
    assert compute(fall)["rsi_14"].iloc[-1] == pytest.approx(-1)


def test_price_units_do_not_matter_to_return_features(bars):
    dear = bars.assign(**{name: bars[name] * 1024 for name in ("open", "high", "low", "close")})
    names = list(RETURN_FEATURES)
    np.testing.assert_allclose(compute(dear)[names], compute(bars)[names], rtol=1e-9, atol=1e-9)
