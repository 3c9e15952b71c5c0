"""Forecasts of models whose output is quantiles of the labels."""

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast
from pricecast.schema import MEDIAN


def forecast(levels: np.ndarray, panel: Panel, origins: np.ndarray) -> Forecast:
    """Return the forecast of quantiles of labels (n, h, levels): log returns, in order, around the median."""
    columns = [panel.to_returns(levels[:, :, level], origins) for level in range(levels.shape[2])]
    quantiles = np.sort(np.stack(columns, axis=2), axis=2)
    return Forecast(center=quantiles[:, :, MEDIAN], quantiles=quantiles)
