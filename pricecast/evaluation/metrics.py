"""Metrics: one function each over the scored rows of one model at one horizon.

Price metrics are computed per ticker, then averaged (a pooled one would be the dearest ticker's). Return
metrics are pooled, in log-return percent, 100 * log(price / last_close): there, all tickers share one unit.

Two days of a close at 100, with quantiles of 97 to 103 for the next; then 101 and 104 came:

>>> import pandas as pd
>>> levels = {name: 97.0 + level for level, name in enumerate(QUANTILE_COLUMNS)}
>>> days = {"ticker": "A", "cutoff": ["2024-01-02", "2024-01-03"], "actual": [101.0, 104.0]}
>>> s = Slice.of(pd.DataFrame({**days, **levels, "last_close": 100.0, "forecast": 100.0}))
>>> mae(s), mse(s), theils_u(s)
(2.5, 8.5, 1.0)
>>> coverage(s, 90), round(width(s, 90), 3), round(winkler(s, 90), 3)
(50.0, 6.002, 15.664)
>>> round(pinball(s), 4), round(crps(s), 4)
(0.7639, 1.7917)
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from pricecast.evaluation.scored_rows import BOUNDS, Slice
from pricecast.schema import QUANTILE_COLUMNS


def _over_tickers(values: np.ndarray) -> float:
    """Return the mean over the tickers for which a metric is defined; NaN if it is for none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def mse(s: Slice) -> float:
    """Mean squared price error per ticker, averaged over tickers."""
    return _over_tickers(s.per_ticker((s.forecast - s.actual) ** 2))


def rmse(s: Slice) -> float:
    """Root mean squared price error per ticker, averaged over tickers."""
    return _over_tickers(np.sqrt(s.per_ticker((s.forecast - s.actual) ** 2)))


def mae(s: Slice) -> float:
    """Mean absolute price error per ticker, averaged over tickers."""
    return _over_tickers(s.per_ticker(np.abs(s.forecast - s.actual)))


def mape(s: Slice) -> float:
    """Mean absolute price error in percent of the actual price, per ticker, averaged over tickers."""
    return _over_tickers(100 * s.per_ticker(np.abs(s.forecast / s.actual - 1)))


def r2(s: Slice) -> float:
    """R2 on price levels per ticker, averaged over tickers; one whose price never moves has none.

    Prices are nearly a random walk: no change at all already scores close to 1. Read it beside naive's.
    """
    residual = s.per_ticker((s.forecast - s.actual) ** 2)
    total = s.per_ticker((s.actual - s.per_ticker(s.actual)[s.ticker]) ** 2)
    # A constant price leaves rounding noise, not exactly zero.
    moves = total > 1e-24 * s.per_ticker(s.actual**2)
    return _over_tickers(1 - residual / np.where(moves, total, np.nan))


def mase(s: Slice) -> float:
    """Price MAE / in-sample MAE of the one-day naive forecast, mean over tickers (Hyndman & Koehler 2006).

    The divisor is one-day at every horizon, so longer horizons score higher. Tickers without a divisor are
    left out; NaN if none has one.
    """
    scale = np.where(s.insample_mae > 0, s.insample_mae, np.nan)
    return _over_tickers(s.per_ticker(np.abs(s.forecast - s.actual)) / scale)


def theils_u(s: Slice) -> float:
    """Theil's U2 (Theil 1966): root of the squared relative changes missed over those that came, mean over tickers.

    Per ticker sqrt(sum ((forecast - actual) / last)^2 / sum ((actual - last) / last)^2), which is 1 for the
    forecast of no change and more for worse. Tickers that never moved are left out; NaN if none did.
    """
    missed = s.per_ticker(((s.forecast - s.actual) / s.last_close) ** 2)
    came = s.per_ticker(((s.actual - s.last_close) / s.last_close) ** 2)
    # Rounding noise is no move.
    return _over_tickers(np.sqrt(missed / np.where(came > 1e-24, came, np.nan)))


