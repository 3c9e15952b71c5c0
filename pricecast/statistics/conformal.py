"""Conformal prediction: calibrated quantiles around a point, a volatility or quantiles.

Residuals are measured out of fold, in units of the forecast's volatility, and per horizon. The centre of a model
stays as it is: calibration moves the quantiles around it (Vovk et al. 2005; for quantile models Romano, Patterson &
Candès 2019).
"""

import math

import numpy as np
from scipy.stats import norm

from pricecast.model_output import Forecast
from pricecast.schema import MEDIAN, QUANTILE_LEVELS

_LEVELS = np.array(QUANTILE_LEVELS)


def normal_quantiles(forecast: Forecast) -> np.ndarray:
    """Return the quantiles (n, h, q) of a normal distribution with the forecast's centre and sigma.

    >>> forecast = Forecast(center=np.array([[0.0]]), sigma=np.array([[0.01]]))
    >>> normal_quantiles(forecast).round(4).tolist()
    [[[-0.0164, -0.0128, -0.0067, 0.0, 0.0067, 0.0128, 0.0164]]]
    """
    assert forecast.sigma is not None  # noqa: S101 - a model that is not calibrated brings a sigma
    return forecast.center[:, :, None] + forecast.sigma[:, :, None] * norm.ppf(_LEVELS)


def fit(forecast: Forecast, actual: np.ndarray, unit: np.ndarray, days: np.ndarray | None = None) -> np.ndarray:
    """Fit the offset of each quantile, as it has to move to be calibrated.

    Args:
        forecast: of n calibration origins, log returns.
        actual: (n, h) log returns.
        unit: (n, h) scale * sqrt(h).
        days: (n,) cutoffs. Tickers move together and horizons overlap, so that n outcomes over h days count for
            as many as there are distinct cutoffs, divided by h. Without cutoffs, each row counts for one.

    Returns:
        (h, q) offsets in units of the forecast's volatility; 0 at the median, never crossing.
    """
    base, unit = _base(forecast), own_unit(forecast, unit)
    scores = (actual[:, :, None] - base) / unit[:, :, None]
    offsets = np.zeros(scores.shape[1:])
    for step in range(len(offsets)):
        worth = None if days is None else max(len(np.unique(days)) / (step + 1), 1)
        offsets[step] = [conformal_quantile(scores[:, step, i], p, worth) for i, p in enumerate(_LEVELS)]
    offsets[:, MEDIAN] = 0.0
    if forecast.quantiles is None:
        # Around one centre: no lower quantile above it, no upper one below.
        offsets[:, :MEDIAN] = np.minimum(offsets[:, :MEDIAN], 0.0)
        offsets[:, MEDIAN:] = np.maximum(offsets[:, MEDIAN:], 0.0)
    return offsets


def apply(forecast: Forecast, offsets: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return calibrated quantiles of log returns, (n, h, q), in order.

    Args:
        forecast: of n origins.
        offsets: (h, q), or (n, h, q) where they differ by row, in units of the forecast's volatility.
        unit: (n, h) scale * sqrt(h), the volatility of a forecast without one.
    """
    return in_order(_base(forecast) + offsets * own_unit(forecast, unit)[:, :, None])


def follow(quantiles: np.ndarray, actual: np.ndarray, unit: np.ndarray, rate: float) -> np.ndarray:
    """Adapt the quantiles of one ticker's consecutive origins to the outcomes of the earlier ones.

    At each close, a level's offset rises by rate * level / h if the outcome of h days before exceeded its quantile,
    and falls by rate * (1 - level) / h if not (quantile tracking: Gibbs & Candès 2021; Angelopoulos, Candès &
    Tibshirani 2023). Horizons overlap, so that h outcomes say about as much as one. The median stays.

    Args:
        quantiles: (n, h, q), day after day.
        actual: (n, h) log returns; not looked at before they are known.
        unit: (n, h) volatility that the offsets are in units of.
        rate: step for h = 1.

    Returns:
        Quantiles (n, h, q), in order.

    >>> quantiles = np.tile(np.array([-3.0, -2, -1, 0, 1, 2, 3]), (2, 1, 1))
    >>> first, second = follow(quantiles, np.array([[9.0], [0.0]]), np.ones((2, 1)), rate=0.1)
    >>> second[0].round(3).tolist()  # the first outcome, 9, was above all quantiles
    [-2.995, -1.99, -0.975, 0.0, 1.075, 2.09, 3.095]
    """
    adapted = quantiles.copy()
    steps = np.arange(1, quantiles.shape[1] + 1)
    rates = rate / steps[:, None]
    offsets = np.zeros(quantiles.shape[1:])
    for row in range(len(quantiles)):
        # The outcomes that came in with this close: of the forecast one day ago one day ahead, and so on.
        known = steps[steps <= row]
        exceeded = actual[row - known, known - 1, None] > adapted[row - known, known - 1]
        offsets[known - 1] += rates[known - 1] * (exceeded - (1 - _LEVELS))
        offsets[:, MEDIAN] = 0.0
        adapted[row] = in_order((quantiles[row] + offsets * unit[row, :, None])[None])[0]
    return adapted


def conformal_quantile(scores: np.ndarray, level: float, effective: float | None = None) -> np.ndarray:
    """Return the order statistic of n scores that a new one stays below with at least (at most) the level's chance.

    With n independent scores, upper levels take rank ceil((n + 1) level), lower ones floor((n + 1) level), so that
    a central interval covers at least what it promises (Lei et al. 2018, section 2). Scores that depend on one
    another count for fewer: the margin of one in n becomes one in `effective`.

    Args:
        scores: (n, ...).
        level: between 0 and 1.
        effective: how many independent scores they are worth, n if not given.

    Returns:
        (...) scores.

    >>> scores = np.arange(1.0, 101.0)
    >>> float(conformal_quantile(scores, 0.95)), float(conformal_quantile(scores, 0.05))  # 101 * .95 is 95.95
    (96.0, 5.0)
    >>> float(conformal_quantile(scores, 0.95, effective=20))  # worth 20 independent ones: a wider margin
    100.0
    """
    n = len(scores)
    tail = level if level > 0.5 else 1 - level
    exact = round(n * tail * (1 + 1 / (effective or n)), 9)
    rank = min(math.ceil(exact), n)
    index = rank - 1 if level > 0.5 else n - rank
    return np.partition(scores, index, axis=0)[index]


def own_unit(forecast: Forecast, unit: np.ndarray) -> np.ndarray:
    """Return the forecast's volatility (n, h) where it has one, else the unit given."""
    return unit if forecast.sigma is None else forecast.sigma


def _base(forecast: Forecast) -> np.ndarray:
    if forecast.quantiles is not None:
        return forecast.quantiles
    return np.repeat(forecast.center[:, :, None], len(_LEVELS), axis=2)


def in_order(quantiles: np.ndarray) -> np.ndarray:
    """Return quantiles (n, h, q) in order, the median unchanged."""
    below = np.minimum.accumulate(quantiles[:, :, MEDIAN::-1], axis=2)[:, :, ::-1]
    above = np.maximum.accumulate(quantiles[:, :, MEDIAN:], axis=2)
    return np.concatenate([below, above[:, :, 1:]], axis=2)
