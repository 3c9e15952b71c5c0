"""Live equals backtest: a bundle made without any later row forecasts what the backtest holds for a cutoff."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricecast.dataset import subsets
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.splits import Fold
from pricecast.forecasting.fitting import fit
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.settings import Settings
from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_COLUMNS

# How far a live forecast may be from the one of the backtest, in widths of its 90 % interval.
TOLERANCE = 1e-6


def forecast(
    dataset: Dataset, name: str, params: dict[str, Any], settings: Settings, fold: Fold, rows: np.ndarray
) -> OutOfFold:
    """Make a bundle as of a fold's start out of the rows up to one cutoff, and lets it forecast from raw bars.

    Features, scalers, calibration and model are made anew, kept in files and read again; the bundle gets as many
    bars as it says it needs.

    Args:
        dataset: of all rows.
        name: of the model.
        params: of the model.
        settings: how to make its forecaster.
        fold: whose forecaster it is.
        rows: the last rows of that cutoff, (n,).

    Returns:
        The calibrated quantiles, of those rows whose tickers have bars enough for a live forecast.
    """
    known_bars = dataset.bars[dataset.bars["date"] <= dataset.features["date"].iloc[rows[0]]].reset_index(drop=True)
    own = subsets.unspanned(dataset, known_bars).as_of(fold.valid_start, fold.start)
    made = fit(name, params, own, settings=settings)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Forecaster.load(made.save(Path(folder) / "forecaster"))
    prices = subsets.prices(known_bars)
    bars = bundle.context.needed(prices).reset_index(drop=True)
    if bars.empty or (bundle.about.across and bars["ticker"].nunique() < prices["ticker"].nunique()):
        # A ticker is too young for a live forecast, and the model looks at all of them.
        nothing = np.empty((0, dataset.spec.horizon, len(QUANTILE_COLUMNS)))
        return OutOfFold(rows[:0], Forecast(nothing[:, :, MEDIAN], quantiles=nothing))
    table = bundle.predict_bars(bars)
    tickers = dataset.features["ticker"].to_numpy()[rows]
    known = rows[np.isin(tickers, table["ticker"].unique())]
    order = pd.Index(table["ticker"].unique()).get_indexer(dataset.features["ticker"].to_numpy()[known])
    quantiles = quantile_returns(table).reshape(-1, dataset.spec.horizon, len(QUANTILE_COLUMNS))[order]
    return OutOfFold(known, Forecast(quantiles[:, :, MEDIAN], quantiles=quantiles))


def difference(found: OutOfFold, dataset: Dataset, forecasts: pd.DataFrame) -> float:
    """Return the largest difference from a backtest's table of one model, relative to its 90 % interval; NaN if empty."""
    rows = dataset.features.iloc[found.origins][["ticker", "date"]].rename(columns={"date": "cutoff"})
    held = rows.merge(forecasts, on=["ticker", "cutoff"], how="left")
    returns = quantile_returns(held)
    assert found.forecast.quantiles is not None  # noqa: S101 - made by `forecast`
    relative = relative_difference(found.forecast.quantiles.reshape(returns.shape), returns)
    return float(relative.max(initial=np.nan if held.empty else 0.0))


def quantile_returns(table: pd.DataFrame, suffix: str = "") -> np.ndarray:
    """Log returns from the last close to the quantiles of a forecasts table, (n, levels).

    Args:
        table: `last_close` and the quantile columns, n rows.
        suffix: of those columns' names, where the table holds two sets of them.
    """
    prices = table[[f"{name}{suffix}" for name in QUANTILE_COLUMNS]].to_numpy()
    return np.log(prices / table[[f"last_close{suffix}"]].to_numpy())


def relative_difference(live: np.ndarray, backtest: np.ndarray) -> np.ndarray:
    """Largest difference of a forecast's quantiles (n, levels), in widths of the backtest's 90 % interval, (n,)."""
    width = np.maximum(backtest[:, -1] - backtest[:, 0], 1e-12)
    return np.abs(live - backtest).max(axis=1) / width
