"""Intervals over horizons: calibration alone shall not make one narrower for a later day than for an earlier one.

Each horizon is calibrated by itself, on few independent outcomes where it is long, so that the half-widths of one
forecast go up and down by chance. Isotonic regression (Barlow, Bartholomew, Bremner & Brunk 1972) takes that out:
no edge moves that was in order, and one that was not is pooled with its neighbours.
"""

import numpy as np

from pricecast.model_output import Forecast
from pricecast.schema import MEDIAN, TINY
from pricecast.statistics.conformal import in_order, own_unit


def smooth(quantiles: np.ndarray, forecast: Forecast, unit: np.ndarray) -> np.ndarray:
    """Return calibrated quantiles whose distance from the median falls nowhere faster than the model's own.

    A distance may fall from one horizon to the next by as much as the model says: by what its own quantile comes
    nearer to its median, or its volatility falls. All else is calibration, and pooled. Horizons are weighed by one
    over their volatility: then the pooled ones together cover what they covered before, as far as the density at
    their edges is that of one shape.

    Args:
        quantiles: (n, h, q) log returns, in order.
        forecast: the model's own, of the same origins.
        unit: (n, h) scale * sqrt(h), the volatility of a forecast without one.

    Returns:
        Quantiles (n, h, q), in order; the median unchanged.
    """
    median, unit = quantiles[:, :, MEDIAN, None], own_unit(forecast, unit)
    distances = np.abs(quantiles - median)
    falls = np.cumsum(_falls(distances, forecast, unit), axis=1)
    above = distances - falls
    # Series first: a row for each origin and level.
    broken = (np.diff(above, axis=1) < 0).any(axis=1)
    row, level = np.nonzero(broken)
    pooled = isotonic(above[row, :, level], 1 / np.maximum(unit[row], TINY))
    distances[row, :, level] = np.maximum(pooled + falls[row, :, level], 0)
    side = np.where(np.arange(quantiles.shape[2]) < MEDIAN, -1, 1)
    return in_order(np.where(broken[:, None, :], median + side * distances, quantiles))


def isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the non-decreasing series with the least weighted squares of differences from each row, (m, h).

    By the formula of greatest and least means (Barlow et al. 1972, theorem 1.4), for all rows at once:
    `scipy.optimize.isotonic_regression` takes one series.

    Args:
        values: (m, h).
        weights: (m, h), above zero.

    >>> isotonic(np.array([[1.0, 3.0, 2.0, 5.0]]), np.ones((1, 4))).tolist()
    [[1.0, 2.5, 2.5, 5.0]]
    """
    zero = np.zeros((len(values), 1))
    sums, totals = (np.hstack([zero, np.cumsum(part, axis=1)]) for part in (weights * values, weights))
    result = np.full(values.shape, -np.inf)
    for start in range(values.shape[1]):
        means = (sums[:, start + 1 :] - sums[:, [start]]) / (totals[:, start + 1 :] - totals[:, [start]])
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        result[:, start:] = np.maximum(result[:, start:], least)
    return result


def _falls(distances: np.ndarray, forecast: Forecast, unit: np.ndarray) -> np.ndarray:
    """Return by how much the distances may fall from the horizon before, (n, h, q), zero or less."""
    if forecast.quantiles is not None:
        own = np.abs(forecast.quantiles - forecast.quantiles[:, :, MEDIAN, None])
    else:
        wide = np.maximum(unit, TINY)[:, :, None]
        own = (distances / wide).mean(axis=1, keepdims=True) * wide
    return np.minimum(np.diff(own, axis=1, prepend=own[:, :1]), 0)
