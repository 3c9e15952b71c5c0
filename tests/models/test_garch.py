"""GARCH against arch, a plain loop and a law that is known."""

import warnings
from functools import cache

import numpy as np
import pytest
from arch import arch_model

from pricecast import models
from pricecast.data.sources import synthetic
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.models import garch
from tests.support.market_samples import prices_of

TRAIN, DAYS, HORIZON = 700, 1000, 5
TRUE = {"mean": 0.05, "omega": 0.03, "alpha": 0.04, "gamma": 0.1, "beta": 0.88}
EWMA = {"omega": 0.0, "alpha": 1 - 0.94, "gamma": 0.0, "beta": 0.94}


def simulated(n, seed, gamma=TRUE["gamma"]):
    """Daily returns in percent of a GJR-GARCH with Student errors."""
    rng, returns = np.random.default_rng(seed), np.empty(n)
    variance = TRUE["omega"] / (1 - TRUE["alpha"] - gamma / 2 - TRUE["beta"])
    for day, shock in enumerate(rng.standard_t(8, n) * np.sqrt(6 / 8)):
        error = shock * variance**0.5
        returns[day] = TRUE["mean"] + error
        variance = TRUE["omega"] + (TRUE["alpha"] + gamma * (error < 0)) * error**2 + TRUE["beta"] * variance
    return returns


@cache
def series():
    rng = np.random.default_rng(0)
    return {
        "gjr": simulated(DAYS, 1),
        "symmetric": simulated(DAYS, 4, gamma=0.0),
        "constant volatility": 100 * synthetic.gbm(rng, DAYS),
        "wild": 5 * simulated(DAYS, 3),
    }


@cache
def theirs(name, o, dist):
    return arch_model(series()[name][:TRAIN], vol="GARCH", p=1, o=o, q=1, dist=dist, rescale=False)


@cache
def estimated(name, o, dist):
    return garch.estimate(series()[name][:TRAIN], o, dist)


def parameters(state, o, dist):
    order = ("mean", "omega", "alpha", *(["gamma"] if o else []), "beta")
    return np.array([state[key] for key in order] + ([8.0] if dist == "t" else []))


@pytest.mark.parametrize("dist", ["t", "normal"])
@pytest.mark.parametrize("o", [0, 1])
@pytest.mark.parametrize("name", series())
def test_variances_are_archs(name, o, dist):
    state, returns = estimated(name, o, dist), series()[name]
    assert state["omega"] > 0
    fixed = theirs(name, o, dist).fix(parameters(state, o, dist))
    np.testing.assert_allclose(
        garch.variances(returns[:TRAIN], state)[:-1], fixed.conditional_volatility**2, rtol=1e-8
    )
    # Beyond the training span: the same parameters, and the backcast of the training span. Arch's own takes the
    # fitted mean in place of the sample's there, which hundreds of days have made forgotten.
    later = arch_model(returns, vol="GARCH", p=1, o=o, q=1, dist=dist, rescale=False).fix(
        parameters(state, o, dist), last_obs=TRAIN
    )
    expected = later.forecast(horizon=HORIZON, start=TRAIN - 1, reindex=False).variance.to_numpy()
    ours = garch.ahead(returns, state, HORIZON)[TRAIN:]
    assert ours.shape == expected.shape == (DAYS - TRAIN + 1, HORIZON)
    np.testing.assert_allclose(ours, expected, rtol=1e-8)


@pytest.mark.parametrize("o", [0, 1])
def test_variances_are_a_plain_loops(o):
    returns, state = series()["gjr"], estimated("gjr", o, "t")
    shocks = [value - state["mean"] for value in returns]
    weights = [0.94**day for day in range(75)]
    first = returns[:TRAIN] - returns[:TRAIN].mean()
    backcast = sum(w * e**2 for w, e in zip(weights, first, strict=False)) / sum(weights)
    keep = state["alpha"] + state["gamma"] / 2 + state["beta"]
    variance, expected = state["omega"] + keep * backcast, []
    for error in [*shocks, None]:
        steps = [variance]
        for _ in range(HORIZON - 1):
            steps.append(state["omega"] + keep * steps[-1])
        expected.append(steps)
        if error is not None:
            lever = state["gamma"] if error < 0 else 0.0
            variance = state["omega"] + (state["alpha"] + lever) * error**2 + state["beta"] * variance
    np.testing.assert_allclose(garch.ahead(returns, state, HORIZON), expected, rtol=1e-10)


@pytest.mark.parametrize("dist", ["t", "normal"])
@pytest.mark.parametrize("o", [0, 1])
def test_parameters_are_archs(o, dist):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = theirs("gjr", o, dist).fit(disp="off").params
    state = estimated("gjr", o, dist)
    ours = parameters(state, o, dist)
    np.testing.assert_allclose(ours[: 4 + o], fit.to_numpy()[: 4 + o], rtol=1e-6)
    assert state["gamma"] == 0 or o == 1


def test_parameters_are_those_that_were_simulated():
    state = garch.estimate(simulated(12000, 7), 1, "t")
    assert {key: round(state[key], 2) for key in TRUE} == pytest.approx(TRUE, abs=0.035)
    assert state["gamma"] > 2 * state["alpha"] > 0


