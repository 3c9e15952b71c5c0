"""Quoted prices of a forecasts table."""

import numpy as np
import pandas as pd
import pytest

from pricecast.dataset.dataset import build
from pricecast.forecasting import fitting
from pricecast.forecasting.quotes import TOLERANCE, adjusted_until, quoted
from pricecast.schema import PRICE_FIELDS
from tests.support.market_samples import market


def with_split(prices, ticker, ratio, days):
    """As if a ticker had split some days before its end: the closes before it were quoted so many times as high."""
    own = prices["ticker"] == ticker
    before = own & (prices["date"] < prices.loc[own, "date"].iloc[-days])
    quotes = prices[["open", "high", "low", "close"]].mul(np.where(before, ratio, 1.0), axis=0)
    return prices.assign(**quotes, adj_close=prices["close"] / 7)


@pytest.fixture(scope="module")
def made():
    prices = with_split(market((("AAA", 700), ("BBB", 660))), "AAA", 2, 8)
    data = build(prices, horizon=3, max_lookback=20)
    forecaster, panel = fitting.fit("naive", {}, data), data.panel()
    origins = data.origins("test")
    return prices, data, forecaster, forecaster.table(panel, origins, panel.close[origins])


def test_the_newest_forecast_is_what_a_bundle_makes_of_raw_bars(made):
    prices, data, forecaster, table = made
    live = forecaster.predict_bars(prices)
    newest = quoted(table, data.bars).query("cutoff == cutoff.max()").reset_index(drop=True)
    columns = [name for name in PRICE_FIELDS if name != "actual"]
    np.testing.assert_allclose(newest[columns], live[columns], rtol=1e-9)


def test_returns_stay_and_a_split_is_no_jump(made):
    _, data, _, table = made
    shown = quoted(table, data.bars)
    for name in PRICE_FIELDS:
        np.testing.assert_allclose(shown[name] / shown["last_close"], table[name] / table["last_close"], rtol=1e-12)
    closes = shown[shown["ticker"] == "AAA"].drop_duplicates("cutoff")["last_close"]
    assert np.log(closes).diff().abs().max() < 0.2
    assert list(shown.columns) == list(table.columns)


def test_it_is_said_how_far_prices_are_adjusted(made):
    prices, data, _, table = made
    days = prices.loc[prices["ticker"] == "AAA", "date"]
    assert adjusted_until(table, data.bars) == {"AAA": days.iloc[-9]}
    # From before the split on they are quotes of then.
    early = table[table["cutoff"] < days.iloc[-8]]
    assert adjusted_until(early, data.bars) == {}
    factor = quoted(early, data.bars).query("ticker == 'AAA'")["last_close"] / early["last_close"]
    np.testing.assert_allclose(factor.dropna(), 14)


def test_rounded_adjusted_closes_are_no_dividends(made):
    _, data, _, table = made
    noise = 1 + 0.9 * TOLERANCE * np.random.default_rng(0).uniform(-0.5, 0.5, len(data.bars))
    rounded = data.bars.assign(quote=data.bars["close"] * 7 * noise)
    assert adjusted_until(table, rounded) == {}


def test_categories_are_tickers_too(made):
    _, data, _, table = made
    shown = quoted(table.astype({"ticker": "category"}), data.bars)
    pd.testing.assert_frame_equal(shown.astype({"ticker": object}), quoted(table, data.bars))
