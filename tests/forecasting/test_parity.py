"""The difference of a live forecast from the backtest's."""

import numpy as np
import pandas as pd

from pricecast.dataset.dataset import build
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.parity import difference, is_compared, quantile_returns, relative_difference
from pricecast.forecasting.table import forecast_table
from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_COLUMNS
from pricecast.table_checks import check_prices
from tests.support.market_samples import prices_of


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


def test_tickers_whose_prices_repeat_themselves_are_not_compared():
    walk = prices_of(0.01 * np.random.default_rng(0).standard_normal(400), "AAA")
    saw = prices_of(np.diff(np.log(100 + np.arange(401) % 20.0)), "SAW")
    data = build(check_prices(pd.concat([walk, saw], ignore_index=True)), horizon=2, max_lookback=20)
    panel = data.panel()
    last = np.flatnonzero(panel.ahead == 5)
    quantiles = np.tile(np.linspace(-0.02, 0.02, len(QUANTILE_COLUMNS)), (2, 2, 1))
    table = forecast_table(panel, last, panel.close[last], quantiles, "naive")
    off = {ticker: quantiles + 0.01 * (panel.tickers[last] == ticker)[:, None, None] for ticker in ("AAA", "SAW")}
    live = {
        ticker: OutOfFold(last, Forecast(found[:, :, MEDIAN], quantiles=found)) for ticker, found in off.items()
    }
    assert len(last) == 2
    assert is_compared(live["SAW"], data).tolist() == [True, False]
    assert difference(live["SAW"], data, table) < 1e-9
    assert difference(live["AAA"], data, table) > 0.2
