"""Realised variance of daily bars, and regressors for the variance to come.

All of them look back 22 days and one close, so that a forecast needs no long history; `long_run` alone looks back
a given number of months.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pricecast.dataset.panel import FEATURE_LIMIT, Panel

WEEK, MONTH = 5, 22
# Less than a hundredth of a basis point a day is no variance but rounding: a halted or pegged series.
FLOOR = 1e-12
# A flat day counts as a tenth of the month's volatility: its logarithm must not outweigh all other days.
QUIET = 0.01
# Squared returns come near zero on wild days, too, by chance alone, so their floor is higher.
QUIET_RETURNS = 0.05
# Columns of `own` and of `weekdays`.
OWN, WEEKDAYS = 9, 7
# Where `own` puts the log variances of the last day and of the last week.
DAY_AND_WEEK = slice(0, 2)


def variances(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Return each day's variance from close to close, (rows,), and its part while the market was open, (rows,).

    Garman & Klass (1980) from the range and the open-to-close move, plus the squared move over night; the first
    day of a ticker has no night, so its total is NaN.
    """
    opens, high, low = (np.log(panel.bars[name].to_numpy()) for name in ("open", "high", "low"))
    close = np.log(panel.close)
    ranges = 0.5 * (high - low) ** 2 - (2 * math.log(2) - 1) * (close - opens) ** 2
    night = np.full(len(close), np.nan)
    night[1:] = opens[1:] - close[:-1]
    night[positions(panel) == 0] = np.nan
    return ranges + night**2, ranges


def positions(panel: Panel) -> np.ndarray:
    """Return the number of earlier rows of each row's ticker, (rows,)."""
    starts = np.append(True, panel.tickers[1:] != panel.tickers[:-1])
    rows = np.arange(len(starts))
    return rows - np.maximum.accumulate(np.where(starts, rows, 0))


def levels(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Return the mean daily variance of the last month, (n,); that of `scale` after a month without a move."""
    means = _last(variances(panel)[0], rows, MONTH).mean(axis=1)
    return np.where(means > FLOOR, means, np.maximum(panel.scale[rows] ** 2, FLOOR))


def own(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Return the regressors from the ticker's own bars, (n, 9).

    Mean log variance of the last day, week and month (Corsi 2009), of the week's open hours, and of EWMA; the size
    of the last move; and the last day's, week's and month's loss, which raises volatility more than a gain does
    (Corsi & Renò 2012). Moves stand in units of the month's volatility.
    """
    total, ranges = variances(panel)
    level = levels(panel, rows)
    floor = QUIET * level[:, None]
    days = np.log(np.maximum(_last(total, rows, MONTH), floor))
    hours = np.log(np.maximum(_last(ranges, rows, WEEK), floor))
    moves = [
        np.log(panel.close[rows] / panel.close[rows - span]) / np.sqrt(level * span) for span in (1, WEEK, MONTH)
    ]
    return np.column_stack([
        days[:, -1], days[:, -WEEK:].mean(axis=1), days.mean(axis=1), hours.mean(axis=1),
        2 * np.log(panel.scale[rows]), np.abs(moves[0]), *(np.minimum(move, 0) for move in moves),
    ])  # fmt: skip


def long_run(panel: Panel, rows: np.ndarray, months: int) -> np.ndarray:
    """Return the mean log variance of the last months of 22 days, or of as many as the ticker has had, (n, 1)."""
    position = positions(panel)
    known = np.flatnonzero(position >= MONTH)
    floor = QUIET * levels(panel, known)[:, None]
    means = np.full(len(position), np.nan)
    means[known] = np.log(np.maximum(_last(variances(panel)[0], known, MONTH), floor)).mean(axis=1)
    lags = MONTH * np.arange(months)
    available = position[rows, None] >= MONTH + lags
    return np.nanmean(np.where(available, means[rows[:, None] - lags], np.nan), axis=1, keepdims=True)


def weekdays(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Return a column of zeros and ones for each day of the week, (n, 7), Monday first."""
    # 1970-01-01 was a Thursday.
    days = (panel.dates[rows].astype("datetime64[D]").astype(np.int64) + 3) % WEEKDAYS
    return np.eye(WEEKDAYS)[days]


def market(panel: Panel, norms: dict[str, list[float]], rows: np.ndarray) -> np.ndarray:
    """Return the volatility of the market on the day of each row and in its week, (n, 2).

    The mean over tickers of their log variance, in standard deviations from the ticker's mean. Tickers without a
    bar on a day, without any move on it or without a month before it, are left out of that day's mean; a day
    without any ticker takes the value of the last day before it, and 0 (the mean) if there is none.

    Args:
        panel: with all tickers of `norms`.
        norms: by ticker, the two means of log variance and the two deviations.
        rows: (n,) row numbers.
    """
    moved = variances(panel)[0] > 0
    known = np.flatnonzero(moved & np.isin(panel.tickers, list(norms)) & (positions(panel) >= MONTH))
    norm = np.array([norms[ticker] for ticker in panel.tickers[known]]).reshape(-1, 4)
    deviations = (own(panel, known)[:, DAY_AND_WEEK] - norm[:, :2]) / norm[:, 2:]
    deviations = np.clip(deviations, -FEATURE_LIMIT, FEATURE_LIMIT)
    days, code = np.unique(panel.dates[known], return_inverse=True)
    sums = [np.bincount(code, weights=column) for column in deviations.T]
    means = np.column_stack(sums) / np.bincount(code)[:, None]
    # Row 0 stands for "before the first day".
    means = np.concatenate([np.zeros((1, 2)), means])
    return means[np.searchsorted(days, panel.dates[rows], side="right")]


def targets(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Return the log of the variance over each horizon, (n, horizon), for rows whose future is known.

    The mean of two logarithms: of the realised variance, which is precise but not quite the variance of returns,
    and of the squared daily returns, which are noisy but what has to be forecast.
    """
    steps = rows[:, None] + np.arange(1, panel.spec.horizon + 1)
    floor = levels(panel, rows)[:, None] * np.arange(1, panel.spec.horizon + 1)
    realised = np.cumsum(variances(panel)[0][steps], axis=1)
    squares = np.cumsum(np.log(panel.close[steps] / panel.close[steps - 1]) ** 2, axis=1)
    return 0.5 * (np.log(np.maximum(realised, QUIET * floor)) + np.log(squares + QUIET_RETURNS * floor))


def _last(values: np.ndarray, rows: np.ndarray, days: int) -> np.ndarray:
    """Return the values of the last days up to each row, (n, days)."""
    return sliding_window_view(values, days)[rows - days + 1]
