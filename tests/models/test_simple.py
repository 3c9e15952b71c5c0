"""linear, knn, moving_average and seasonal_naive against plain loops; what models offer a search."""

import importlib
import json
import math
from functools import cache

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_info, threadpool_limits

from pricecast import models
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from tests.support.market_samples import market, same_bits, small_dataset

OURS = ("har", "knn", "linear", "moving_average", "seasonal_naive")


class LowEnd:
    """A stand-in for an Optuna trial: takes the low end of every range and the first of every choice."""

    def __init__(self):
        self.asked = {}

    def suggest_int(self, name, low, high, *, step=1, log=False):
        assert 0 <= low < high
        assert not (log and step != 1)
        self.asked[name] = (low, high)
        return low

    def suggest_float(self, name, low, high, *, log=False):
        assert 0 <= low < high
        assert low > 0 or not log
        self.asked[name] = (low, high)
        return low

    def suggest_categorical(self, name, choices):
        self.asked[name] = tuple(choices)
        return choices[0]


@cache
def setup(target="return", max_lookback=20, horizon=3):
    data = small_dataset(target=target, max_lookback=max_lookback, horizon=horizon)
    return data.panel(), data.origins("train"), data.origins("test")


def fit(name, target="return", max_lookback=20, horizon=3, **params):
    panel, train, _ = setup(target, max_lookback, horizon)
    return models.create(name, params).fit(panel, train, train[:0])


@pytest.mark.parametrize("name", OURS)
def test_a_search_is_offered_values_that_fit(name):
    trial = LowEnd()
    suggested = models.load(name).space(trial)
    assert suggested.keys() == trial.asked.keys() == models.parameters(name).keys()
    for key, default in models.parameters(name).items():
        values = trial.asked[key]
        assert default in values or (not isinstance(default, bool) and values[0] <= default <= values[-1])
    panel, train, test = setup()
    assert np.isfinite(
        models.create(name, suggested).fit(panel, train, train[:0]).predict(panel, test).center
    ).all()


@pytest.mark.parametrize(
    ("name", "where"), [("har", "Ridge.fit"), ("linear", "Ridge.fit"), ("knn", "NearestNeighbors.kneighbors")]
)
def test_sums_are_made_on_one_thread(monkeypatch, name, where):
    # A second one would round otherwise, so that the same fit would differ between machines.
    owner, method = where.split(".")
    library = getattr(importlib.import_module(f"pricecast.models.{name}"), owner)
    real, seen = getattr(library, method), []

    def watched(*args, **kwargs):
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return real(*args, **kwargs)

    monkeypatch.setattr(library, method, watched)
    panel, _, test = setup()
    with threadpool_limits(2):
        fit(name).predict(panel, test)
    assert set(seen) == {1}


# --- moving average and season ------------------------------------------------------------------------------


@pytest.mark.parametrize("lookback", [1, 7, 20])
def test_a_moving_average_is_the_mean_of_the_last_closes(lookback):
    panel, train, _ = setup()
    center = fit("moving_average", lookback=lookback).predict(panel, train).center
    for i in range(0, len(train), 41):
        closes = [panel.close[train[i] - back] for back in range(lookback)]
        expected = math.log(sum(closes) / lookback / closes[0])
        assert center[i] == pytest.approx([expected] * 3, rel=1e-9, abs=1e-15)


def test_a_moving_average_of_the_first_origin_stays_within_its_ticker():
    panel, train, _ = setup()
    first = train[panel.tickers[train] == "BBB"][:1]
    rows = np.flatnonzero(panel.tickers == "BBB")
    closes = panel.close[rows][: np.flatnonzero(rows == first[0])[0] + 1][-20:]
    assert fit("moving_average").predict(panel, first).center[0, 0] == pytest.approx(
        np.log(closes.mean() / closes[-1])
    )


@pytest.mark.parametrize(("season", "horizon"), [(5, 3), (2, 3), (5, 12), (1, 3)])
def test_a_season_repeats_the_closes_of_the_last_one(season, horizon):
    panel, train, _ = setup(horizon=horizon)
    center = fit("seasonal_naive", season=season, horizon=horizon).predict(panel, train).center
    assert center.shape == (len(train), horizon)
    for i in range(0, len(train), 41):
        history = panel.close[: train[i] + 1].tolist()
        for h in range(horizon):
            history.append(history[-season])
            assert center[i, h] == pytest.approx(math.log(history[-1] / panel.close[train[i]]), abs=1e-12)


def test_a_season_is_its_lookback():
    assert models.create("seasonal_naive", {"season": 7}).lookback == 7


@pytest.mark.parametrize(("name", "key"), [("moving_average", "lookback"), ("seasonal_naive", "season")])
@pytest.mark.parametrize("days", [0, 21])
def test_more_days_than_the_dataset_gives_are_refused(name, key, days):
    with pytest.raises(InputError, match=f"expected a {key} of 1 to 20.*got {days}.*--max-lookback"):
        fit(name, **{key: days})


