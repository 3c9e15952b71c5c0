"""The metrics: one function each over the judged rows of one model at one horizon.

Price metrics are computed per ticker, then averaged (a pooled one would be the dearest ticker's). Return
metrics are pooled, in log-return percent, 100 * log(price / last_close): there, all tickers share one unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.schema import INTERVALS, QUANTILE_COLUMNS, QUANTILE_LEVELS

LEVELS = np.array(QUANTILE_LEVELS)
# Each level stands for the probabilities nearer to it than to its neighbours; the weights add up to 1.
LEVEL_WEIGHTS = np.diff([0.0, *(LEVELS[1:] + LEVELS[:-1]) / 2, 1.0])
BOUNDS = {percent: (QUANTILE_COLUMNS.index(low), QUANTILE_COLUMNS.index(high)) for percent, low, high in INTERVALS}
PRICE_FIELDS = ("last_close", "forecast", *QUANTILE_COLUMNS, "actual")


@dataclass(frozen=True, eq=False)
class Slice:
    """The rows of one model at one horizon whose future is known: the one shape every metric takes.

    Attributes:
        ticker: Codes 0..k-1, (n,).
        cutoff: Dates, (n,).
        last_close: Prices, (n,); so are `forecast` and `actual`.
        quantiles: Prices, (n, levels).
        insample_mae: Mean absolute one-day change of each ticker's training prices, (k,); NaN where unknown.
    """

    ticker: np.ndarray
    cutoff: np.ndarray
    last_close: np.ndarray
    forecast: np.ndarray
    quantiles: np.ndarray
    actual: np.ndarray
    insample_mae: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, insample_mae: pd.Series | None = None) -> "Slice":
        """Takes the rows with an actual out of a forecasts table of one model and one horizon.

        Raises:
            InputError: no row has an actual, or a price is not finite and above zero.
        """
        table = table[table["actual"].notna()]
        if table.empty:
            raise InputError("expected a row whose actual is known, got none: forecast from earlier cutoffs")
        prices = {name: table[name].to_numpy(float) for name in PRICE_FIELDS}
        broken = [name for name, x in prices.items() if not (np.isfinite(x) & (x > 0)).all()]
        if broken:
            raise InputError(
                f"expected prices that are finite and above zero, got others in {', '.join(broken)}: "
                "check the model's output"
            )
        ticker, names = pd.factorize(table["ticker"])
        known = pd.Series(np.nan, names) if insample_mae is None else insample_mae.reindex(names)
        return cls(
            ticker=ticker,
            cutoff=table["cutoff"].to_numpy(),
            last_close=prices["last_close"],
            forecast=prices["forecast"],
            quantiles=np.column_stack([prices[name] for name in QUANTILE_COLUMNS]),
            actual=prices["actual"],
            insample_mae=known.to_numpy(float),
        )

    @cached_property
    def forecast_return(self) -> np.ndarray:
        """Log return of the point forecast in percent, (n,)."""
        return 100 * np.log(self.forecast / self.last_close)

    @cached_property
    def actual_return(self) -> np.ndarray:
        """Log return that came in percent, (n,)."""
        return 100 * np.log(self.actual / self.last_close)

    @cached_property
    def quantile_returns(self) -> np.ndarray:
        """Log returns of the quantiles in percent, (n, levels)."""
        return 100 * np.log(self.quantiles / self.last_close[:, None])

    @cached_property
    def squared_errors(self) -> np.ndarray:
        """Squared log-return error of each row, (n,)."""
        return (self.forecast_return - self.actual_return) ** 2

    @cached_property
    def pinball_losses(self) -> np.ndarray:
        """Pinball loss of each row and level in percent, (n, levels)."""
        error = self.actual_return[:, None] - self.quantile_returns
        return np.maximum(LEVELS * error, (LEVELS - 1) * error)

    @cached_property
    def crps_losses(self) -> np.ndarray:
        """CRPS of each row from its quantiles in percent, (n,); see `crps`."""
        return 2 * self.pinball_losses @ LEVEL_WEIGHTS

    def per_ticker(self, values: np.ndarray) -> np.ndarray:
        """Mean of (n,) values for each ticker, (k,)."""
        return np.bincount(self.ticker, weights=values) / np.bincount(self.ticker)


def _over_tickers(values: np.ndarray) -> float:
    """Mean over the tickers for which the metric is defined; NaN if it is for none."""
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


def return_r2(s: Slice) -> float:
    """Out-of-sample R2 of log returns (Campbell & Thompson 2008), against the forecast of no change.

    1 - SSE(model) / SSE(zero return): 0 for naive, negative for worse. They compare with the historical mean;
    no change is the harder benchmark at daily horizons. NaN if no price moved.
    """
    total = float((s.actual_return**2).sum())
    return 1 - float(s.squared_errors.sum()) / total if total else float("nan")


def _calls(s: Slice) -> np.ndarray:
    """Rows on which the model names a direction and there was one."""
    return (s.forecast_return != 0) & (s.actual_return != 0)


def direction(s: Slice) -> float:
    """Right calls of up or down in percent; NaN if none is made, as by a forecast of exactly no change."""
    calls = _calls(s)
    right = np.sign(s.forecast_return[calls]) == np.sign(s.actual_return[calls])
    return 100 * float(right.mean()) if right.size else float("nan")


def majority(s: Slice) -> float:
    """Share in percent of the commoner direction on the rows of `direction`: what one constant call scores.

    Which constant is known only in hindsight, so this is a hard benchmark. NaN where `direction` is.
    """
    up = s.actual_return[_calls(s)] > 0
    return 100 * float(max(up.mean(), 1 - up.mean())) if up.size else float("nan")


def pinball(s: Slice) -> float:
    """Mean pinball loss over rows and levels, log-return percent (Koenker & Bassett 1978)."""
    return float(s.pinball_losses.mean())


def crps(s: Slice) -> float:
    """Continuous ranked probability score from the quantiles, log-return percent.

    CRPS = 2 * integral over the levels of the pinball loss (Gneiting & Ranjan 2011). The sum weighs a level
    by the probability nearer to it than to its neighbours (the outer levels reach to 0 and 1), a proper score
    in itself. For a normal forecast it stands within 2 % of the exact value.
    """
    return float(s.crps_losses.mean())


def _bounds(s: Slice, percent: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = BOUNDS[percent]
    return s.quantile_returns[:, low], s.quantile_returns[:, high]


def coverage(s: Slice, percent: int) -> float:
    """Share in percent of actuals inside the central interval, bounds included; `percent` is the promise."""
    low, high = _bounds(s, percent)
    return 100 * float(((low <= s.actual_return) & (s.actual_return <= high)).mean())


def width(s: Slice, percent: int) -> float:
    """Mean width of the central interval, log-return percent; small is good only if coverage holds."""
    low, high = _bounds(s, percent)
    return float((high - low).mean())


def winkler(s: Slice, percent: int) -> float:
    """Mean interval score, log-return percent (Winkler 1972; Gneiting & Raftery 2007, eq. 43).

    The width plus 2 / alpha times the distance by which an actual falls outside, alpha = 1 - percent / 100.
    """
    low, high = _bounds(s, percent)
    outside = np.maximum(low - s.actual_return, 0) + np.maximum(s.actual_return - high, 0)
    return float((high - low + 2 / (1 - percent / 100) * outside).mean())


METRICS: dict[str, Callable[[Slice], float]] = {
    **{f.__name__: f for f in (mse, rmse, mae, mape, r2, mase)},
    **{f.__name__: f for f in (return_r2, direction, majority, pinball, crps)},
    **{
        f"{f.__name__}_{percent}": partial(f, percent=percent)
        for f in (coverage, width, winkler)
        for percent in BOUNDS
    },
}
