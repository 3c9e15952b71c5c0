"""A forecasts table that looks like a real one, for every test that needs one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pricecast.schema import DATE_DTYPE, FORECASTS, QUANTILE_COLUMNS, QUANTILE_LEVELS

# Quantiles of a standard normal and of a Student t with 4 degrees of freedom of unit variance, at the levels.
NORMAL = (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645)
HEAVY = (-1.507, -1.084, -0.524, 0.0, 0.524, 1.084, 1.507)


def sample_forecasts(
    tickers: Sequence[str] = ("AAPL", "MSFT"),
    models: Sequence[str] = ("naive", "ewma", "drift", "lstm"),
    days: int = 120,
    horizons: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Forecasts from `days` cutoffs per ticker; outcomes after the last cutoff are unknown (NaN).

    Volatility comes in waves and shocks are heavy-tailed. `naive` has well calibrated quantiles, `ewma`
    normal ones; any other model has a small, mostly useless opinion and intervals a little too narrow.
    """
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2024-01-02", periods=days + horizons).astype(DATE_DTYPE)
    tables = []
    for ticker in tickers:
        sigma = 0.014 * np.exp(0.4 * np.sin(np.arange(days + horizons) / 17 + rng.uniform(0, 6)))
        shocks = sigma * rng.standard_t(4, days + horizons) / np.sqrt(2)
        close = rng.uniform(40, 400) * np.exp(np.cumsum(shocks))
        tables += [_one(ticker, model, dates, close, sigma, days, horizons, rng) for model in models]
    order = ["ticker", "cutoff", "horizon", "model"]
    return pd.concat(tables).sort_values(order, kind="stable").reset_index(drop=True)[list(FORECASTS)]


def _one(
    ticker: str,
    model: str,
    dates: pd.DatetimeIndex,
    close: np.ndarray,
    sigma: np.ndarray,
    days: int,
    horizons: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    cutoff, horizon = (grid.ravel() for grid in np.mgrid[0:days, 1 : horizons + 1])
    spread = sigma[cutoff] * np.sqrt(horizon)
    center = np.zeros(len(cutoff))
    if model not in ("naive", "ewma"):
        peek = np.log(close[cutoff + horizon] / close[cutoff])
        center = 0.0003 * horizon + 0.02 * peek + 0.12 * spread * rng.standard_normal(len(cutoff))
        spread = 0.9 * spread
    shape = np.array(NORMAL if model == "ewma" else HEAVY)
    quantiles = close[cutoff, None] * np.exp(center[:, None] + spread[:, None] * shape)
    table = pd.DataFrame(quantiles, columns=list(QUANTILE_COLUMNS))
    outcome = np.where(cutoff + horizon < days, close[cutoff + horizon], np.nan)
    assert len(shape) == len(QUANTILE_LEVELS)
    return table.assign(
        ticker=ticker, cutoff=dates[cutoff], horizon=horizon, date=dates[cutoff + horizon], model=model,
        last_close=close[cutoff], forecast=table["q50"], actual=outcome,
    )  # fmt: skip
