"""Calibration of a forecaster: offsets by volatility regime or by ticker, and their updates after the fit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pricecast.dataset import ordinary
from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.model_output import Forecast
from pricecast.schema import FORECASTER_FILE, MEDIAN, QUANTILE_LEVELS, TINY
from pricecast.statistics import conformal, over_horizons
from pricecast.text import short

REGIMES = 3  # terciles of volatility: calm, middle, wild
# A step of the online calibration in units of volatility: a hundred misses more than promised make one unit.
RATE = 0.01
# With fewer independent days a regime is calibrated with the others: a tail of 5 % has five of these.
MIN_DAYS = 100
# By how much tickers may differ for reasons that calibration is there for: in the logarithm of the mean size of
# their errors, and in the share of them outside of the 90 % interval; and (times the deviation over the root of n)
# by what sampling error exceeds once in a hundred. The deviation of a size is about its mean, that of a share of .1
# is .3.
SIZE_APART, OUTSIDE_APART, CRITICAL = 0.25, 0.06, 2.58
# Ten times the width of a 90 % interval: a single error of any size must not make a ticker odd.
LARGEST_ERROR = 10.0
# The largest move of a price in units of the smallest volatility is not as far.
_FARTHEST = 1e9
_KEYS = {"offsets", "thresholds", "rate", "own", "smooth"}


@dataclass(frozen=True)
class Calibration:
    """Offsets that calibrate the quantiles of a model.

    Attributes:
        offsets: (1, h, q) for all regimes together, or (1 + REGIMES, h, q) with one more row for each; in units of
            the forecast's volatility.
        thresholds: by ticker, the scales that part its regimes; a ticker without any has the first row.
        rate: step of the online calibration, 0 for none.
        own: by ticker, offsets (h, q) of one whose errors are of another kind than the others'.
        smooth: whether noise of the offsets is kept from making intervals narrower for later days.
    """

    offsets: np.ndarray
    thresholds: Mapping[str, tuple[float, ...]]
    rate: float
    own: Mapping[str, np.ndarray] = field(default_factory=dict)
    smooth: bool = True

    def apply(self, forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Return the calibrated quantiles of log returns (n, h, q), with the offsets of the fit."""
        tickers = panel.tickers[origins]
        rows = self.offsets[regimes(tickers, panel.scale[origins], self.thresholds)]
        for ticker, offsets in self.own.items():
            rows[tickers == ticker] = offsets
        return conformal.apply(forecast, rows, panel.unit(origins))

    def follow(self, quantiles: np.ndarray, forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Move the quantiles (n, h, q) of consecutive origins by the outcomes before them, ticker by ticker."""
        actual, unit = panel.returns(origins), conformal.own_unit(forecast, panel.unit(origins))
        names, result = panel.tickers[origins], quantiles.copy()
        for ticker in np.unique(names):
            rows = names == ticker
            result[rows] = conformal.follow(quantiles[rows], actual[rows], unit[rows], self.rate)
        return result

    def smoothed(self, quantiles: np.ndarray, forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Smooth the quantiles (n, h, q) of origins over the horizons, after all outcomes have moved them.

        Each horizon follows its own outcomes, unsmoothed: else two that are pooled would work against each other.
        """
        return over_horizons.smooth(quantiles, forecast, panel.unit(origins)) if self.smooth else quantiles

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as `from_json` reads it."""
        thresholds = {ticker: list(values) for ticker, values in self.thresholds.items()}
        own = {ticker: offsets.tolist() for ticker, offsets in self.own.items()}
        return {
            "offsets": self.offsets.tolist(), "thresholds": thresholds, "rate": self.rate, "own": own,
            "smooth": self.smooth,
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Any, horizon: int) -> "Calibration":
        """Read what `to_json` wrote.

        Raises:
            InputError: the values are no calibration, or one of another horizon.
        """
        try:
            assert set(values) == _KEYS  # noqa: S101 - caught below
            assert isinstance(values["smooth"], bool)  # noqa: S101
            offsets = np.array(values["offsets"], dtype=float)
            cuts = {str(ticker): tuple(map(float, pair)) for ticker, pair in values["thresholds"].items()}
            own = {str(ticker): np.array(pair, dtype=float) for ticker, pair in values["own"].items()}
            rate = float(values["rate"])
        except (AssertionError, AttributeError, KeyError, OverflowError, TypeError, ValueError):
            offsets, cuts, own, rate = np.empty(0), {}, {}, math.nan
        shape = (1 + (REGIMES if cuts else 0), horizon, len(QUANTILE_LEVELS))
        sound = _near(offsets, shape) and all(_near(alone, shape[1:]) for alone in own.values())
        sound = sound and 0 <= rate <= 1
        if not sound or any(len(pair) != REGIMES - 1 or not _in_order(pair) for pair in cuts.values()):
            raise InputError(
                f"expected calibration offsets of the shape {shape}, two rising thresholds a ticker, a rate of 0 "
                f"to 1 and whether it is smooth in {FORECASTER_FILE}, got {short(values)}: run the step that "
                "writes it"
            )
        return cls(offsets, cuts, rate, own, values["smooth"])


def _near(offsets: np.ndarray, shape: tuple[int, ...]) -> bool:
    # Comparing takes NaN for unsound, too.
    return offsets.shape == shape and bool((np.abs(offsets) < _FARTHEST).all())


def _in_order(values: tuple[float, ...]) -> bool:
    return bool(np.isfinite(values).all() and (np.diff(values) >= 0).all())


def calibrate(forecast: Forecast, panel: Panel, origins: np.ndarray, mondrian: bool, online: bool) -> Calibration:
    """Fit the calibration on out-of-fold forecasts and their outcomes.

    All tickers together, because ten times the errors make tails that much more certain; but one whose errors are
    of another kind (a halted or tick-bound price, parameters of its own that failed) is calibrated by itself, and
    takes no part in the others' calibration. Neither do rows that teach no model.

    Args:
        forecast: the model's forecasts from the origins.
        panel: the panel that holds the outcomes.
        origins: row numbers of the panel, (n,).
        mondrian: calibrate each volatility regime of a ticker by itself ("Mondrian": Vovk, Lindsay, Nouretdinov &
            Gammerman 2003), where it has days enough.
        online: update the calibration after the fit.
    """
    tickers = panel.tickers[origins]
    odd = odd_tickers(forecast, panel, origins)
    common = np.isin(origins, panel.ordinary(origins)) & ~pd.Series(tickers).isin(odd).to_numpy()
    if not common.any():
        # None is like another: then all of them have to do.
        odd, common = odd[:0], np.ones(len(origins), dtype=bool)
    pooled = _offsets(forecast, panel, origins, common)
    offsets = [pooled]
    thresholds = _terciles(tickers[common], panel.scale[origins[common]]) if mondrian else {}
    in_regime = np.where(common, regimes(tickers, panel.scale[origins], thresholds), 0)
    for regime in range(1, 1 + REGIMES) if mondrian else ():
        offsets.append(_offsets(forecast, panel, origins, in_regime == regime, pooled))
    # What a halt leaves of a ticker says nothing of the days after it, unless there are no others.
    active = ordinary.is_active(tickers, panel.moves(origins)[:, 0])
    own = {}
    for ticker in odd:
        alone = _offsets(forecast, panel, origins, tickers == ticker, pooled)
        own[str(ticker)] = _offsets(forecast, panel, origins, (tickers == ticker) & active, alone)
    return Calibration(np.stack(offsets), thresholds, RATE if online else 0.0, own)


def odd_tickers(forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
    """Return the tickers whose moves, or whose errors over some horizon, are unlike the others', (k,).

    Of the errors on active days, the mean size in units of the pooled 90 % interval and the share outside of it
    are held against the medians over the tickers: half of the tickers have to be odd before an ordinary one looks
    like it.
    """
    moves = panel.moves(origins)[:, 0]
    unusual = ordinary.unusual(panel.tickers[origins], moves)
    active = ordinary.is_active(panel.tickers[origins], moves)
    if not active.any():
        return unusual
    origins, forecast = origins[active], forecast.take(active)
    actual, unit, tickers = panel.returns(origins), panel.unit(origins), panel.tickers[origins]
    quantiles = conformal.apply(forecast, conformal.fit(forecast, actual, unit), unit)
    low, high = quantiles[:, :, 0], quantiles[:, :, -1]
    errors = np.abs(actual - quantiles[:, :, MEDIAN]) / np.maximum(high - low, TINY)
    sizes = _by_ticker(np.minimum(errors, LARGEST_ERROR), tickers)
    outside = _by_ticker(((actual < low) | (actual > high)).astype(float), tickers)
    code, names = pd.factorize(tickers, sort=True)
    counts = np.bincount(code)
    # Outcomes over h days overlap: n of them say as much as n / h.
    doubt = CRITICAL / np.sqrt(counts[:, None] / np.arange(1, panel.spec.horizon + 1))
    apart = _from_median(np.log(np.maximum(sizes, TINY))) > SIZE_APART + doubt
    apart |= _from_median(outside) > OUTSIDE_APART + 0.3 * doubt
    return np.union1d(np.asarray(names)[apart.any(axis=1)], unusual)


def _by_ticker(values: np.ndarray, tickers: np.ndarray) -> np.ndarray:
    """Return the means of values (n, h) by ticker, (k, h), sorted by ticker."""
    return pd.DataFrame(values).groupby(tickers).mean().to_numpy()


def _from_median(values: np.ndarray) -> np.ndarray:
    """Return how far values (k, h) are from the median of their column."""
    return np.abs(values - np.median(values, axis=0))


def _offsets(
    forecast: Forecast, panel: Panel, origins: np.ndarray, rows: np.ndarray, else_: np.ndarray | None = None
) -> np.ndarray:
    """Return the offsets (h, q) of some rows of a forecast; `else_` at the horizons that these are too few for."""
    days = panel.dates[origins[rows]]
    few = len(np.unique(days)) / np.arange(1, panel.spec.horizon + 1) < MIN_DAYS
    if else_ is not None and few.all():
        return else_
    chosen = origins[rows]
    alone = conformal.fit(forecast.take(rows), panel.returns(chosen), panel.unit(chosen), days)
    return alone if else_ is None else np.where(few[:, None], else_, alone)


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
