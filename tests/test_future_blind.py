"""Nothing may know what comes later: not the features, not what is fitted, not a forecast."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from market_samples import SMALL, later, market, same_bits
from pricecast import features, forecaster, models
from pricecast.adjust import adjust
from pricecast.dataset import build, has_context
from pricecast.features import FEATURES
from pricecast.panel import Panel
from pricecast.storage import digests

NAMES = models.names()
TARGETS = ("return", "price")
GARBAGE = ("scaled", "permuted", "huge")
PRICES = market((("AAA", 420), ("BBB", 360)), seed=4)
BUILD = {"horizon": 3, "max_lookback": 20}


@cache
def fitted(name, target="return"):
    return forecaster.fit(name, models.settle(name, {}, SMALL), build(PRICES, target=target, **BUILD))


def rows_of(prices, target):
    """The panel of a fixed forecaster over some prices, and the rows with enough context by ticker and date."""
    bars = adjust(prices)
    table = features.compute(bars, target)
    spec, scalers = fitted("naive", target).spec, fitted("naive", target).scalers
    panel = Panel.build(bars, table, spec, scalers.X, scalers.y)
    origins = np.flatnonzero(has_context(table, list(spec.features), spec.max_lookback))
    return panel, pd.MultiIndex.from_arrays([panel.tickers[origins], panel.dates[origins]]), origins


def forecasts(name, prices, target="return", until=None, tickers=("AAA", "BBB")):
    """Quantiles of all origins up to a date."""
    panel, keys, origins = rows_of(prices, target)
    chosen = keys.get_level_values(0).isin(tickers)
    if until is not None:
        chosen &= keys.get_level_values(1) <= until
    return keys[chosen], fitted(name, target).quantiles(panel, origins[chosen])


@cache
def untouched(name, target):
    return forecasts(name, PRICES, target)


def expected(name, target, keys):
    known, quantiles = untouched(name, target)
    return quantiles[known.get_indexer(keys)]


def cuts(n, seed=0):
    dates = np.sort(PRICES["date"].unique())
    return np.random.default_rng(seed).choice(dates[150:-1], n, replace=False)


# --- the tests' own tool -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", GARBAGE)
def test_the_garbage_differs_and_starts_where_it_should(how):
    start = fitted("naive").spec.test_start
    changed = (later(PRICES, start, how)["close"] != PRICES["close"]).to_numpy()
    after = (PRICES["date"] >= start).to_numpy()
    assert not changed[~after].any()
    assert changed[after].mean() > 0.9


# --- (a) features and dataset ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_a_dataset_of_a_prefix_is_the_prefix_of_the_dataset(target):
    given = {"valid_start": pd.Timestamp("2023-11-01"), "test_start": pd.Timestamp("2024-02-01")}
    whole = build(PRICES, target=target, **given, **BUILD)
    names = [*FEATURES[target], "close", "scale"]
    for cut in np.random.default_rng(0).choice(pd.bdate_range("2024-03-01", "2024-07-01"), 5, replace=False):
        part = build(PRICES[PRICES["date"] <= cut].reset_index(drop=True), target=target, **given, **BUILD)
        before = whole.features[whole.features["date"] <= cut]
        assert same_bits(part.features[names].to_numpy(), before[names].to_numpy())
        assert part.features["split"].tolist() == before["split"].tolist()
        for name in ("X", "y"):
            mine, theirs = (vars(getattr(x.scalers, name)) for x in (part, whole))
            assert all(
                same_bits(mine[key], theirs[key]) for key in mine if key.endswith("_") and key != "feature_range"
            )


# --- (b) fits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", GARBAGE)
@pytest.mark.parametrize(("name", "target"), [*((name, "return") for name in NAMES), ("lstm", "price")])
def test_what_is_fitted_does_not_depend_on_anything_after_validation(tmp_path, name, target, how):
    original = fitted(name, target)
    data = build(later(PRICES, original.spec.test_start, how), target=target, **BUILD)
    again = forecaster.fit(name, models.settle(name, {}, SMALL), data)
    assert again.spec == original.spec
    assert (again.offsets is None) == (original.offsets is None)
    assert again.offsets is None or same_bits(again.offsets, original.offsets)
    # Model state, scalers, calibration, loss curve: every byte of the folder.
    assert digests(again.save(tmp_path / "again")) == digests(original.save(tmp_path / "original"))


@pytest.mark.parametrize("name", ["drift", "lstm"])
def test_what_is_fitted_does_depend_on_training_rows(tmp_path, name):
    # Otherwise the test above would prove nothing.
    original = fitted(name)
    data = build(later(PRICES, "2023-06-01", "scaled"), **BUILD)
    again = forecaster.fit(name, models.settle(name, {}, SMALL), data)
    mine, theirs = digests(again.save(tmp_path / "again")), digests(original.save(tmp_path / "original"))
    assert {file for file in mine if mine[file] != theirs[file]} >= {
        "forecaster.json", "scaler_X.skops", "scaler_y.skops", "model/state.json" if name == "drift" else
        "model/weights.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize("how", GARBAGE)
@pytest.mark.parametrize("name", [name for name in NAMES if models.load(name).calibrate])
def test_models_do_not_learn_from_validation_rows_calibration_does(name, how):
    original = fitted(name)
    # One epoch, because early stopping is meant to look at the validation rows.
    params = {**models.settle(name, {}, SMALL), **({"epochs": 1} if "epochs" in models.parameters(name) else {})}
    data = build(PRICES, **BUILD)
    changed = build(later(PRICES, original.spec.valid_start, how), **BUILD)
    one, other = (forecaster.fit(name, params, x) for x in (data, changed))
    panel, train = data.panel(), data.origins("train")
    assert same_bits(one.model.predict(panel, train).center, other.model.predict(panel, train).center)
    assert not same_bits(one.offsets, other.offsets)


# --- (c) forecasts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_dropping_later_rows_moves_no_forecast(name, target):
    for cut in cuts(3):
        keys, found = forecasts(name, PRICES[PRICES["date"] <= cut].reset_index(drop=True), target)
        assert keys.get_level_values(1).max() == cut
        assert same_bits(found, expected(name, target, keys))


@pytest.mark.parametrize("how", GARBAGE)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_changing_later_rows_moves_no_forecast(name, target, how):
    for cut in cuts(2, seed=1):
        broken = later(PRICES, cut + np.timedelta64(1, "D"), how)
        keys, found = forecasts(name, broken, target, until=cut)
        assert len(keys) > 100
        assert same_bits(found, expected(name, target, keys))


@pytest.mark.parametrize("name", NAMES)
def test_the_last_known_close_does_move_the_forecast(name):
    # The forecast in prices, that is: naive says "no change" of whatever the last close was.
    cut = cuts(1)[0]
    panel, keys, origins = rows_of(later(PRICES, cut, "scaled"), "return")
    known, _, rows = rows_of(PRICES, "return")
    at = np.flatnonzero(keys.get_level_values(1) == cut)
    moved = fitted(name).table(panel, origins[at], panel.close[origins[at]])
    before = fitted(name).table(known, rows[at], known.close[rows[at]])
    assert (moved["q95"] / moved["q05"] != before["q95"] / before["q05"]).all()
    assert (moved["forecast"] != before["forecast"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_raw_bars_after_the_cutoff_are_not_there_to_look_at(name):
    prices = market((("AAA", 700),), seed=4)
    for cut in (500, 640):
        short = fitted(name).predict_bars(prices.iloc[:cut])
        again = fitted(name).predict_bars(later(prices, prices["date"].iloc[cut], "scaled").iloc[:cut])
        pd.testing.assert_frame_equal(short, again, check_exact=True)


# --- other tickers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_other_tickers_do_not_move_a_forecast(name, target):
    alone = PRICES[PRICES["ticker"] == "BBB"].reset_index(drop=True)
    other = (PRICES["ticker"] == "AAA").to_numpy()
    wild = PRICES.copy()
    numbers = wild.columns[2:]
    wild.loc[other, numbers] = later(PRICES, "1990-01-01", "scaled").loc[other, numbers]
    for prices in (alone, wild):
        keys, found = forecasts(name, prices, target, tickers=("BBB",))
        assert len(keys) == 360 - 79
        assert same_bits(found, expected(name, target, keys))


# --- scoring -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_forecast_is_scored_on_a_later_close_of_its_own_ticker(name):
    data = build(PRICES, **BUILD)
    panel, origins = data.panel(), data.origins("test")
    table = fitted(name).table(panel, origins, panel.close[origins])
    closes = {ticker: group.set_index("date")["close"] for ticker, group in data.features.groupby("ticker")}
    assert (table["date"] > table["cutoff"]).all()
    assert len(table) == 3 * len(origins)
    for row in table.itertuples():
        own = closes[row.ticker]
        ahead = own[own.index > row.cutoff]
        assert row.last_close == own[row.cutoff]
        if len(ahead) >= row.horizon:
            assert row.date == ahead.index[row.horizon - 1]
            assert row.actual == pytest.approx(ahead.iloc[row.horizon - 1], rel=1e-12)
        else:
            assert np.isnan(row.actual)
    assert table["actual"].isna().sum() == 2 * (1 + 2 + 3)


@pytest.mark.parametrize("name", NAMES)
def test_test_forecasts_start_where_the_fit_ended(name):
    data = build(PRICES, **BUILD)
    panel, origins = data.panel(), data.origins("test")
    table = fitted(name).table(panel, origins, panel.close[origins])
    first = table[table["horizon"] == 1].groupby("ticker")[["cutoff", "date"]].min()
    # The first forecast is made at the last close that was known to the fit, of a day it has never seen.
    assert (first["cutoff"] == pd.Timestamp(fitted(name).fitted_until)).all()
    assert (first["date"] == pd.Timestamp(data.spec.test_start)).all()
