"""Code that the per-series models share: their spans, their errors, their state."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.dataset.dataset import build
from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import _series
from tests.support.market_samples import SMALL, market, prices_of, same_bits, small_dataset

NAMES = ("ets", "garch", "sarima")


class Trial:
    """Answers an Optuna trial's questions with one end of each range."""

    def __init__(self, end):
        self.end = end

    def suggest_categorical(self, name, choices):
        return choices[self.end]

    def suggest_int(self, name, low, high):
        return (low, high)[self.end]


@cache
def setup():
    data = small_dataset(horizon=5)
    return data.panel(), data.origins("train"), data.origins("test")


@cache
def fitted(name):
    panel, train, _ = setup()
    return models.create(name, models.settle(name, {}, SMALL)).fit(panel, train, train[:0])


def rows(panel, mask):
    """A panel of some of its rows."""
    parts = {key: getattr(panel, key)[mask] for key in ("tickers", "dates", "close", "quote", "scale", "X")}
    bars = panel.bars[mask].reset_index(drop=True)
    return replace(
        panel, **parts, bars=bars, ahead=bars.groupby("ticker", sort=False).cumcount(ascending=False).to_numpy()
    )


def flat(forecast):
    return np.concatenate([forecast.center, *([] if forecast.sigma is None else [forecast.sigma])], axis=1)


# --- the paths that are fitted ------------------------------------------------------------------------------


def test_a_path_runs_from_the_first_bar_to_the_last_label_of_its_ticker():
    panel, train, _ = setup()
    seen = {}
    states = _series.fit_each(panel, train, lambda path: {"n": len(path), "last": float(path[-1])})
    for ticker, state in states.items():
        rows_of_ticker = np.flatnonzero(panel.tickers == ticker)
        last = train[panel.tickers[train] == ticker].max() + panel.spec.horizon
        seen[ticker] = last
        assert state["start"] == str(pd.Timestamp(panel.dates[rows_of_ticker[0]]).date())
        assert state["n"] == last - rows_of_ticker[0] + 1
        np.testing.assert_allclose(state["last"], 100 * np.log(panel.close[last] / panel.close[rows_of_ticker[0]]))
    assert states.keys() == {"AAA", "BBB"}
    # Neither the first bar with features nor the last bar there is.
    assert all(last < np.flatnonzero(panel.tickers == ticker)[-1] for ticker, last in seen.items())


def test_a_ticker_without_training_origins_is_not_fitted():
    panel, train, _ = setup()
    some = train[panel.tickers[train] == "BBB"]
    assert _series.fit_each(panel, some, lambda path: {}).keys() == {"BBB"}


def test_a_filter_sees_nothing_after_the_last_origin_asked_for():
    panel, _, test = setup()
    origins = test[panel.tickers[test] == "AAA"][[3, 1]]
    seen = []

    def run(path, state, horizon):
        seen.append(len(path))
        return np.zeros((len(path), horizon))

    _series.predict_each("x", {"AAA": {"start": str(panel.dates[0])[:10]}}, panel, origins, run)
    assert seen == [origins[0] + 1]


# --- which panels are taken ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "drift"])
def test_unseen_tickers_are_named(name):
    panel, train, test = setup()
    some = train[panel.tickers[train] == "AAA"]
    model = models.create(name, models.settle(name, {}, SMALL)).fit(panel, some, some[:0])
    with pytest.raises(
        InputError, match=rf"expected tickers that {name} was trained on \(AAA\), got BBB: train it"
    ):
        model.predict(panel, test)


@pytest.mark.parametrize("name", NAMES)
def test_a_panel_that_starts_late_is_refused(name):
    panel, _, _ = setup()
    start, second = (str(date)[:10] for date in panel.dates[:2])
    late = rows(panel, np.arange(len(panel.close)) > 0)
    with pytest.raises(
        InputError, match=rf"expected the bars of AAA from {start} on.* got {second}: give the bars from there on"
    ):
        fitted(name).predict(late, np.array([300]))
    # The other ticker has all of its bars.
    fitted(name).predict(late, np.flatnonzero(late.tickers == "BBB")[-3:])


@pytest.mark.parametrize("name", NAMES)
def test_a_panel_that_ends_before_the_training_or_misses_its_first_bar_is_refused(name):
    panel, _, _ = setup()
    model = models.create(name, models.settle(name, {}, SMALL))
    model.state_ = {ticker: {**state, "start": "2030-01-01"} for ticker, state in fitted(name).state_.items()}
    with pytest.raises(InputError, match=r"bars of AAA from 2030-01-01 on.* got none after 2024-07-03"):
        model.predict(panel, np.array([300]))
    monday = panel.dates[:8][np.flatnonzero(np.diff(panel.dates[:8]) > np.timedelta64(1, "D"))[0] + 1]
    sunday = str((monday - np.timedelta64(1, "D")).astype("datetime64[D]"))
    model.state_ = {ticker: {**state, "start": sunday} for ticker, state in fitted(name).state_.items()}
    with pytest.raises(InputError, match=f"bars of AAA from {sunday} on.* got {str(monday)[:10]}"):
        model.predict(panel, np.array([300]))


