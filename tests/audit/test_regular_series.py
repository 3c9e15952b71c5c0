"""Series without noise, or with next to none: they raise no alarm, and a leak in them still does."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast.audit import audit, check_data, checks
from pricecast.audit.results import FAILED, START
from pricecast.audit.subjects import Subject
from pricecast.data.adjust import adjust
from pricecast.dataset import features
from pricecast.dataset.dataset import build
from pricecast.schema import DATE_DTYPE

N = 900
DAY = np.arange(N)
NOISE = np.random.default_rng(0).standard_normal(N)
SERIES = {
    "a line": 100 + 0.05 * DAY,
    "compound interest": 100 * 1.0005**DAY,
    "a sine": 100 + 10 * np.sin(DAY / 15),
    "a sine that fades": 100 + 10 * np.sin(DAY / 15) * np.exp(-DAY / 80),
    "an approach to a level": 100 * (1 + np.exp(-DAY / 60)),
    "stairs": 100 + np.floor(DAY / 25),
    "two prices in turn": np.where(DAY % 2, 100.0, 101.0),
    "one day off": np.where(DAY == 450, 101.0, 100.0),
    "a halt at the end": np.where(DAY > 700, 100.0, 100 + np.cumsum(np.where(DAY > 700, 0, NOISE)) * 0.1),
    "a peg to four digits": np.round(1 + 1e-4 * NOISE, 4),
    "a peg with rounding noise": 100 * (1 + 1e-12 * NOISE),
    "a storm before a peg": 100 * np.exp(np.cumsum(np.where(DAY < 400, 0.03, 1e-6) * NOISE)),
    "a peg that breaks": 1.2 * np.exp(np.cumsum(np.where(DAY < 600, 0, 0.01) * NOISE)),
    "a dear share that hardly moves": np.where(DAY == 500, 600_000.01, 600_000.0),
}

# All take long; of each sort, one is tried in the fast run.
FAST = ("a line", "an approach to a level", "two prices in turn", "a peg to four digits")
SOME_FAST = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in SERIES]

# One of its features varies by rounding alone, and a model of it would learn from that if it were scaled up.
FADING = "an approach to a level"


def prices_of(close, ticker="AAA", dividends=False):
    """Bars whose day opens at the last close; with dividends, whose adjusted close is below the close at first."""
    opened = np.r_[close[0], close[:-1]]
    factor = np.where(DAY < N // 3, 0.987 * 0.9931, np.where(DAY < N // 2, 0.9931, 1.0)) if dividends else 1.0
    return pd.DataFrame({
        "date": pd.bdate_range("2019-01-01", periods=N).astype(DATE_DTYPE), "ticker": ticker, "open": opened,
        "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close,
        "adj_close": close * factor, "volume": 1000.0,
    })  # fmt: skip


@cache
def dataset(name, dividends=False, scaler="standard"):
    return build(prices_of(SERIES[name], dividends=dividends), horizon=3, max_lookback=20, scaler=scaler)


def alarms(found):
    return [(check.name, check.about, check.violations) for check in found if check.result == FAILED]


@pytest.mark.parametrize("dividends", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SERIES)
def test_a_regular_series_raises_no_alarm(name, dividends):
    data = dataset(name, dividends)
    found = [*check_data.table_checks(data), *check_data.feature_checks(data, 1, quick=False)]
    assert len(found) == 9
    assert alarms(found) == []


# The warm-up forgets a past of up to a hundred times today's variance: after this storm, a forecast from as few
# bars as it asks for really is another one.
REMEMBERED = "a storm before a peg"


@pytest.mark.parametrize(
    "name", [FADING, *(pytest.param(n, marks=pytest.mark.slow) for n in SERIES if n not in (FADING, REMEMBERED))]
)
def test_models_of_a_regular_series_raise_no_alarm(name, monkeypatch):
    monkeypatch.setattr(audit, "CUTS", 1)
    subjects = [Subject(model, model, {}) for model in ("naive", "linear")]
    assert alarms(audit.full(dataset(name), subjects).checks) == []


def test_a_regular_series_beside_an_ordinary_one_raises_no_alarm():
    ordinary = prices_of(100 * np.exp(np.cumsum(0.01 * NOISE)), "BBB")
    data = build(
        pd.concat([prices_of(SERIES["one day off"]), ordinary], ignore_index=True), horizon=3, max_lookback=20
    )
    assert alarms([*check_data.table_checks(data), *check_data.feature_checks(data, 1, quick=False)]) == []


LEAKS = {
    "tomorrow's return": lambda bars: np.log(bars["close"]).diff().shift(-1),
    "the whole series' mean": lambda bars: bars["close"] / bars["close"].mean() - 1,
    "a centred mean": lambda bars: bars["close"] / bars["close"].rolling(5, center=True).mean() - 1,
}
QUIET = ("one day off", "a peg to four digits", "a peg with rounding noise", "a sine", "a line")


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("name", QUIET)
def test_a_leak_in_a_regular_series_is_found(name, leak):
    bars = adjust(prices_of(SERIES[name]))
    assert checks.features(lambda table: pd.DataFrame({"leak": LEAKS[leak](table)}), bars, n=2)


@pytest.mark.parametrize("name", SOME_FAST)
def test_a_price_level_among_features_is_found(name):
    """Pure, and as one hundredth of an honest feature."""
    names = [*features.RETURN_FEATURES]
    for share in (1.0, 0.01):

        def compute(prices, share=share):
            bars = adjust(prices)
            table = features.compute(bars)[names]
            return table.assign(ret_1=(1 - share) * table["ret_1"] + share * bars["close"] / 100)

        found = checks.adjustment(compute, prices_of(SERIES[name]), check_data.LEAST)
        assert {violation.column for violation in found} == {"ret_1"}


def test_a_level_is_found_whatever_its_unit():
    for unit in (1e-9, 1.0, 1e9):
        prices = prices_of(unit * SERIES["a line"])
        found = checks.adjustment(lambda prices: adjust(prices)[["close"]], prices)
        assert len(found) == len(checks.READJUSTMENTS)


def test_returns_of_any_size_are_not_found():
    for name in SERIES:
        honest = lambda prices: adjust(prices)[["close"]].pipe(np.log).diff().fillna(0.0)  # noqa: E731
        assert checks.adjustment(honest, prices_of(SERIES[name])) == []


REPEATING = {"compound interest": 100 * 1.001**DAY, "a fall": 1e4 * 0.99**DAY, "a sawtooth": 100 + DAY % 20.0}


@pytest.mark.parametrize(
    "name", [name if not n else pytest.param(name, marks=pytest.mark.slow) for n, name in enumerate(REPEATING)]
)
def test_where_rounding_decides_the_start_is_not_compared(name):
    """Of two equal values the larger one, as a tree, a neighbour or a quantile asks for it."""
    data = build(prices_of(REPEATING[name]), horizon=2, max_lookback=20)
    result = audit.full(data, [Subject("naive", "naive", {})])
    assert alarms(result.checks) == []
    assert [check.result for check in result.checks if check.name == START] == ["does not apply"]


@pytest.mark.slow
def test_beside_it_an_ordinary_ticker_is_compared():
    walk = 100 * np.exp(np.cumsum(0.01 * NOISE))
    prices = [prices_of(REPEATING["a sawtooth"]), prices_of(walk, "BBB")]
    data = build(pd.concat(prices, ignore_index=True), horizon=2, max_lookback=20)
    result = audit.full(data, [Subject("naive", "naive", {})])
    assert [check.result for check in result.checks if check.name == START] == ["passed"]
