"""Ranking of tickers: information coefficients and the quintile spread, day by day."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pricecast.evaluation.scored_rows import Slice, slices
from pricecast.statistics.significance import block_error

# Fewer tickers have no fifth that is worth a mean.
MIN_TICKERS = 10
FIFTH = 5
# Log returns in percent that differ by less are equal: one forecast for all tickers must not be ranked by rounding.
SAME = 1e-8
COLUMNS = (
    "model", "horizon", "n_days", "ic", "ic_error", "rank_ic", "rank_ic_error", "icir", "spread", "spread_error",
)  # fmt: skip


def ranking(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Summarise how every model ranked the tickers of a day, over the days with ten or more known outcomes.

    IC is the correlation over tickers of forecast and actual log return (Grinold & Kahn 2000), rank IC that of
    their ranks, ties averaged. The spread is the mean log return of the fifth of the tickers with the highest
    forecasts less that of the lowest fifth; equal forecasts share their ranks. Errors are
    block-bootstrap standard errors over days.

    Args:
        forecasts: the forecasts table; rows without an actual are left out.

    Returns:
        Columns `COLUMNS`, a row per model and horizon that has such a day, none if there is none. `n_days` counts
        the days on which the figures exist, those when neither all forecasts nor all outcomes are equal (naive has
        none, and NaN in the others). `icir` is mean / standard deviation of the daily IC, not annualised; `spread`
        is in log-return percent.

    Raises:
        InputError: a price is not finite and above zero.
    """
    known = forecasts[forecasts["actual"].notna()]
    sizes = known.groupby(["model", "horizon", "cutoff"], sort=False)["ticker"].transform("size")
    wide = known[sizes >= MIN_TICKERS]
    rows = [(model, horizon, *_summary(_daily(s), horizon)) for model, horizon, s in slices(wide)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Daily(NamedTuple):
    """Figures of each day on which they exist, in order of date."""

    ic: np.ndarray
    rank_ic: np.ndarray
    spread: np.ndarray


class _Ranks(NamedTuple):
    """First and last rank, from 1 upwards, that a row and its equals share on their day, (n,) each."""

    first: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, day: np.ndarray, values: np.ndarray) -> "_Ranks":
        order = np.lexsort((values, day))
        new_day = np.diff(day[order]) > 0
        group = np.empty(len(day), int)
        group[order] = np.cumsum(np.concatenate([[0], new_day | (np.diff(values[order]) > SAME)]))
        ends = np.cumsum(np.bincount(group))
        before = np.cumsum(np.bincount(day)) - np.bincount(day)
        last = ends[group] - before[day]
        return cls(last - np.bincount(group)[group] + 1, last)

    @property
    def mean(self) -> np.ndarray:
        return (self.first + self.last) / 2

    def share(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the part of each row that has the ranks above `low` up to `high`, (n,)."""
        inside = np.minimum(self.last, high) - np.maximum(self.first - 1, low)
        return np.maximum(inside, 0) / (self.last - self.first + 1)


def _daily(s: Slice) -> _Daily:
    _, day = np.unique(s.cutoff, return_inverse=True)
    forecast, actual = _Ranks.of(day, s.forecast_return), _Ranks.of(day, s.actual_return)
    n = np.bincount(day)
    fifth = n // FIFTH
    top, bottom = forecast.share((n - fifth)[day], n[day]), forecast.share(0 * n[day], fifth[day])
    spread = np.bincount(day, weights=(top - bottom) * s.actual_return) / fifth
    # Where all are equal, the first of them shares all ranks.
    equal = [np.bincount(day, weights=ranks.last - ranks.first + 1 == n[day]) > 0 for ranks in (forecast, actual)]
    defined = ~(equal[0] | equal[1])
    return _Daily(
        ic=_correlation(day, s.forecast_return, s.actual_return)[defined],
        rank_ic=_correlation(day, forecast.mean, actual.mean)[defined],
        spread=spread[defined],
    )


def _correlation(day: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of two (n,) series within each day, (days,); NaN where one does not vary.

    >>> _correlation(np.array([0, 0, 0, 1, 1]), np.array([1.0, 2, 3, 1, 1]), np.array([2.0, 4, 6, 1, 2]))
    array([ 1., nan])
    """
    n = np.bincount(day)
    x, y = (values - (np.bincount(day, weights=values) / n)[day] for values in (x, y))
    xy, xx, yy = (np.bincount(day, weights=product) for product in (x * y, x * x, y * y))
    return xy / np.sqrt(np.where((xx > 0) & (yy > 0), xx * yy, np.nan))


def _summary(daily: _Daily, horizon: int) -> tuple[float, ...]:
    """Return the figures of `COLUMNS` from `n_days` on."""
    n = len(daily.ic)
    if n == 0:
        return (0, *[float("nan")] * (len(COLUMNS) - 3))
    deviation = daily.ic.std(ddof=1) if n > 1 else 0.0
    icir = daily.ic.mean() / deviation if deviation > SAME else float("nan")
    ic, rank_ic, spread = ((float(series.mean()), block_error(series, horizon)) for series in daily)
    return (n, *ic, *rank_ic, float(icir), *spread)