# --- linear -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["return", "price"])
def test_linear_solves_the_normal_equations(target):
    panel, train, test = setup(target)
    model = fit("linear", target=target, penalty=0.5)
    X, y = panel.X[train].astype(float), panel.returns(train) / panel.unit(train)
    Z = X - X.mean(axis=0)
    slopes = np.linalg.solve(Z.T @ Z + 0.5 * len(train) * np.eye(Z.shape[1]), Z.T @ y)
    np.testing.assert_allclose(model.slopes_, slopes.T, rtol=1e-6, atol=1e-10)
    expected = (y.mean(axis=0) + (panel.X[test] - X.mean(axis=0)) @ slopes) * panel.unit(test)
    np.testing.assert_allclose(model.predict(panel, test).center, expected, rtol=1e-6, atol=1e-10)


def test_linear_is_the_ridge_of_the_labels():
    # The labels of the return target are the same returns, centred and scaled for each horizon.
    panel, train, test = setup()
    ridge = Ridge(alpha=10 * len(train)).fit(panel.X[train].astype(float), panel.labels(train))
    expected = panel.to_returns(ridge.predict(panel.X[test].astype(float)), test)
    np.testing.assert_allclose(fit("linear").predict(panel, test).center, expected, rtol=1e-3, atol=1e-7)


def test_a_stronger_penalty_leaves_less_of_the_slopes():
    sizes = [np.abs(fit("linear", penalty=penalty).slopes_).sum() for penalty in (0.01, 1.0, 100.0)]
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2] > 0


def test_linear_finds_a_planted_signal():
    # phi = 0.3: tomorrow's return is partly today's, which explains 9 % of its variance.
    data = build(market((("AAA", 1500),), "planted"), horizon=2, max_lookback=20)
    panel, train, test = data.panel(), data.origins("train"), data.origins("test")
    test = test[panel.ahead[test] >= 2]
    center = models.create("linear", {"penalty": 0.01}).fit(panel, train, train[:0]).predict(panel, test).center
    assert np.corrcoef(center[:, 0], panel.returns(test)[:, 0])[0, 1] > 0.2


def test_linear_refuses_no_penalty_and_shapes_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match="expected a penalty of linear above zero, got 0"):
        fit("linear", penalty=0)
    model = fit("linear")
    model.save(tmp_path)
    for key in ("slopes", "intercepts"):
        state = {"slopes": model.slopes_.tolist(), "intercepts": model.intercepts_.tolist()}
        state[key] = state[key][0] if key == "slopes" else state[key][:-1]
        (tmp_path / "state.json").write_text(json.dumps(state))
        with pytest.raises(InputError, match="train it again"):
            models.create("linear", {}).load(tmp_path)


# --- knn ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["return", "price"])
def test_knn_gives_the_quantiles_of_the_nearest_days(target):
    panel, train, test = setup(target)
    forecast = fit("knn", target=target, neighbours=40).predict(panel, test)
    for i in range(0, len(test), 9):
        away = [float(((panel.X[row].astype(float) - panel.X[test[i]]) ** 2).sum()) for row in train]
        nearest = sorted(range(len(train)), key=away.__getitem__)[:40]
        labels = panel.labels(train[nearest]).astype(float)
        for q, level in enumerate(QUANTILE_LEVELS):
            expected = panel.to_returns(np.quantile(labels, level, axis=0)[None], test[i : i + 1])[0]
            np.testing.assert_allclose(forecast.quantiles[i, :, q], expected, rtol=1e-6, atol=1e-9)
    assert same_bits(forecast.center, forecast.quantiles[:, :, MEDIAN])


def test_knn_with_more_neighbours_than_days_takes_all_days():
    panel, train, test = setup()
    forecast = fit("knn", neighbours=10_000).predict(panel, test)
    assert same_bits(forecast.quantiles, fit("knn", neighbours=len(train)).predict(panel, test).quantiles)
    scores = forecast.quantiles / panel.unit(test)[:, :, None]
    np.testing.assert_allclose(scores - scores[:1], 0, atol=1e-9)


def test_knn_refuses_no_neighbours_and_arrays_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match="expected 1 to 10000 neighbours of knn, got 0"):
        fit("knn", neighbours=0)
    fit("knn").save(tmp_path)
    arrays = load_file(tmp_path / "days.safetensors")
    for broken in (
        {"labels": arrays["labels"][1:]},
        {"days": arrays["days"][0]},
        {key: arrays[key][:0] for key in arrays},
    ):
        save_file(arrays | broken, tmp_path / "days.safetensors")
        with pytest.raises(InputError, match="train it again"):
            models.create("knn", {}).load(tmp_path)
