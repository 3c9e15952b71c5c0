"""Recorded forecasts as a model: a backtest keeps them of each fit, and calibrates them later."""

from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.models import Forecast, Model, OnEpoch
from pricecast.schema import QUANTILE_COLUMNS

_PARTS = ("center", "sigma", "quantiles")


class Replay:
    """Model that returns the forecasts of a fitted one, for the origins that this was asked for."""

    def __init__(self, past: OutOfFold, prototype: Model) -> None:
        self.past, self.prototype = past, prototype
        self.lookback = prototype.lookback

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Return self: the fitted model has learned already."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Return the recorded forecasts.

        Raises:
            InputError: an origin is not among them.
        """
        at = np.searchsorted(self.past.origins, origins)
        nearest = (
            self.past.origins[np.minimum(at, len(self.past.origins) - 1)] if len(self.past.origins) else at - 1
        )
        if (nearest != origins).any():
            raise InputError(f"expected origins that were forecast, got {np.sum(nearest != origins)} others")
        return self.past.forecast.take(at)

    def save(self, folder: Path) -> None:
        """Refuse: recorded forecasts are no model to keep.

        Raises:
            InputError: always.
        """
        raise InputError("expected a model to keep, got forecasts that it made: fit it again")

    def load(self, folder: Path) -> Self:
        """Return self: there is no file to read."""
        return self


def to_table(past: OutOfFold) -> pd.DataFrame:
    """Return one row for each origin: its row number, then `center_1`, `sigma_1`, `q05_1` and so on, by horizon."""
    columns: dict[str, np.ndarray] = {"row": past.origins}
    for part in _PARTS:
        values = getattr(past.forecast, part)
        if values is not None:
            for name, column in _columns(part, values.shape[1]).items():
                columns[name] = values[(slice(None), *column)]
    return pd.DataFrame(columns)


def from_table(table: pd.DataFrame) -> OutOfFold:
    """Return the forecasts of a table that `to_table` made."""
    horizon = sum(name.startswith("center_") for name in table.columns)
    parts: dict[str, np.ndarray | None] = {}
    for part in _PARTS:
        names = list(_columns(part, horizon))
        parts[part] = table[names].to_numpy() if set(names) <= set(table.columns) else None
    center, sigma, quantiles = (parts[part] for part in _PARTS)
    assert center is not None  # noqa: S101 - every forecast has one
    shaped = None if quantiles is None else quantiles.reshape(len(table), horizon, len(QUANTILE_COLUMNS))
    return OutOfFold(table["row"].to_numpy(), Forecast(center, sigma, shaped))


def _columns(part: str, horizon: int) -> dict[str, tuple[int, ...]]:
    """Return the column names of a part, with their indices in its array after the axis of origins."""
    if part != "quantiles":
        return {f"{part}_{step + 1}": (step,) for step in range(horizon)}
    return {
        f"{name}_{step + 1}": (step, level)
        for step in range(horizon)
        for level, name in enumerate(QUANTILE_COLUMNS)
    }