@pytest.mark.parametrize("name", NAMES)
def test_earlier_bars_are_cut(name):
    prices = market((("AAA", 420), ("BBB", 360)))
    whole = build(prices, horizon=5, max_lookback=20)
    late = build(
        prices[~prices["date"].isin(prices["date"].unique()[:90])].reset_index(drop=True),
        horizon=5,
        max_lookback=20,
    )
    panel, part = whole.panel(), late.panel()
    model = models.create(name, models.settle(name, {}, SMALL)).fit(
        part, late.origins("train"), late.origins("valid")
    )
    ours, theirs = late.origins("test")[-40:], whole.origins("test")[-40:]
    assert (part.dates[ours] == panel.dates[theirs]).all()
    assert len(panel.close) - len(part.close) == 90 + 30
    assert same_bits(flat(model.predict(panel, theirs)), flat(model.predict(part, ours)))
    with pytest.raises(InputError, match=r"expected origins of AAA from .* forecast from later ones"):
        model.predict(panel, np.array([5]))


@pytest.mark.parametrize("factor", [0.987, 20.0, 0.5])
@pytest.mark.parametrize("name", NAMES)
def test_readjusted_closes_change_nothing(name, factor):
    panel, _, test = setup()
    again = fitted(name).predict(replace(panel, close=panel.close * factor), test)
    np.testing.assert_allclose(flat(again), flat(fitted(name).predict(panel, test)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_no_origins_have_no_forecasts(name):
    panel, _, test = setup()
    assert fitted(name).predict(panel, test[:0]).center.shape == (0, 5)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_bar_has_a_forecast(name):
    panel, _, _ = setup()
    forecast = fitted(name).predict(panel, np.array([0]))
    assert np.isfinite(flat(forecast)).all()


# --- degenerate series --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["constant", "halted", "straight", "rare"])
@pytest.mark.parametrize("name", NAMES)
def test_degenerate_series_are_forecast(name, kind):
    rng = np.random.default_rng(0)
    returns = {
        "constant": np.zeros(400),
        "halted": np.where(np.arange(400) < 200, rng.normal(0, 0.01, 400), 0.0),
        "straight": np.full(400, 0.001),
        "rare": np.where(rng.random(400) < 0.03, rng.normal(0, 0.05, 400), 0.0),
    }[kind]
    data = build(prices_of(returns), horizon=5, max_lookback=20)
    panel, train, test = data.panel(), data.origins("train"), data.origins("test")
    forecast = models.create(name, {}).fit(panel, train, train[:0]).predict(panel, test)
    assert np.isfinite(flat(forecast)).all()
    assert np.abs(forecast.center).max() < 0.05
    if forecast.sigma is not None:
        assert (forecast.sigma > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_fifty_origins_will_do(name):
    panel, train, test = setup()
    some = train[panel.tickers[train] == "AAA"][:50]
    origins = test[panel.tickers[test] == "AAA"]
    forecast = models.create(name, {}).fit(panel, some, some[:0]).predict(panel, origins)
    assert np.isfinite(flat(forecast)).all()


# --- what is kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_state_goes_through_json(name, tmp_path):
    panel, _, test = setup()
    fitted(name).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    again = models.create(name, models.settle(name, {}, SMALL)).load(tmp_path)
    assert again.state_ == fitted(name).state_
    assert same_bits(flat(again.predict(panel, test)), flat(fitted(name).predict(panel, test)))


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_state_is_refused(name, tmp_path):
    fitted(name).save(tmp_path)
    path = tmp_path / "state.json"
    good = json.loads(path.read_text())
    numbers = [key for key in good["AAA"] if key != "start"]
    broken = [[], 3, {"AAA": []}, {"AAA": {"start": "2020-01-01"}}, {"AAA": {**good["AAA"], "more": 1}}]
    broken += [{"AAA": {**good["AAA"], "start": value}} for value in (None, "", "NaT", "soon", 3)]
    broken += [
        {"AAA": {**good["AAA"], key: value}}
        for key in numbers
        for value in (None, "1", True, float("nan"), float("inf"), [float("nan")], [[1.0]], [0.0] * 1000, 10**400)
    ]
    for state in broken:
        path.write_text(json.dumps(state))
        with pytest.raises(InputError, match=f"of {name}.* train it again"):
            models.create(name, {}).load(tmp_path)


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_a_trial_suggests_parameters_that_fit(name, end):
    panel, train, _ = setup()
    params = models.load(name).space(Trial(end))
    assert params.keys() == models.parameters(name).keys()
    models.create(name, params).fit(panel, train[:80], train[:0])


@pytest.mark.parametrize("name", NAMES)
def test_what_they_say_of_themselves(name):
    model = models.load(name)
    assert (model.family, model.whole_history, model.calibrate, model().lookback) == ("classical", True, True, 1)


def test_the_panel_of_some_rows_is_a_panel():
    panel, _, _ = setup()
    assert isinstance(rows(panel, np.arange(len(panel.close)) > 3), Panel)
