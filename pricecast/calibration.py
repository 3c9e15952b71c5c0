"""From a point, a volatility or quantiles to calibrated quantiles: split conformal prediction.

Residuals are measured out of fold, in units of the forecast's volatility, and per horizon. The centre of a
model stays its own: calibration moves the quantiles around it (Vovk et al. 2005; for quantile models
Romano, Patterson & Candès 2019).
"""

import math

import numpy as np
from scipy.stats import norm

from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_LEVELS

_LEVELS = np.array(QUANTILE_LEVELS)


def normal_quantiles(forecast: Forecast) -> np.ndarray:
    """Quantiles (n, h, q) of a normal distribution with the forecast's centre and sigma."""
    assert forecast.sigma is not None  # noqa: S101 - a model that is not calibrated brings a sigma
    return forecast.center[:, :, None] + forecast.sigma[:, :, None] * norm.ppf(_LEVELS)


def fit(forecast: Forecast, actual: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Learns how far each quantile has to move.

    Args:
        forecast: of the calibration origins, log returns.
        actual: (n, h) log returns.
        unit: (n, h) scale * sqrt(h).

    Returns:
        (h, q) offsets in units of the forecast's volatility; 0 at the median, never crossing.
    """
    base, unit = _base(forecast), _unit(forecast, unit)
    scores = (actual[:, :, None] - base) / unit[:, :, None]
    offsets = np.stack([conformal_quantile(scores[:, :, i], level) for i, level in enumerate(_LEVELS)], axis=1)
    offsets[:, MEDIAN] = 0.0
    if forecast.quantiles is None:
        # Around one centre: no lower quantile above it, no upper one below.
        offsets[:, :MEDIAN] = np.minimum(offsets[:, :MEDIAN], 0.0)
        offsets[:, MEDIAN:] = np.maximum(offsets[:, MEDIAN:], 0.0)
    return offsets


def apply(forecast: Forecast, offsets: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Calibrated quantiles of log returns, (n, h, q), in order."""
    quantiles = _base(forecast) + offsets * _unit(forecast, unit)[:, :, None]
    below = np.minimum.accumulate(quantiles[:, :, MEDIAN::-1], axis=2)[:, :, ::-1]
    above = np.maximum.accumulate(quantiles[:, :, MEDIAN:], axis=2)
    return np.concatenate([below, above[:, :, 1:]], axis=2)


def conformal_quantile(scores: np.ndarray, level: float) -> np.ndarray:
    """The order statistic of n scores that a new one stays below with at least (at most) the level's chance.

    Upper levels take rank ceil((n + 1) level), lower ones floor((n + 1) level), so that a central interval
    covers at least what it promises (Lei et al. 2018, section 2) as far as the scores are exchangeable, which
    overlapping horizons only approximate.

    Args:
        scores: (n, h).
        level: between 0 and 1.

    Returns:
        (h,) scores.
    """
    n = len(scores)
    exact = round((n + 1) * level, 9)
    rank = math.ceil(exact) if level > 0.5 else math.floor(exact)
    index = min(max(rank, 1), n) - 1
    return np.partition(scores, index, axis=0)[index]


def _base(forecast: Forecast) -> np.ndarray:
    if forecast.quantiles is not None:
        return forecast.quantiles
    return np.repeat(forecast.center[:, :, None], len(_LEVELS), axis=2)


def _unit(forecast: Forecast, unit: np.ndarray) -> np.ndarray:
    return unit if forecast.sigma is None else forecast.sigma
