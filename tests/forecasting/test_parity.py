"""The difference of a live forecast from the backtest's."""

import numpy as np
import pandas as pd

from pricecast.forecasting.parity import quantile_returns, relative_difference
from pricecast.schema import QUANTILE_COLUMNS


def test_quantiles_come_back_as_the_returns_that_they_were():
    returns = np.sort(np.random.default_rng(0).normal(0, 0.02, (4, len(QUANTILE_COLUMNS))), axis=1)
    close = np.array([1.0, 20.0, 300.0, 4e3])
    names = [f"{name}_live" for name in QUANTILE_COLUMNS]
    table = pd.DataFrame(close[:, None] * np.exp(returns), columns=names).assign(last_close_live=close)
    np.testing.assert_allclose(quantile_returns(table, "_live"), returns, rtol=1e-12)


def test_the_largest_difference_counts_in_widths_of_the_backtests_interval():
    backtest = np.array([[-0.02, 0.0, 0.06], [0.0, 0.0, 0.0]])
    live = backtest + np.array([[0.004, 0.0, -0.008], [0.0, 1e-6, 0.0]])
    # An interval without a width, around no change, would divide by zero: the smallest volatility stands in.
    np.testing.assert_allclose(relative_difference(live, backtest), [0.1, 1.0])


def test_forecasts_without_a_spread_count_in_their_own_size():
    # As of a series that a model knows by heart: rounding is no leak, another forecast is.
    backtest = np.full((2, 3), 0.005)
    live = backtest + np.array([[1e-12], [1e-5]])
    np.testing.assert_allclose(relative_difference(live, backtest), [2e-10, 2e-3], rtol=1e-3)
