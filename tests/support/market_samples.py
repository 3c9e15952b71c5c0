"""Small made-up markets: prices tables, and datasets of them that are quick to fit."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
import torch

from pricecast.audit.perturb import replace_rows
from pricecast.data.sources import synthetic
from pricecast.dataset.dataset import Dataset, build
from pricecast.schema import DATE_DTYPE, PRICES
from pricecast.table_checks import check_prices

# Networks this small wait for a second thread longer than they compute, minutes on a busy machine.
torch.set_num_threads(1)

LAST = "2024-07-03"  # the day before a New York holiday
# The settings of any model that make a fit last a moment.
SMALL = {
    "epochs": 2, "hidden_dim": 8, "lookback": 10, "seed": 0, "season": 1, "members": "drift,har", "trees": 5,
    "min_samples_leaf": 10,
}  # fmt: skip
TWO = (("AAA", 420), ("BBB", 360))


def prices_of(returns: np.ndarray, ticker: str = "AAA", last: str = LAST, freq: str = "B", seed: int = 0):
    """The prices table of one ticker from its daily log returns."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(end=last, periods=len(returns), freq=freq).astype(DATE_DTYPE)
    bars = synthetic.bars(np.asarray(returns, float), dates, ticker, rng)
    return check_prices(bars.astype({"volume": float, "ticker": object})[list(PRICES)])


def market(
    bars: Mapping[str, int] | tuple[tuple[str, int], ...] = TWO,
    kind: str = "ewma",
    seed: int = 0,
    last: str = LAST,
    freq: str = "B",
) -> pd.DataFrame:
    """The prices table of several tickers that end on one day; fewer bars mean a later start."""
    tables = []
    for ticker, n in sorted(dict(bars).items()):
        rng = synthetic.stream(seed, ticker)
        returns = synthetic.KINDS[kind](rng, n)
        tables.append(prices_of(returns, ticker, last, freq, int(rng.integers(2**31))))
    return check_prices(pd.concat(tables, ignore_index=True))


@cache
def small_dataset(
    bars: tuple[tuple[str, int], ...] = TWO,
    horizon: int = 3,
    max_lookback: int = 20,
    target: str = "return",
    scaler: str = "standard",
    kind: str = "ewma",
    seed: int = 0,
) -> Dataset:
    """A dataset that fits in a moment; it is shared between tests, so change none of its tables."""
    prices = market(bars, kind, seed)
    return build(prices, horizon=horizon, max_lookback=max_lookback, target=target, scaler=scaler)


def later(prices: pd.DataFrame, start: object, how: str, seed: int = 0) -> pd.DataFrame:
    """The prices with every number from the date `start` on replaced, see `perturb.replace_rows`."""
    return replace_rows(prices, (prices["date"] >= pd.Timestamp(start)).to_numpy(), how, seed)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """True if two arrays hold the same bytes in the same shape, NaN included."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
