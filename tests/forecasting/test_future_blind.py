"""Nothing may know what comes later: not the features, not what is fitted, not a forecast."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.audit import checks, protocol, subjects
from pricecast.audit.perturb import GARBAGE, VALID_GARBAGE
from pricecast.dataset.dataset import build
from pricecast.dataset.features import FEATURES
from pricecast.evaluation import evaluate
from pricecast.files import digests
from pricecast.forecasting import fitting
from tests.support import fitted_samples
from tests.support.market_samples import SMALL, later, market, same_bits

NAMES = models.names()
TARGETS = ("return", "price")
PRICES = market((("AAA", 420), ("BBB", 360)), seed=4)
BUILD = {"horizon": 3, "max_lookback": 20}


@cache
def fitted(name, target="return"):
    return fitting.fit(name, models.settle(name, {}, SMALL), build(PRICES, target=target, **BUILD))


def one_of(ways):
    """One way for the fast tests, the others beside it for the slow ones."""
    return [ways[0], *(pytest.param(way, marks=pytest.mark.slow) for way in ways[1:])]


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
            mine, theirs = (getattr(x.scalers, name).learned for x in (part, whole))
            assert all(same_bits(mine[key], theirs[key]) for key in mine)


# --- (b) fits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", one_of(VALID_GARBAGE))
@pytest.mark.parametrize(("name", "target"), [*((name, "return") for name in NAMES), ("lstm", "price")])
def test_what_is_fitted_does_not_depend_on_anything_after_validation(name, target, how):
    # Model state, scalers, calibration, loss curve: every byte of the folder.
    fit = subjects.fitting(name, models.settle(name, {}, SMALL), target=target, **BUILD)
    original = fitted(name, target)
    assert fit(later(PRICES, original.spec.test_start, how)) == subjects.digest(original)


@pytest.mark.parametrize("name", ["drift", "lstm"])
def test_what_is_fitted_does_depend_on_training_rows(tmp_path, name):
    # Otherwise the test above would prove nothing.
    original = fitted(name)
    data = build(later(PRICES, "2023-06-01", "scaled"), **BUILD)
    again = fitting.fit(name, models.settle(name, {}, SMALL), data)
    mine, theirs = digests(again.save(tmp_path / "again")), digests(original.save(tmp_path / "original"))
    assert {file for file in mine if mine[file] != theirs[file]} >= {
        "forecaster.json", "scaler_X.skops", "scaler_y.skops", "model/state.json" if name == "drift" else
        "model/weights.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize("how", one_of(VALID_GARBAGE))
@pytest.mark.parametrize("name", [name for name in NAMES if models.about(name).stops_early])
def test_models_that_stop_early_do_not_learn_from_validation_rows_calibration_does(name, how):
    original = fitted(name)
    # One epoch, because early stopping is meant to look at the validation rows.
    params = {**models.settle(name, {}, SMALL), **({"epochs": 1} if "epochs" in models.parameters(name) else {})}
    data = build(PRICES, **BUILD)
    changed = build(later(PRICES, original.spec.valid_start, how), **BUILD)
    one, other = (fitting.fit(name, params, x) for x in (data, changed))
    panel, train = data.panel(), data.origins("train")
    assert same_bits(one.model.predict(panel, train).center, other.model.predict(panel, train).center)
    assert not same_bits(one.calibration.offsets, other.calibration.offsets)


# --- (c) forecasts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "target"), fitted_samples.CELLS)
def test_neither_later_rows_nor_other_tickers_move_a_forecast(name, target, n):
    compute = subjects.forecasting(fitted(name, target))
    # Otherwise there would be nothing to move.
    assert compute(PRICES).notna().all(axis=1).sum() == 420 + 360 - 2 * 79
    assert checks.forecasts(compute, PRICES, n, across=fitted(name, target).about.across) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_last_known_close_does_move_the_forecast(name):
    # In units of the close, that is: naive's median says "no change" of whatever the last close was.
    compute = subjects.forecasting(fitted(name))
    cut = PRICES["date"].iloc[300]
    at = (PRICES["date"] == cut).to_numpy()
    before, after = compute(PRICES)[at], compute(later(PRICES, cut, "scaled"))[at]
    assert (before["q95_h1"] != after["q95_h1"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_live_forecast_from_as_few_bars_as_it_needs_is_the_backtests(name):
    model = fitted_samples.made(name)
    walked = evaluate.forecast_test_span(name, model, fitted_samples.data())
    assert protocol.parity(model.predict_bars, market(fitted_samples.LONG), walked, model.context.needed) == []


@cache
def mixed_market():
    """A stock, a coin that trades on weekends, and a stock that halts every few days, on the last one, too."""
    stocks, coin = market({"AAA": 900, "CCC": 760}, seed=4), market({"BTC-USD": 1250}, seed=4, freq="D")
    prices = pd.concat([stocks, coin]).sort_values(["ticker", "date"], ignore_index=True)
    halted = prices["ticker"].eq("CCC") & np.isin(np.arange(len(prices)) % 11, [0, 3])
    return prices[~halted].reset_index(drop=True)


@pytest.mark.parametrize("name", ["naive", "knn", "har"])
def test_markets_of_different_days_give_live_forecasts_that_are_the_backtests(name):
    prices = mixed_market()
    until = fitting.fit("naive", {}, build(prices, **BUILD)).fitted_until
    prices = prices[(prices["ticker"] != "CCC") | (prices["date"] != until)].reset_index(drop=True)
    data = build(prices, **BUILD)
    model = fitting.fit(name, models.settle(name, {}, SMALL), data)
    walked = evaluate.forecast_test_span(name, model, data)
    assert (walked.groupby("ticker")["cutoff"].min() < model.fitted_until).to_dict() == {
        "AAA": False, "BTC-USD": False, "CCC": True,
    }  # fmt: skip
    weekend = walked[pd.to_datetime(walked["cutoff"]).dt.dayofweek >= 5]
    assert set(weekend["ticker"]) == {"BTC-USD"}
    for table in (walked, weekend):
        assert protocol.parity(model.predict_bars, prices, table, model.context.needed) == []


# --- scoring -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_forecast_is_scored_on_a_later_close_of_its_own_ticker(name):
    data = build(PRICES, **BUILD)
    table = evaluate.forecast_test_span(name, fitted(name), data)
    assert protocol.scoring(table, data.features) == []
    assert len(table) == 3 * len(data.origins("test"))
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
