"""Every model fitted once to two made-up tickers, and the bars as a user would send them."""

from functools import cache

import numpy as np
import pytest

from pricecast import models
from pricecast.dataset import dataset
from pricecast.forecasting import fitting
from pricecast.schema import QUANTILE_COLUMNS
from tests.support.market_samples import SMALL, market

NAMES = models.names()
LONG = (("AAA", 700), ("BBB", 660))
# Every model on returns; on prices, where all that differs is shared by the models, one of each sort.
FEW = ("naive", "linear", "lstm")
CELLS = [
    pytest.param(name, target, marks=[pytest.mark.slow] if target == "price" and name not in FEW else [])
    for name in NAMES
    for target in ("return", "price")
]
PRICE_LIKE = ["last_close", "forecast", *QUANTILE_COLUMNS]


@cache
def data(target="return"):
    return dataset.build(market(LONG), horizon=3, max_lookback=20, target=target)


@cache
def made(name, target="return"):
    return fitting.fit(name, small(name), data(target))


def small(name):
    return models.settle(name, {}, SMALL)


def raw(bars=LONG, **changes):
    """Bars as a user would send them: no adjusted close, columns in another order."""
    return market(bars, **changes)[["ticker", "date", "volume", "open", "high", "low", "close"]]


def logs(table):
    """Log prices of a forecasts table."""
    return np.log(table[PRICE_LIKE].to_numpy())