def test_the_model_adds_up_variances_in_log_returns():
    returns = simulated(500, 11) / 100
    data = build(prices_of(returns), horizon=HORIZON, max_lookback=20)
    panel, train, test = data.panel(), data.origins("train"), data.origins("test")
    model = models.create("garch", {}).fit(panel, train, train[:0])
    daily = 100 * np.diff(np.log(panel.close))
    state = garch.estimate(100 * np.diff(np.log(panel.close[: train.max() + HORIZON + 1])), 1, "t")
    assert model.state_["AAA"].keys() == {"start", *state}
    for key, value in state.items():
        assert model.state_["AAA"][key] == pytest.approx(value, rel=1e-4, abs=1e-6)
    forecast = model.predict(panel, test)
    variance = garch.ahead(daily, model.state_["AAA"], HORIZON)[test]
    np.testing.assert_allclose(forecast.sigma, np.sqrt(np.cumsum(variance, axis=1)) / 100, rtol=1e-9)
    expected = model.state_["AAA"]["mean"] / 100 * np.arange(1, HORIZON + 1)
    np.testing.assert_allclose(forecast.center, np.tile(expected, (len(test), 1)), rtol=1e-12)
    # The size of five days' returns, not of one.
    unit = panel.unit(test)
    assert 0.5 < np.median(forecast.sigma / unit) < 2
    assert forecast.quantiles is None


@pytest.mark.parametrize("dist", ["t", "normal"])
@pytest.mark.parametrize("o", [0, 1])
@pytest.mark.parametrize("kind", ["constant", "straight", "short", "empty", "tiny"])
def test_what_cannot_be_estimated_is_ewma(kind, o, dist):
    rng = np.random.default_rng(0)
    returns = {
        "constant": np.zeros(300),
        "straight": np.full(300, 0.1),
        "short": rng.standard_normal(40),
        "empty": np.zeros(1),
        "tiny": 1e-9 * rng.standard_normal(300),
    }[kind]
    state = garch.estimate(returns, o, dist)
    assert state.items() >= EWMA.items()
    assert state["mean"] == returns.mean()
    shocks, variance = returns - returns.mean(), state["backcast"]
    for error in shocks:
        variance = 0.94 * variance + 0.06 * error**2
    np.testing.assert_allclose(garch.ahead(returns, state, 3)[-1], [variance] * 3, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("o", [0, 1])
def test_a_halted_series_ends_with_something_sane(o):
    rng = np.random.default_rng(0)
    returns = np.where(np.arange(300) < 150, rng.standard_normal(300), 0.0)
    state = garch.estimate(returns, o, "t")
    assert state["alpha"] + state["gamma"] / 2 + state["beta"] <= 1
    assert 0.1 < garch.variances(returns, state)[:150].mean() / returns[:150].var() < 10


BROKEN = [
    {"alpha": 0.1, "beta": 0.9},
    {"alpha": 0.1, "beta": 0.95},
    {"alpha": 0.995, "gamma": -0.9, "beta": 0.0},
    {"beta": float("nan")},
    {"omega": 0.0},
    {"omega": 1e4},
    {"mean": 1e6, "omega": 1e10},
    {},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_solution_that_makes_no_sense_is_not_taken(broken, monkeypatch):
    returns = series()["gjr"]
    good = {**TRUE, "alpha": 0.04}
    monkeypatch.setattr(garch, "_maximise", lambda *args: good)
    assert garch.estimate(returns, 1, "t").items() >= good.items()
    monkeypatch.setattr(garch, "_maximise", lambda *args: {**good, **broken} if broken else {})
    assert garch.estimate(returns, 1, "t").items() >= EWMA.items()


def test_a_persistence_of_one_is_kept(monkeypatch):
    integrated = {**TRUE, "alpha": 0.05, "gamma": 0.1, "beta": 0.9}
    monkeypatch.setattr(garch, "_maximise", lambda *args: integrated)
    state = garch.estimate(series()["gjr"], 1, "t")
    assert state.items() >= integrated.items()
    steps = garch.ahead(series()["gjr"], state, 4)
    np.testing.assert_allclose(np.diff(steps, axis=1), TRUE["omega"])


def test_the_filters_of_warnings_are_put_back():
    before = list(warnings.filters)
    garch.estimate(series()["gjr"], 1, "t")
    assert warnings.filters == before


def test_constant_prices_keep_a_sigma_above_zero():
    data = build(prices_of(np.zeros(400)), horizon=3, max_lookback=20)
    panel, train = data.panel(), data.origins("train")
    sigma = models.create("garch", {}).fit(panel, train, train[:0]).predict(panel, train).sigma
    np.testing.assert_allclose(sigma, np.tile(1e-6 * np.sqrt([1, 2, 3]), (len(train), 1)))


@pytest.mark.parametrize("params", [{"o": 2}, {"dist": "cauchy"}])
def test_parameters_that_make_no_model_are_refused(params):
    key, value = next(iter(params.items()))
    with pytest.raises(InputError, match=f"expected {key} of the garch .*got {value!r}"):
        models.create("garch", params).fit(None, None, None)
