"""Bars without open, high and low, or without volume: every model learns from closes, live as in the past."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast.data import quality
from pricecast.dataset import dataset, subsets
from pricecast.dataset.features import NEEDS, RANGE, VOLUME
from pricecast.errors import InputError
from pricecast.forecasting import fitting, parity
from pricecast.models import _realised
from pricecast.schema import PRICES, RANGE_COLUMNS
from tests.support import fitted_samples
from tests.support.fitted_samples import LONG, NAMES, PRICE_LIKE, made, small
from tests.support.market_samples import market

LACKS = {"open": np.nan, "high": np.nan, "low": np.nan, "volume": np.nan}
FEW = ("naive", "har", "garch", "lstm", "forest")
CELLS = [pytest.param(name, marks=[] if name in FEW else pytest.mark.slow) for name in NAMES]


def cleaned(bars):
    return quality.clean(bars, as_of=pd.Timestamp("2199-01-01"), strict=True, allow_splits=False)


@cache
def prices():
    return cleaned(market(LONG).assign(**LACKS)[list(PRICES)])[0]


@cache
def data():
    return dataset.build(prices(), horizon=3, max_lookback=20)


@cache
def fitted(name):
    return fitting.fit(name, small(name), data())


def closes(bars):
    return bars[["date", "ticker", "close", "adj_close"]]


def test_what_is_missing_is_reported_and_no_repair():
    _, report = cleaned(market(LONG).assign(**LACKS)[list(PRICES)])
    found = {finding["kind"]: (finding["action"], finding["count"]) for finding in report["findings"]}
    assert found["close_only"] == found["no_volume"] == ("reported", 2)
    assert not {"missing_price", "missing_volume", "zero_volume"} & found.keys()


def test_features_of_what_is_missing_are_left_out_and_told(caplog):
    spec = dataset.build(prices(), horizon=3, max_lookback=20).spec
    assert not {*NEEDS[RANGE], *NEEDS[VOLUME]} & {*spec.features}
    assert {"ret_1", "atr_14", "high_60"} <= {*spec.features}
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "no open, high and low of AAA, BBB: models do without the features gap, intraday, garman_klass_10, "
        "parkinson_10",
        "no volume of AAA, BBB: models do without the features volume_z_20",
    ]
    textbook = dataset.build(prices(), horizon=3, max_lookback=20, target="price").spec
    assert textbook.features == ("price_close",)


def test_one_ticker_of_closes_takes_the_range_from_all_and_its_absent_volume_from_none():
    bars = market(LONG)
    is_bare = bars["ticker"].eq("BBB")
    mixed = bars.assign(**{name: bars["close"].where(is_bare, bars[name]) for name in RANGE_COLUMNS})
    mixed = mixed.assign(volume=bars["volume"].where(~is_bare, 0.0))
    built = dataset.build(mixed, horizon=3, max_lookback=20)
    assert not {*NEEDS[RANGE]} & {*built.spec.features}
    assert "volume_z_20" in built.spec.features
    assert (built.bars["high"] == built.bars["low"]).all()


def test_a_range_that_comes_later_decides_nothing():
    known = data().bars["date"] < pd.Timestamp(data().spec.valid_start)
    later = prices().assign(high=prices()["high"].where(known, prices()["high"] * 1.01))
    again = dataset.build(later, horizon=3, max_lookback=20)
    assert again.spec.features == data().spec.features
    pd.testing.assert_frame_equal(again.bars, data().bars)


@pytest.mark.parametrize("name", CELLS)
def test_a_forecast_from_closes_alone_is_the_one_from_whole_bars(tmp_path, name):
    model = fitted(name)
    loaded = type(model).load(model.save(tmp_path / "bundle"))
    table = loaded.predict_bars(closes(prices()))
    assert np.isfinite(table[PRICE_LIKE].to_numpy()).all()
    pd.testing.assert_frame_equal(loaded.predict_bars(market(LONG)), table)  # a range is not looked at


@pytest.mark.parametrize("name", CELLS)
def test_later_closes_move_no_forecast(name):
    panel, model = data().panel(fitted(name).scalers), fitted(name)
    origins = data().origins("test")[:2]
    later = data().bars["date"] > data().bars["date"].iloc[origins].max()
    changed = garbled(later)
    before, after = (model.table(each, origins, each.quote[origins]) for each in (panel, changed))
    assert before[PRICE_LIKE].equals(after[PRICE_LIKE])


def garbled(later):
    bars = data().bars
    bars = bars.assign(**{name: bars[name].where(~later, bars[name] * 3) for name in (*RANGE_COLUMNS, "close")})
    return subsets.unspanned(data(), bars).panel(data().scalers)


@pytest.mark.parametrize("name", ["naive", "har", "garch"])
def test_a_live_forecast_from_closes_is_the_backtests(name):
    fold = data().fold()
    rows = data().origins("test")[:1]
    date = data().features["date"].iloc[rows[0]]
    rows = np.flatnonzero(data().features["date"] == date)
    settings = fitted(name).settings
    live = parity.forecast(data(), name, small(name), settings, fold, rows)
    model = fitting.fit(name, small(name), data().as_of(fold.valid_start, fold.start), settings=settings)
    table = model.table(data().panel(model.scalers), rows, data().panel(model.scalers).quote[rows])
    assert len(live.origins) == len(rows)
    assert parity.difference(live, data(), table) < parity.TOLERANCE


def test_har_of_closes_follows_the_squared_returns():
    # From close to close is all the variance there is.
    panel = data().panel()
    total, ranges = _realised.variances(panel)
    inside = _realised.positions(panel) > 0
    returns = np.diff(np.log(panel.close), prepend=np.nan)
    np.testing.assert_allclose(total[inside], returns[inside] ** 2, rtol=1e-9, atol=1e-18)
    assert (ranges == 0).all()


def test_a_model_trained_with_a_range_refuses_closes():
    bars = fitted_samples.raw()
    with pytest.raises(InputError, match="missing: open, high, low: add them, or train on bars without them"):
        made("naive").predict_bars(bars.drop(columns=list(RANGE_COLUMNS)))
    bare = bars.assign(**{name: bars[name].mask(bars["ticker"].eq("BBB")) for name in RANGE_COLUMNS})
    with pytest.raises(InputError, match="expected open, high and low of BBB, as in training"):
        made("naive").predict_bars(bare)
