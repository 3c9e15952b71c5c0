"""Forecasts of models that output quantiles of the labels."""

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast
from pricecast.schema import MEDIAN


def forecast(levels: np.ndarray, panel: Panel, origins: np.ndarray) -> Forecast:
    """Convert quantiles of the labels (n, h, levels) into a forecast of log returns, in order and with a median."""
    columns = [panel.to_returns(levels[:, :, level], origins) for level in range(levels.shape[2])]
    quantiles = np.sort(np.stack(columns, axis=2), axis=2)
    return Forecast(center=quantiles[:, :, MEDIAN], quantiles=quantiles)
