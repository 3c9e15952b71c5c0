"""Calibration of a forecaster: offsets by volatility regime, and their updates after the fit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.model_output import Forecast
from pricecast.schema import FORECASTER_FILE, QUANTILE_LEVELS
from pricecast.statistics import conformal
from pricecast.text import short

REGIMES = 3  # terciles of volatility: calm, middle, wild
# A step of the online calibration in units of volatility: a hundred misses more than promised make one unit.
RATE = 0.01
# With fewer independent days a regime is calibrated with the others: a tail of 5 % has five of these.
MIN_DAYS = 100
# The largest move of a price in units of the smallest volatility is not as far.
_FARTHEST = 1e9
_KEYS = {"offsets", "thresholds", "rate"}


@dataclass(frozen=True)
class Calibration:
    """Offsets that calibrate the quantiles of a model.

    Attributes:
        offsets: (1, h, q) for all regimes together, or (1 + REGIMES, h, q) with one more row for each; in units of
            the forecast's volatility.
        thresholds: by ticker, the scales that part its regimes; a ticker without any has the first row.
        rate: step of the online calibration, 0 for none.
    """

    offsets: np.ndarray
    thresholds: Mapping[str, tuple[float, ...]]
    rate: float

    def apply(self, forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Return the calibrated quantiles of log returns (n, h, q), with the offsets of the fit."""
        rows = self.offsets[regimes(panel.tickers[origins], panel.scale[origins], self.thresholds)]
        return conformal.apply(forecast, rows, panel.unit(origins))

    def follow(self, quantiles: np.ndarray, forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Move the quantiles (n, h, q) of consecutive origins by the outcomes before them, ticker by ticker."""
        actual, unit = panel.returns(origins), conformal.own_unit(forecast, panel.unit(origins))
        names, result = panel.tickers[origins], quantiles.copy()
        for ticker in np.unique(names):
            rows = names == ticker
            result[rows] = conformal.follow(quantiles[rows], actual[rows], unit[rows], self.rate)
        return result

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as `from_json` reads it."""
        thresholds = {ticker: list(values) for ticker, values in self.thresholds.items()}
        return {"offsets": self.offsets.tolist(), "thresholds": thresholds, "rate": self.rate}

    @classmethod
    def from_json(cls, values: Any, horizon: int) -> "Calibration":
        """Read what `to_json` wrote.

        Raises:
            InputError: the values are no calibration, or one of another horizon.
        """
        try:
            assert set(values) == _KEYS  # noqa: S101 - caught below
            offsets = np.array(values["offsets"], dtype=float)
            cuts = {str(ticker): tuple(map(float, pair)) for ticker, pair in values["thresholds"].items()}
            rate = float(values["rate"])
        except (AssertionError, AttributeError, KeyError, OverflowError, TypeError, ValueError):
            offsets, cuts, rate = np.empty(0), {}, math.nan
        shape = (1 + (REGIMES if cuts else 0), horizon, len(QUANTILE_LEVELS))
        # Comparing takes NaN for unsound, too.
        sound = offsets.shape == shape and (np.abs(offsets) < _FARTHEST).all() and 0 <= rate <= 1
        if not sound or any(len(pair) != REGIMES - 1 or not _in_order(pair) for pair in cuts.values()):
            raise InputError(
                f"expected calibration offsets of the shape {shape}, two rising thresholds a ticker and a rate of "
                f"0 to 1 in {FORECASTER_FILE}, got {short(values)}: run the step that writes it"
            )
        return cls(offsets, cuts, rate)


def _in_order(values: tuple[float, ...]) -> bool:
    return bool(np.isfinite(values).all() and (np.diff(values) >= 0).all())


def calibrate(forecast: Forecast, panel: Panel, origins: np.ndarray, mondrian: bool, online: bool) -> Calibration:
    """Fit the calibration on out-of-fold forecasts and their outcomes.

    Args:
        forecast: the model's forecasts from the origins.
        panel: the panel that holds the outcomes.
        origins: row numbers of the panel, (n,).
        mondrian: calibrate each volatility regime of a ticker by itself ("Mondrian": Vovk, Lindsay, Nouretdinov &
            Gammerman 2003), where it has days enough.
        online: update the calibration after the fit.
    """
    actual, unit, days = panel.returns(origins), panel.unit(origins), panel.dates[origins]
    tickers, scale = panel.tickers[origins], panel.scale[origins]
    pooled = conformal.fit(forecast, actual, unit, days)
    offsets = [pooled]
    thresholds = _terciles(tickers, scale) if mondrian else {}
    for regime in range(1, 1 + REGIMES) if mondrian else ():
        rows = regimes(tickers, scale, thresholds) == regime
        few = len(np.unique(days[rows])) / np.arange(1, panel.spec.horizon + 1) < MIN_DAYS
        alone = pooled if few.all() else conformal.fit(forecast.take(rows), actual[rows], unit[rows], days[rows])
        offsets.append(np.where(few[:, None], pooled, alone))
    return Calibration(np.stack(offsets), thresholds, RATE if online else 0.0)


def regimes(tickers: np.ndarray, scale: np.ndarray, thresholds: Mapping[str, tuple[float, ...]]) -> np.ndarray:
    """Return the volatility regime of each row by its ticker's thresholds, (n,).

    It is 1 (calm) to `REGIMES` (wild), and 0 for a ticker without thresholds.

    >>> regimes(np.array(["A", "A", "B"]), np.array([0.01, 0.03, 0.03]), {"A": (0.015, 0.025)})
    array([1, 3, 0])
    """
    result = np.zeros(len(tickers), dtype=int)
    for ticker in np.unique(tickers):
        rows = tickers == ticker
        if ticker in thresholds:
            result[rows] = 1 + np.searchsorted(thresholds[ticker], scale[rows])
    return result


def _terciles(tickers: np.ndarray, scale: np.ndarray) -> dict[str, tuple[float, ...]]:
    shares = np.arange(1, REGIMES) / REGIMES
    return {str(name): tuple(np.quantile(scale[tickers == name], shares).tolist()) for name in np.unique(tickers)}
