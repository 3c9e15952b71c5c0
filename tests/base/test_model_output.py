"""Forecasts of a model: parts of their origins, and several of them joined."""

import numpy as np
import pytest

from pricecast.model_output import Forecast, join

N, H, Q = 5, 3, 7
CENTER, SIGMA = np.arange(N * H, dtype=float).reshape(N, H), np.arange(N * H, dtype=float).reshape(N, H) + 1
QUANTILES = np.arange(N * H * Q, dtype=float).reshape(N, H, Q)
KINDS = {
    "point": Forecast(CENTER),
    "volatility": Forecast(CENTER, sigma=SIGMA),
    "quantiles": Forecast(CENTER, quantiles=QUANTILES),
}


def assert_equal(one, other):
    for name in ("center", "sigma", "quantiles"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_joined_parts_are_the_whole(kind):
    forecast = KINDS[kind]
    parts = [forecast.take(rows) for rows in (np.array([0, 1]), np.array([2]), np.array([3, 4]))]
    assert_equal(join(parts), forecast)


@pytest.mark.parametrize("kind", KINDS)
def test_origins_are_taken_by_number_or_mask(kind):
    forecast = KINDS[kind]
    taken = forecast.take(np.array([3, 1]))
    np.testing.assert_array_equal(taken.center, CENTER[[3, 1]])
    assert_equal(forecast.take(np.arange(N) % 2 == 1), forecast.take(np.array([1, 3])))
