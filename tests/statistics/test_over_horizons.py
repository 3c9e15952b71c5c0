"""Intervals over horizons: noise of the calibration turns no edge back, what the model says stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import optimize

from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from pricecast.statistics.conformal import apply
from pricecast.statistics.over_horizons import isotonic, smooth

HORIZON, LEVELS = 8, len(QUANTILE_LEVELS)
SHAPE = np.array([-1.65, -1.28, -0.67, 0.0, 0.67, 1.28, 1.65])


def unit(n=1, scale=0.01):
    return np.full((n, 1), scale) * np.sqrt(np.arange(1, HORIZON + 1))


def noisy(rng, n=1, size=0.15):
    """Offsets (n, h, q) whose levels err each for itself, never crossing."""
    return SHAPE * (1 + size * rng.standard_normal((n, HORIZON, LEVELS)).clip(-2, 2).cumsum(axis=2) / 3).clip(0.2)


def outputs(kind, n, rng):
    """A model without noise of its own: its centre, its volatility or its quantiles."""
    center = 0.001 * rng.standard_normal((n, HORIZON))
    if kind == "center":
        return Forecast(center)
    sigma = unit(n) * rng.uniform(0.5, 2, (n, 1))
    if kind == "sigma":
        return Forecast(center, sigma=sigma)
    return Forecast(center, quantiles=center[:, :, None] + sigma[:, :, None] * SHAPE)


def distances(quantiles):
    return np.abs(quantiles - quantiles[:, :, MEDIAN, None])


def turns_back(quantiles):
    return (np.diff(distances(quantiles), axis=1) < -1e-12).any()


@settings(max_examples=100, deadline=None)
@given(
    values=arrays.arrays(float, (3, 6), elements=st.floats(-1e3, 1e3)),
    weights=arrays.arrays(float, (3, 6), elements=st.floats(0.1, 10)),
)
def test_isotonic_regression_is_scipys_for_each_row(values, weights):
    expected = [optimize.isotonic_regression(one, weights=its).x for one, its in zip(values, weights, strict=True)]
    np.testing.assert_allclose(isotonic(values, weights), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["center", "sigma", "quantiles"])
def test_noise_of_the_calibration_turns_no_edge_back(kind):
    rng = np.random.default_rng(0)
    forecast, n = outputs(kind, 200, rng), 200
    offsets = noisy(rng, n) if kind != "quantiles" else 0.3 * rng.standard_normal((n, HORIZON, LEVELS))
    offsets[:, :, MEDIAN] = 0
    before = apply(forecast, offsets, unit(n))
    assert turns_back(before)
    after = smooth(before, forecast, unit(n))
    assert not turns_back(after)
    assert (np.diff(after, axis=2) >= 0).all()
    np.testing.assert_array_equal(after[:, :, MEDIAN], before[:, :, MEDIAN])


def test_what_one_horizon_loses_its_neighbours_win():
    # In units of each horizon's volatility, which density and so coverage go by.
    rng = np.random.default_rng(1)
    forecast, u = Forecast(np.zeros((50, HORIZON))), unit(50)
    before = apply(forecast, noisy(rng, 50), u)
    moved = (smooth(before, forecast, u) - before) / u[:, :, None]
    assert np.abs(moved).max() > 0.05
    np.testing.assert_allclose(moved.sum(axis=1), 0, atol=1e-9)


@pytest.mark.parametrize("kind", ["center", "sigma", "quantiles"])
def test_edges_in_order_stay_bit_for_bit(kind):
    forecast = outputs(kind, 20, np.random.default_rng(2))
    offsets = np.zeros((HORIZON, LEVELS)) if kind == "quantiles" else np.tile(SHAPE, (HORIZON, 1))
    before = apply(forecast, offsets, unit(20))
    np.testing.assert_array_equal(smooth(before, forecast, unit(20)), before)


def test_a_volatility_that_falls_narrows_the_intervals_as_before():
    sigma = np.array([[1.0, 1.3, 1.4, 1.2, 0.9, 1.0, 1.1, 1.2]]) / 100
    forecast = Forecast(np.zeros_like(sigma), sigma=sigma)
    before = apply(forecast, np.tile(SHAPE, (HORIZON, 1)), unit())
    np.testing.assert_allclose(smooth(before, forecast, unit()), before, rtol=1e-12)
    # Noise on top of it is pooled, but not beyond the fall.
    offsets = np.tile(SHAPE, (HORIZON, 1))
    offsets[4] *= 0.8
    after = distances(smooth(apply(forecast, offsets, unit()), forecast, unit()))[0, :, 0]
    assert distances(apply(forecast, offsets, unit()))[0, 4, 0] < after[4] < after[3]


def test_quantiles_of_the_model_that_come_nearer_may_do_so():
    wide = np.array([1.0, 1.3, 1.4, 1.2, 0.9, 1.0, 1.1, 1.2]) / 100
    quantiles = (wide[:, None] * SHAPE)[None]
    forecast = Forecast(quantiles[:, :, MEDIAN], quantiles=quantiles)
    before = apply(forecast, 0.1 * np.tile(SHAPE, (HORIZON, 1)), unit())
    np.testing.assert_allclose(smooth(before, forecast, unit()), before, rtol=1e-12)


def test_a_forecast_does_not_depend_on_those_beside_it():
    rng = np.random.default_rng(3)
    forecast = outputs("sigma", 40, rng)
    before = apply(forecast, noisy(rng, 40), unit(40))
    kept = before.copy()
    together = smooth(before, forecast, unit(40))
    for row in range(40):
        alone = smooth(before[[row]], forecast.take(np.array([row])), unit())
        np.testing.assert_array_equal(alone[0], together[row])
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("sigma", [0.0, 1e-300, 299.0])
def test_a_price_that_does_not_move_and_one_gone_wild_have_finite_quantiles(sigma):
    forecast = Forecast(np.zeros((1, HORIZON)), sigma=np.full((1, HORIZON), sigma))
    before = apply(forecast, noisy(np.random.default_rng(4))[0], unit()).clip(-300, 300)
    after = smooth(before, forecast, unit())
    assert np.isfinite(after).all()
    assert not turns_back(after)


def test_one_horizon_has_nothing_to_be_smoothed_with():
    quantiles = SHAPE[None, None] / 100
    np.testing.assert_array_equal(smooth(quantiles, Forecast(np.zeros((1, 1))), np.full((1, 1), 0.01)), quantiles)
