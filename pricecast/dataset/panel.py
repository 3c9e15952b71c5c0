"""The arrays that models see: scaled features, closes and scales, all tickers under one another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pricecast.dataset.ordinary import ordinary
from pricecast.dataset.scalers import Scaler

if TYPE_CHECKING:
    from pricecast.dataset.spec import Spec

# No feature beyond ten training deviations: a bad print must not decide what a network learns.
FEATURE_LIMIT = 10.0
# No label beyond twenty volatilities, for the same reason; quantiles of 5 to 95 % do not depend on what is there.
LABEL_LIMIT = 20.0


@dataclass(frozen=True)
class Panel:
    """All tickers under one another, each sorted by date. An origin is a row number.

    Attributes:
        tickers: (rows,) ticker of each row.
        dates: (rows,) datetime64.
        close: (rows,) adjusted close.
        quote: (rows,) the close as quoted on the day.
        scale: (rows,) EWMA volatility of daily log returns known at that close.
        X: (rows, features) float32, scaled and contiguous: windows are cut from it as views.
        ahead: (rows,) how many later rows the ticker has.
        bars: the adjusted bars, for models of their own features.
        spec: of the dataset.
        scaler_y: of the dataset.
    """

    tickers: np.ndarray
    dates: np.ndarray
    close: np.ndarray
    quote: np.ndarray
    scale: np.ndarray
    X: np.ndarray
    ahead: np.ndarray
    bars: pd.DataFrame
    spec: "Spec"
    scaler_y: Scaler

    @classmethod
    def build(
        cls,
        bars: pd.DataFrame,
        table: pd.DataFrame,
        spec: "Spec",
        scaler_X: Scaler,
        scaler_y: Scaler,
    ) -> "Panel":
        """Build the panel of bars and features (`table`), which have the same rows."""
        scaled = scaler_X.transform(table[list(spec.features)].to_numpy())
        X = np.ascontiguousarray(np.clip(scaled, -FEATURE_LIMIT, FEATURE_LIMIT), dtype=np.float32)
        return cls(
            tickers=table["ticker"].to_numpy(), dates=table["date"].to_numpy(), close=table["close"].to_numpy(),
            quote=bars["quote"].to_numpy(), scale=table["scale"].to_numpy(), X=X, ahead=_ahead(table),
            bars=bars, spec=spec, scaler_y=scaler_y,
        )  # fmt: skip

    def context(self, lookback: int) -> np.ndarray:
        """Mark the rows whose last `lookback` rows of the same ticker have every feature, (rows,)."""
        complete = np.isfinite(self.X).all(axis=1) & np.isfinite(self.scale)
        return context(complete, self.tickers, lookback)

    def unit(self, origins: np.ndarray) -> np.ndarray:
        """Return scale * sqrt(h), the volatility of the log return over each horizon h, (n, horizon)."""
        return _unit(self.scale[origins], self.spec.horizon)

    def returns(self, origins: np.ndarray) -> np.ndarray:
        """Return log returns from the cutoff's close over each horizon, (n, horizon); NaN where not known yet."""
        steps = np.arange(1, self.spec.horizon + 1)
        known = steps <= self.ahead[origins, None]
        later = np.where(known, origins[:, None] + steps, origins[:, None])
        return np.where(known, np.log(self.close[later] / self.close[origins, None]), np.nan)

    def moves(self, origins: np.ndarray) -> np.ndarray:
        """Return log returns in units of volatility, within `LABEL_LIMIT`, (n, horizon)."""
        return _moves(self.returns(origins), self.unit(origins))

    def ordinary(self, origins: np.ndarray) -> np.ndarray:
        """Return those of the origins, whose outcomes are known, that models of many tickers learn from."""
        return origins[ordinary(self.tickers[origins], self.scale[origins], self.moves(origins)[:, 0])]

    def labels(self, origins: np.ndarray) -> np.ndarray:
        """Return the scaled targets, which a network learns, (n, horizon) float32."""
        raw = _targets(self.returns(origins), self.close[origins], self.unit(origins), self.spec.target)
        return self.scaler_y.transform(raw).astype(np.float32)

    def to_returns(self, labels: np.ndarray, origins: np.ndarray) -> np.ndarray:
        """Convert outputs of a network (n, horizon) to log returns, the inverse of `labels`."""
        # The scaler takes what is missing, and raises an error of its own for what is infinite.
        finite = np.where(np.isfinite(labels), labels, np.nan)
        raw = self.scaler_y.inverse_transform(finite.astype(np.float64))
        if self.spec.target == "return":
            return raw * self.unit(origins)
        close = self.close[origins, None]
        # A network may name a price below zero; a thousandth of the last close is as far down as it counts.
        return np.log(np.maximum(raw, close / 1000) / close)


def context(complete: np.ndarray, tickers: np.ndarray, lookback: int) -> np.ndarray:
    """Mark the rows that end a run of at least `lookback` complete rows of one ticker.

    Args:
        complete: (rows,) mask of the rows that have every feature.
        tickers: (rows,) ticker of each row, all rows of one together.
        lookback: rows, its own included.

    Returns:
        (rows,) mask.

    >>> complete = np.array([False, True, True, True])
    >>> context(complete, np.array(["A", "A", "A", "B"]), 2).tolist()
    [False, False, True, False]
    """
    count = pd.Series(complete).groupby(tickers, sort=False).cumsum()
    # A window is complete when the running count of complete rows grew by the window's length.
    before = count.groupby(tickers, sort=False).shift(lookback, fill_value=0)
    return complete & (count - before >= lookback).to_numpy()


def targets(table: pd.DataFrame, origins: np.ndarray, horizon: int, target: str) -> np.ndarray:
    """Return the unscaled targets of origins, (n, horizon).

    Args:
        table: ticker, close and scale, sorted by ticker and date.
        origins: (n,) row numbers; all their labels are known.
        horizon: trading days ahead.
        target: "return" or "price".

    >>> table = pd.DataFrame({"ticker": "A", "close": [100.0, 102.0, 102.0], "scale": 0.01})
    >>> targets(table, np.array([0]), 2, "return").round(2).tolist()  # log(1.02), in units of scale * sqrt(h)
    [[1.98, 1.4]]
    >>> targets(table, np.array([0]), 2, "price").round(2).tolist()
    [[102.0, 102.0]]
    """
    close, scale = table["close"].to_numpy(), table["scale"].to_numpy()
    steps = origins[:, None] + np.arange(1, horizon + 1)
    returns = np.log(close[steps] / close[origins, None])
    return _targets(returns, close[origins], _unit(scale[origins], horizon), target)


def _targets(returns: np.ndarray, close: np.ndarray, unit: np.ndarray, target: str) -> np.ndarray:
    return _moves(returns, unit) if target == "return" else close[:, None] * np.exp(returns)


def _moves(returns: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return np.clip(returns / unit, -LABEL_LIMIT, LABEL_LIMIT)


def _unit(scale: np.ndarray, horizon: int) -> np.ndarray:
    return scale[:, None] * np.sqrt(np.arange(1, horizon + 1))


def _ahead(table: pd.DataFrame) -> np.ndarray:
    return table.groupby("ticker", sort=False).cumcount(ascending=False).to_numpy()
