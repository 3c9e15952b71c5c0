"""The ARIMA filter against statsforecast's own."""

import warnings
from functools import cache

import numpy as np
import pytest
from statsforecast.models import AutoARIMA

from pricecast import models
from pricecast.data.sources import synthetic
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.models import sarima
from tests.support.market_samples import prices_of

TRAIN, BARS, HORIZON = 400, 600, 6


def recurrent(rng, lag, phi):
    values = rng.standard_normal(BARS)
    for bar in range(lag, BARS):
        values[bar] += phi * values[bar - lag]
    return values


@cache
def paths():
    rng = np.random.default_rng(0)
    paths = {
        "planted": 100 * np.cumsum(synthetic.planted(rng, BARS)),
        "rising": 100 * np.cumsum(synthetic.gbm(rng, BARS, 0.01, 0.003)),
        "around a mean": 5 + recurrent(rng, 1, 0.7),
        "weekly returns": np.cumsum(recurrent(rng, 5, 0.4)),
        "weekly level": 3 + recurrent(rng, 5, 0.6),
        "week of a pattern": np.tile([3.0, 0, -2, 1, 4], BARS // 5) + recurrent(rng, 1, 0.5),
        "walk": np.cumsum(rng.standard_normal(BARS)),
    }
    return {name: path - path[0] for name, path in paths.items()}


@cache
def searched(name, **orders):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bounds = {"max_p": 3, "max_q": 3, "max_P": 1, "max_Q": 1, "max_d": 1, **orders}
        return AutoARIMA(season_length=5, approximation=True, **bounds).fit(paths()[name][:TRAIN])


CASES = [
    *((name, ()) for name in ("planted", "rising", "around a mean", "weekly returns", "weekly level", "walk")),
    ("week of a pattern", ()),
    *(("week of a pattern", (("D", 1), ("d", d))) for d in (0, 1)),
    *(("weekly level", (("D", 1), ("d", d))) for d in (0, 1)),
    ("planted", (("d", 0), ("D", 0))),
    ("planted", (("d", 1), ("D", 0), ("max_p", 0))),
]


@pytest.mark.parametrize(("name", "orders"), CASES)
def test_the_filter_is_statsforecasts(name, orders):
    path, theirs = paths()[name], searched(name, **dict(orders))
    ours = sarima.ahead(path, sarima.coefficients(theirs.model_), HORIZON)
    assert ours.shape == (BARS, HORIZON)
    for bar in (40, 200, TRAIN - 1, TRAIN, TRAIN + 57, BARS - 1):
        expected = theirs.forward(y=path[: bar + 1], h=HORIZON)["mean"] - path[bar]
        # Percent: 1e-7 here is 1e-9 in the log price.
        np.testing.assert_allclose(ours[bar], expected, rtol=0, atol=1e-7)


def test_the_cases_hold_every_kind_of_term():
    kinds = set()
    for name, orders in CASES:
        model = searched(name, **dict(orders)).model_
        p, q, seasonal_p, seasonal_q, _, d, seasonal_d = model["arma"]
        counts = {"p": p, "q": q, "P": seasonal_p, "Q": seasonal_q, "D": seasonal_d}
        kinds |= {f"d={d}", *(key for key, count in counts.items() if count)}
        kinds |= model["coef"].keys() & {"drift", "intercept"}
    assert kinds == {"d=0", "d=1", "p", "q", "P", "Q", "D", "drift", "intercept"}


@pytest.mark.parametrize("season", [1, 5])
def test_the_model_is_auto_arima_on_the_training_span(season):
    rng = np.random.default_rng(3)
    data = build(prices_of(synthetic.planted(rng, 500)), horizon=HORIZON, max_lookback=20)
    panel, train, test = data.panel(), data.origins("train"), data.origins("test")
    model = models.create("sarima", {"season": season}).fit(panel, train, train[:0])
    path = 100 * np.log(panel.close / panel.close[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = AutoARIMA(
            season_length=season, max_p=3, max_q=3, max_P=1, max_Q=1, max_d=1, approximation=True
        ).fit(path[: train.max() + HORIZON + 1])
    assert model.state_["AAA"] == {"start": str(panel.dates[0])[:10], **sarima.coefficients(theirs.model_)}
    forecast = model.predict(panel, test)
    assert forecast.sigma is None
    assert forecast.quantiles is None
    for i in (0, 17, len(test) - 1):
        expected = theirs.forward(y=path[: test[i] + 1], h=HORIZON)["mean"] - path[test[i]]
        np.testing.assert_allclose(forecast.center[i], expected / 100, rtol=0, atol=1e-9)


def test_it_finds_what_is_planted():
    returns = synthetic.planted(np.random.default_rng(5), 1500)
    state = sarima.estimate(100 * np.concatenate([[0], np.cumsum(returns)]), 1)
    ahead = sarima.ahead(100 * np.cumsum(returns), state, 1)[:, 0]
    slope = np.polyfit(100 * returns[50:], ahead[50:], 1)[0]
    assert abs(slope - synthetic.PHI) < 0.08


def test_a_random_walk_is_forecast_where_it_is():
    path = np.cumsum(np.random.default_rng(0).standard_normal(50))
    assert sarima.estimate(path[:20], 5) == sarima.WALK
    np.testing.assert_allclose(sarima.ahead(path, sarima.WALK, 3), 0, atol=1e-9)


def test_a_halt_in_training_does_not_pull_later_closes_back():
    assert sarima.estimate(np.zeros(300), 5) == sarima.WALK


def test_a_root_of_one_is_a_walk():
    # A parabola: its differences fit an AR(1) whose coefficient is one.
    path = np.arange(300.0) ** 2 / 1000
    assert sarima.estimate(path, 1) == sarima.WALK


def test_forecasts_of_a_prefix_are_the_prefix_of_the_forecasts():
    path, state = paths()["planted"], sarima.coefficients(searched("planted").model_)
    whole = sarima.ahead(path, state, HORIZON)
    for cut in (1, 2, 77, 400):
        assert (sarima.ahead(path[:cut], state, HORIZON) == whole[:cut]).all()


@pytest.mark.parametrize("season", [0, 32])
def test_a_season_that_is_none_is_refused(season):
    with pytest.raises(InputError, match=rf"expected a season of 1 \(none\) to 31 bars, got {season}"):
        models.create("sarima", {"season": season}).fit(None, None, None)
