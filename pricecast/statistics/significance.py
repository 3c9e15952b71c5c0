"""Tests whether one model's loss is lower than another's: Diebold-Mariano, Holm, block bootstrap."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

MIN_HORIZONS = 10
# Two forecasts that differ by rounding alone must not come out as significantly different.
SAME = 1e-10


class DMResult(NamedTuple):
    """The outcome of a two-sided test on n days; a negative statistic says that the first loss is the lower one."""

    statistic: float
    p_value: float
    n: int


def daily_losses(cutoff: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Average losses (n,) over the tickers of each cutoff, in order of date, (days,).

    Tickers move together: 600 of them on one day are nearer to one observation than to 600.

    >>> daily_losses(np.array(["2024-03-01", "2024-03-01", "2024-03-04"]), np.array([1.0, 2.0, 4.0])).tolist()
    [1.5, 4.0]
    """
    _, day = np.unique(cutoff, return_inverse=True)
    return np.bincount(day, weights=loss) / np.bincount(day)


def diebold_mariano(loss_a: ArrayLike, loss_b: ArrayLike, horizon: int) -> DMResult:
    """Test whether two forecasts have the same expected loss (Diebold & Mariano 1995), two-sided.

    The variance of the mean difference allows for autocorrelation (see `_variance`); statistic and t(n - 1)
    distribution carry the small-sample correction of Harvey, Leybourne & Newbold (1997).

    Args:
        loss_a: (n,) losses of the first forecast, one per cutoff in order of time.
        loss_b: (n,) losses of the second on the same cutoffs.
        horizon: trading days ahead of the forecasts; errors h days ahead overlap h - 1 times.

    Returns:
        Statistic 0 and p = 1 for equal losses. Both NaN below ten horizons' worth of cutoffs (no long-run
        variance can be had from that), or where a loss is not finite.

    Raises:
        ValueError: the two are not of one length, or the horizon is below 1.

    >>> ours, naive = [1.0, 2.0, 3.0, 2.0] * 5, [2.0, 2.0, 2.0, 3.0] * 5
    >>> statistic, p_value, n = diebold_mariano(ours, naive, horizon=1)
    >>> round(statistic, 2), round(p_value, 3), n
    (-2.28, 0.035, 20)
    """
    a, b = np.asarray(loss_a, float), np.asarray(loss_b, float)
    if a.ndim != 1 or a.shape != b.shape or horizon < 1:
        raise ValueError(f"expected two series of one length and horizon >= 1, got {a.shape}, {b.shape}, {horizon}")
    difference, n = a - b, len(a)
    if n < MIN_HORIZONS * horizon or not np.isfinite(difference).all():
        return DMResult(float("nan"), float("nan"), n)
    if np.abs(difference).max() <= SAME * max(np.abs(a).mean(), np.abs(b).mean()):
        return DMResult(0.0, 1.0, n)
    error = np.sqrt(_variance(difference, horizon) / n)
    raw = difference.mean() / error if error > 0 else np.copysign(np.inf, difference.mean())
    correction = np.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    statistic = float(raw * correction)
    return DMResult(statistic, float(2 * stats.t.sf(abs(statistic), n - 1)), n)


def diebold_mariano_over_horizons(loss_a: pd.DataFrame, loss_b: pd.DataFrame, naive: pd.DataFrame) -> DMResult:
    """Test whether two forecasts have the same expected loss over all horizons taken together.

    Losses grow with the horizon, so each is divided by naive's mean loss there, in which unit all count alike;
    then a day's losses are averaged over the horizons. The averages overlap as long as the longest horizon does.

    Args:
        loss_a: losses of the first forecast averaged over tickers (see `daily_losses`), a row per cutoff and a
            column per horizon (days ahead); NaN where the future is not known yet.
        loss_b: those of the second forecast.
        naive: those of the forecast of no change.

    Returns:
        As `diebold_mariano`, over the cutoffs whose every horizon is known in all three tables; NaN where naive has
        no loss at some horizon.

    Raises:
        ValueError: the tables differ in cutoffs or horizons.
    """
    tables = [loss_a, loss_b, naive]
    if not all(table.index.equals(naive.index) and table.columns.equals(naive.columns) for table in tables):
        raise ValueError("expected three tables of the same cutoffs and horizons")
    known = pd.concat(tables, axis=1).notna().all(axis=1)
    unit = naive[known].mean().replace(0, np.nan)
    a, b = ((table[known] / unit).mean(axis=1, skipna=False) for table in tables[:2])
    return diebold_mariano(a, b, int(naive.columns.max()))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust (n,) p-values for the number of tests (Holm 1979, step-down); NaN is no test and stays NaN.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()  # 3 * .01, 2 * .03, and never below the one before
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # argsort puts NaN last
    adjusted = np.full(p.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return adjusted


def _variance(series: np.ndarray, horizon: int) -> float:
    """Return the long-run variance of a loss difference.

    One day ahead: Newey & West (1987), Bartlett weights, with their rule of thumb for the lag (1994). Further
    ahead the errors overlap h - 1 times by construction, so these covariances count in full, as in Diebold &
    Mariano; Bartlett weights would shrink them and reject twice as often as promised. They step in where the
    sum is not positive.
    """
    centred, n = series - series.mean(), len(series)
    lag = horizon - 1 if horizon > 1 else int(4 * (n / 100) ** (2 / 9))
    covariances = np.array([centred[k:] @ centred[: n - k] / n for k in range(lag + 1)])
    in_full = float(covariances[0] + 2 * covariances[1:].sum())
    if horizon > 1 and in_full > 0:
        return in_full
    weights = 1 - np.arange(lag + 1) / (lag + 1)
    return float(covariances[0] + 2 * weights[1:] @ covariances[1:])


def block_length(n: int, horizon: int = 1) -> int:
    """Return the number of days in a block of the bootstrap, out of n.

    2 n^(1/3) are long enough for clusters of volatility. Errors h days ahead overlap h - 1 times; a block has
    only the overlaps within itself, so it is at least twice as long as they reach.

    >>> block_length(1000), block_length(1000, horizon=20)
    (20, 40)
    """
    return min(n, max(math.ceil(2 * n ** (1 / 3)), 2 * horizon if horizon > 1 else 1))


def block_error(series: np.ndarray, horizon: int = 1) -> float:
    """Return the standard error of the mean of a series, by the circular block bootstrap.

    Politis & Romano (1992). The blocks of a draw are independent and each start is as likely as any other, so the
    variance over all draws is that of the n block means, divided by the number of blocks: no draw is needed.

    Args:
        series: (n,) values, one a day in order of time.
        horizon: trading days ahead that they are about; they overlap that long.

    Returns:
        The standard error; NaN for fewer than two values.

    >>> clustered = np.repeat([0.0, 1.0], 50)  # a hundred values, but two clusters
    >>> round(block_error(clustered), 2), round(float(clustered.std()) / 10, 2)
    (0.15, 0.05)
    """
    n = len(series)
    if n < 2:
        return float("nan")
    length = block_length(n, horizon)
    sums = np.cumsum(np.concatenate([[0.0], series, series[:length]]))
    means = (sums[length:-1] - sums[: -length - 1]) / length
    return float(np.sqrt(means.var() * length / n))
