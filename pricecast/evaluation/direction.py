"""Calls of up and down: hit rates, their intervals, and a test that they are better than luck."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pricecast.evaluation.metrics import calls, majority
from pricecast.evaluation.scored_rows import Slice
from pricecast.statistics.significance import MIN_HORIZONS, block_length

DRAWS = 2000
# Percent of the draws between the ends of an interval.
LEVEL = 95
COLUMNS = ("model", "horizon", "n_calls", "n_days", "hit_rate", "low", "high", "majority", "pt", "pt_p")


class PTResult(NamedTuple):
    """Result of a one-sided test: a large statistic means more agreement of calls and outcomes than by chance."""

    statistic: float
    p_value: float


class HitRate(NamedTuple):
    """Right calls in percent and the ends of their 95 % interval."""

    rate: float
    low: float
    high: float


def hit_rate(cutoff: np.ndarray, right: np.ndarray, horizon: int = 1, seed: int = 0) -> HitRate:
    """Return the share of right calls, with a percentile interval by the circular block bootstrap over days.

    Days are drawn in blocks, all calls of a day together: tickers move together, and calls h days ahead overlap.

    Args:
        cutoff: cutoff dates, (n,).
        right: whether each call came true, (n,).
        horizon: trading days ahead of the calls.
        seed: seed of the bootstrap.

    Returns:
        NaN without a call; no interval below ten horizons' worth of days.

    >>> days = np.repeat(np.arange("2024-01-01", "2024-01-21", dtype="datetime64[D]"), 2)
    >>> hit_rate(days, np.arange(40) % 4 > 0).rate
    75.0
    """
    if len(right) == 0:
        return HitRate(float("nan"), float("nan"), float("nan"))
    daily = _per_day(cutoff, np.ones(len(right)), right)
    low = high = float("nan")
    if len(daily) >= MIN_HORIZONS * horizon:
        count, hits = resample_days(daily, horizon, seed).T
        low, high = np.percentile(100 * hits / count, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return HitRate(100 * float(np.mean(right)), float(low), float(high))


def panel_test(
    cutoff: np.ndarray, forecast_up: np.ndarray, actual_up: np.ndarray, horizon: int = 1, seed: int = 0
) -> PTResult:
    """Test whether calls and outcomes are independent, one-sided, by the bootstrap of `hit_rate`.

    The hit rate P is compared with P* = p_f p_a + (1 - p_f)(1 - p_a), that of calls made blindly as often up as
    these: always-up in a rising market earns nothing (Pesaran & Timmermann 1992). Their variance holds for one
    ticker one day ahead and would take 600 calls of one day for 600 observations. Here P - P* is divided by its
    standard deviation over draws; its p-value is the share of draws that deviate from it upwards by as much as it
    deviates from zero.

    Args:
        cutoff: cutoff dates, (n,).
        forecast_up: whether each call is up, (n,).
        actual_up: whether the price rose, (n,).
        horizon: trading days ahead of the calls.
        seed: seed of the bootstrap.

    Returns:
        NaN where calls or outcomes are all alike, or below ten horizons' worth of days.
    """
    daily = _per_day(cutoff, np.ones(len(cutoff)), forecast_up, actual_up, forecast_up & actual_up)
    if min(len(np.unique(forecast_up)), len(np.unique(actual_up))) < 2 or len(daily) < MIN_HORIZONS * horizon:
        return PTResult(float("nan"), float("nan"))
    excess = float(_excess(daily.sum(axis=0)))
    draws = _excess(resample_days(daily, horizon, seed))
    # The sample itself is one of the draws: no p-value is zero.
    p_value = (1 + np.count_nonzero(draws - excess >= excess)) / (len(draws) + 1)
    return PTResult(excess / float(draws.std()), p_value)


def resample_days(daily: np.ndarray, horizon: int, seed: int) -> np.ndarray:
    """Sum (days, k) figures over each of `DRAWS` circular block bootstrap samples of the days, (draws, k)."""
    n = len(daily)
    length = block_length(n, horizon)
    lengths = np.minimum(length, n - np.arange(0, n, length))
    starts = np.random.default_rng(seed).integers(n, size=(DRAWS, len(lengths)))
    # A block's sum is a difference of two cumulative sums, over days that start again after the last.
    sums = np.cumsum(np.vstack([np.zeros_like(daily[:1]), daily, daily[:length]]), axis=0)
    return (sums[starts + lengths] - sums[starts]).sum(axis=1)


def direction(forecasts: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Score the calls of every model at every horizon.

    A call is a forecast other than no change, of a price that did change; up against down.

    Args:
        forecasts: the forecasts table; rows without an actual are left out.
        seed: seed of the bootstrap.

    Returns:
        A row per model and horizon, in order of appearance: `n_calls`, `n_days` (with a call), `hit_rate`, its 95 %
        interval `low` and `high`, `majority` (what the better of always-up and always-down scores on these rows),
        all in percent; `pt`, `pt_p` (see `panel_test`). NaN for a model that makes no call, such as naive.
    """
    known = forecasts[forecasts["actual"].notna()]
    groups = known.groupby(["model", "horizon"], sort=False)
    rows = [_row(str(model), int(str(horizon)), Slice.of(group), seed) for (model, horizon), group in groups]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(model: str, horizon: int, s: Slice, seed: int) -> tuple[str | int | float, ...]:
    called = calls(s)
    cutoff, forecast_up, actual_up = s.cutoff[called], s.forecast_return[called] > 0, s.actual_return[called] > 0
    rate = hit_rate(cutoff, forecast_up == actual_up, horizon, seed)
    test = panel_test(cutoff, forecast_up, actual_up, horizon, seed)
    return (model, horizon, len(cutoff), len(np.unique(cutoff)), *rate, majority(s), *test)


def _per_day(cutoff: np.ndarray, *figures: np.ndarray) -> np.ndarray:
    """Sum each of k figures (n,) over the rows of a day, (days, k), days in order."""
    day = np.unique(cutoff, return_inverse=True)[1]
    return np.column_stack([np.bincount(day, weights=figure) for figure in figures])


def _excess(sums: np.ndarray) -> np.ndarray:
    """Return the hit rate less that of independent calls, of counts (..., 4): calls, calls up, rises, both."""
    n, forecast, actual, both = np.moveaxis(sums, -1, 0)
    return 2 * (both / n - forecast / n * (actual / n))
