"""The scored rows of one model at one horizon, and the returns and losses that metrics and tests share."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.schema import INTERVALS, PRICE_FIELDS, QUANTILE_COLUMNS
from pricecast.statistics import density
from pricecast.statistics.density import LEVELS

# Each level stands for the probabilities nearer to it than to its neighbours; the weights add up to 1.
LEVEL_WEIGHTS = np.diff([0.0, *(LEVELS[1:] + LEVELS[:-1]) / 2, 1.0])
BOUNDS = {percent: (QUANTILE_COLUMNS.index(low), QUANTILE_COLUMNS.index(high)) for percent, low, high in INTERVALS}


@dataclass(frozen=True, eq=False)
class Slice:
    """Rows of one model at one horizon whose outcome is known: the one shape that every metric takes.

    Attributes:
        ticker: codes 0..k-1, (n,).
        cutoff: dates, (n,).
        last_close: prices, (n,); so are `forecast` and `actual`.
        quantiles: prices, (n, q).
        insample_mae: mean absolute one-day change of each ticker's training prices, (k,); NaN where unknown.
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
        """Take the rows with an actual out of a forecasts table of one model and one horizon.

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
        """Log return of the outcome in percent, (n,)."""
        return 100 * np.log(self.actual / self.last_close)

    @cached_property
    def quantile_returns(self) -> np.ndarray:
        """Log returns of the quantiles in percent, (n, q)."""
        return 100 * np.log(self.quantiles / self.last_close[:, None])

    @cached_property
    def squared_errors(self) -> np.ndarray:
        """Squared log-return error of each row, (n,)."""
        return (self.forecast_return - self.actual_return) ** 2

    @cached_property
    def pinball_losses(self) -> np.ndarray:
        """Pinball loss of each row and level in percent, (n, q)."""
        error = self.actual_return[:, None] - self.quantile_returns
        return np.maximum(LEVELS * error, (LEVELS - 1) * error)

    @cached_property
    def crps_losses(self) -> np.ndarray:
        """CRPS of each row from its quantiles in percent, (n,); see `metrics.crps`."""
        return 2 * self.pinball_losses @ LEVEL_WEIGHTS

    @cached_property
    def winkler_losses(self) -> np.ndarray:
        """Interval score of each row's 90 % interval in percent, (n,); see `metrics.winkler`."""
        return self.interval_scores(90)

    @cached_property
    def log_losses(self) -> np.ndarray:
        """Negative log density of each row's outcome, (n,); see `metrics.log_loss`."""
        return -density.log_density(self.quantile_returns, self.actual_return)

    @cached_property
    def qlike_losses(self) -> np.ndarray:
        """QLIKE of each row, (n,); see `metrics.qlike`."""
        variance = density.variance(self.quantile_returns)
        return np.log(variance) + self.actual_return**2 / variance

    def bounds(self, percent: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the log returns of the ends of a central interval in percent, (n,) each."""
        low, high = BOUNDS[percent]
        return self.quantile_returns[:, low], self.quantile_returns[:, high]

    def interval_scores(self, percent: int) -> np.ndarray:
        """Winkler score of each row's central interval in percent, (n,); see `metrics.winkler`."""
        low, high = self.bounds(percent)
        outside = np.maximum(low - self.actual_return, 0) + np.maximum(self.actual_return - high, 0)
        return high - low + 2 / (1 - percent / 100) * outside

    def per_ticker(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of (n,) values for each ticker, (k,)."""
        return np.bincount(self.ticker, weights=values) / np.bincount(self.ticker)


def crps_losses(forecasts: pd.DataFrame) -> np.ndarray:
    """CRPS of each row of a forecasts table whose actual is known, in log-return percent, (n,)."""
    error = 100 * np.log(forecasts[["actual"]].to_numpy() / forecasts[list(QUANTILE_COLUMNS)].to_numpy())
    return 2 * np.maximum(LEVELS * error, (LEVELS - 1) * error) @ LEVEL_WEIGHTS


def slices(forecasts: pd.DataFrame) -> Iterator[tuple[str, int, Slice]]:
    """Yield model, horizon and scored rows, models in the order of the table, horizons from the shortest on.

    Raises:
        InputError: a price is not finite and above zero.
    """
    known = forecasts[forecasts["actual"].notna()]
    models = pd.Categorical(known["model"], known["model"].unique())
    for (model, horizon), rows in known.groupby([models, "horizon"], sort=True, observed=True):
        yield str(model), int(cast(int, horizon)), Slice.of(rows)