def return_r2(s: Slice) -> float:
    """Out-of-sample R2 of log returns (Campbell & Thompson 2008), against the forecast of no change.

    1 - SSE(model) / SSE(zero return): 0 for naive, negative for worse. They compare with the historical mean;
    no change is the harder benchmark at daily horizons. NaN if no price moved.
    """
    total = float((s.actual_return**2).sum())
    return 1 - float(s.squared_errors.sum()) / total if total else float("nan")


def calls(s: Slice) -> np.ndarray:
    """Return the rows on which the model names a direction and there was one, as a mask (n,)."""
    return (s.forecast_return != 0) & (s.actual_return != 0)


def direction(s: Slice) -> float:
    """Right calls of up or down in percent; NaN if none is made, as by a forecast of exactly no change."""
    called = calls(s)
    right = np.sign(s.forecast_return[called]) == np.sign(s.actual_return[called])
    return 100 * float(right.mean()) if right.size else float("nan")


def majority(s: Slice) -> float:
    """Share in percent of the commoner direction on the rows of `direction`: what one constant call scores.

    Which constant is known only in hindsight, so this is a hard benchmark. NaN where `direction` is.
    """
    up = s.actual_return[calls(s)] > 0
    return 100 * float(max(up.mean(), 1 - up.mean())) if up.size else float("nan")


def pinball(s: Slice) -> float:
    """Mean pinball loss over rows and levels, log-return percent (Koenker & Bassett 1978)."""
    return float(s.pinball_losses.mean())


def pinball_at(s: Slice, level: int) -> float:
    """Mean pinball loss of one quantile, log-return percent; `level` is its index in `QUANTILE_LEVELS`."""
    return float(s.pinball_losses[:, level].mean())


def crps(s: Slice) -> float:
    """Continuous ranked probability score from the quantiles, log-return percent.

    CRPS = 2 * integral over the levels of the pinball loss (Gneiting & Ranjan 2011). The sum weighs a level
    by the probability nearer to it than to its neighbours (the outer levels reach to 0 and 1), a proper score
    in itself. For a normal forecast it stands within 2 % of the exact value.
    """
    return float(s.crps_losses.mean())


def log_loss(s: Slice) -> float:
    """Negative mean log density of the outcomes, lower is better: the log score (Good 1952) turned into a loss.

    In nats, of the density per percent of log return that the quantiles imply (see `density`).
    """
    return float(s.log_losses.mean())


def qlike(s: Slice) -> float:
    """Mean of log v + r^2 / v, lower is better: the loss of a variance forecast that noise in r^2 does not mislead.

    Patton 2011, QLIKE, in the form that stays finite where the price did not move: v is the variance that the
    quantiles imply (see `density`), r the log return, both in percent. Over- and understating a variance cost
    differently: half of the right one costs more than double.
    """
    return float(s.qlike_losses.mean())


def coverage(s: Slice, percent: int) -> float:
    """Share in percent of actuals inside the central interval, bounds included; `percent` is the promise."""
    low, high = s.bounds(percent)
    return 100 * float(((low <= s.actual_return) & (s.actual_return <= high)).mean())


def width(s: Slice, percent: int) -> float:
    """Mean width of the central interval, log-return percent; small is good only if coverage holds."""
    low, high = s.bounds(percent)
    return float((high - low).mean())


def winkler(s: Slice, percent: int) -> float:
    """Mean interval score, log-return percent (Winkler 1972; Gneiting & Raftery 2007, eq. 43).

    The width plus 2 / alpha times the distance by which an actual falls outside, alpha = 1 - percent / 100.
    """
    return float(s.interval_scores(percent).mean())


METRICS: dict[str, Callable[[Slice], float]] = {
    **{f.__name__: f for f in (mse, rmse, mae, mape, r2, mase, theils_u)},
    **{f.__name__: f for f in (return_r2, direction, majority, pinball, crps, log_loss, qlike)},
    **{f"pinball_{name[1:]}": partial(pinball_at, level=level) for level, name in enumerate(QUANTILE_COLUMNS)},
    **{
        f"{f.__name__}_{percent}": partial(f, percent=percent)
        for f in (coverage, width, winkler)
        for percent in BOUNDS
    },
}
