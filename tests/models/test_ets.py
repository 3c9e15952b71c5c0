"""Exponential smoothing against statsforecast, statsmodels and a plain loop."""

from functools import cache

import numpy as np
import pytest
from statsforecast.ets import forward_ets
from statsforecast.models import AutoETS
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from pricecast import models
from pricecast.data.sources import synthetic
from pricecast.dataset.dataset import build
from pricecast.models import ets
from tests.support.market_samples import prices_of

TRAIN, BARS, HORIZON = 400, 600, 6
KINDS = {"ANN": ("ANN", None), "AAN": ("AAN", False), "AAdN": ("AAN", True)}


@cache
def paths():
    rng = np.random.default_rng(0)
    slope = np.cumsum(0.05 * rng.standard_normal(BARS)) * 0.9
    return {
        "walk": np.cumsum(rng.standard_normal(BARS)),
        "rising": 100 * np.cumsum(synthetic.gbm(rng, BARS, 0.01, 0.003)),
        "around a mean": 5 + rng.standard_normal(BARS),
        "turning": np.cumsum(slope) + rng.standard_normal(BARS),
    }


@cache
def fitted(name, kind):
    model, damped = KINDS[kind]
    return AutoETS(model=model, damped=damped).fit(paths()[name][:TRAIN])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", paths())
def test_the_filter_is_statsforecasts(name, kind):
    path, theirs = paths()[name], fitted(name, kind)
    state = ets.smoothing(theirs.model_)
    ours = ets.ahead(path, state, HORIZON)
    # Its damped forecasts are wrong from the second day on; the states they start from and the first day are not.
    steps = 1 if kind == "AAdN" else HORIZON
    for bar in (1, 2, 60, TRAIN - 1, TRAIN, TRAIN + 57, BARS - 1):
        expected = theirs.forward(y=path[: bar + 1], h=HORIZON)["mean"] - path[bar]
        np.testing.assert_allclose(ours[bar, :steps], expected[:steps], rtol=0, atol=1e-10)
        level, *slope = forward_ets(theirs.model_, path[: bar + 1])["states"][-1]
        damped, growth = [], 0.0
        for step in range(1, HORIZON + 1):
            growth += state["phi"] ** step
            damped.append(level + growth * (slope[0] if slope else 0.0) - path[bar])
        np.testing.assert_allclose(ours[bar], damped, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", paths())
def test_the_forecasts_are_statsmodels(name, kind):
    path, state = paths()[name], ets.smoothing(fitted(name, kind).model_)
    trend = None if kind == "ANN" else "add"
    ours = ets.ahead(path, state, HORIZON)
    start = {"initial_level": state["level"]} | ({"initial_trend": state["slope"]} if trend else {})
    values = [state["alpha"], *([state["beta"]] if trend else []), *([state["phi"]] if kind == "AAdN" else [])]
    for bar in (60, TRAIN, BARS - 1):
        model = ETSModel(
            path[: bar + 1], trend=trend, damped_trend=kind == "AAdN", initialization_method="known", **start
        )
        expected = model.smooth([*values, *start.values()]).forecast(HORIZON) - path[bar]
        np.testing.assert_allclose(ours[bar], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("damped", [True, False])
@pytest.mark.parametrize("name", paths())
def test_the_better_of_two_is_taken(name, damped):
    plain, trend = fitted(name, "ANN").model_, fitted(name, "AAdN" if damped else "AAN").model_
    best = min(plain, trend, key=lambda fit: fit["aicc"])
    assert ets.estimate(paths()[name][:TRAIN], damped) == ets.smoothing(best)


def test_both_kinds_win_somewhere():
    states = [ets.estimate(path[:TRAIN], damped) for path in paths().values() for damped in (True, False)]
    assert {state["beta"] > 0 for state in states} == {True, False}
    assert {state["phi"] < 1 for state in states} == {True, False}


def test_the_model_is_fitted_on_the_training_span_in_log_returns():
    data = build(prices_of(synthetic.planted(np.random.default_rng(3), 500)), horizon=HORIZON, max_lookback=20)
    panel, train, test = data.panel(), data.origins("train"), data.origins("test")
    model = models.create("ets", {}).fit(panel, train, train[:0])
    path = 100 * np.log(panel.close / panel.close[0])
    state = ets.estimate(path[: train.max() + HORIZON + 1], damped=True)
    assert model.state_["AAA"] == {"start": str(panel.dates[0])[:10], **state}
    forecast = model.predict(panel, test)
    assert forecast.sigma is None
    assert forecast.quantiles is None
    np.testing.assert_array_equal(forecast.center, ets.ahead(path, state, HORIZON)[test] / 100)


def test_forecasts_of_a_prefix_are_the_prefix_of_the_forecasts():
    path, state = paths()["turning"], ets.smoothing(fitted("turning", "AAdN").model_)
    whole = ets.ahead(path, state, HORIZON)
    for cut in (1, 2, 77, 400):
        assert (ets.ahead(path[:cut], state, HORIZON) == whole[:cut]).all()


@pytest.mark.parametrize("path", [np.zeros(300), np.arange(10.0), np.zeros(1)])
def test_what_cannot_be_estimated_is_a_walk(path):
    assert ets.estimate(path, damped=True) == ets.WALK
    later = np.concatenate([path, [3.0, -4.0]])
    assert not ets.ahead(later, ets.WALK, 3).any()
