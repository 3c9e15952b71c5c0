"""The forecaster: a fitted model with its calibration, scalers and feature spec, from raw bars to forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.data.adjust import adjust
from pricecast.dataset import features
from pricecast.dataset.checks import has_context
from pricecast.dataset.lacking import has, of_closes
from pricecast.dataset.panel import Panel
from pricecast.dataset.scalers import Scalers
from pricecast.dataset.spec import Spec
from pricecast.errors import InputError
from pricecast.forecasting import saved
from pricecast.forecasting.calibration import Calibration
from pricecast.forecasting.context import Context, walked_rows
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.raw_bars import clean
from pricecast.forecasting.settings import DEFAULTS, Settings
from pricecast.forecasting.table import forecast_table
from pricecast.model_output import FARTHEST, check_forecast
from pricecast.models import About, Forecast, Model
from pricecast.statistics import conformal


@dataclass(frozen=True)
class Forecaster:
    """Fitted model with all that a forecast from raw bars needs.

    Attributes:
        name: name of the model.
        model: the fitted model.
        calibration: offsets of its quantiles; None for a model that keeps its own.
        spec: spec of the dataset that it learned from.
        scalers: scalers of that dataset.
        fitted_until: last date whose close it has seen, in fit or in calibration.
        history: one entry per epoch: epoch, train_loss, and val_loss where it stops early.
        settings: how it was made of the model.
        starts: date of the first bar that it learned from, by ticker.
        past: out-of-fold forecasts that it was calibrated on; not kept in files.
    """

    name: str
    model: Model
    calibration: Calibration | None
    spec: Spec
    scalers: Scalers
    fitted_until: str
    history: tuple[dict[str, float], ...] = ()
    settings: Settings = DEFAULTS
    starts: Mapping[str, str] = field(default_factory=dict)
    past: OutOfFold | None = None

    @property
    def about(self) -> About:
        """Facts about its model, with those of the members of an ensemble."""
        parts = [models.about(name) for name in models.parts(self.name, self.params)]
        return replace(
            parts[0],
            whole_history=any(part.whole_history for part in parts),
            across=any(part.across for part in parts),
        )

    @property
    def params(self) -> dict[str, Any]:
        """Hyperparameters of the model."""
        return models.params_of(self.name, self.model)

    @property
    def context(self) -> Context:
        """Bars that its forecasts need."""
        return Context(
            bars_needed=self.spec.warmup + self.model.lookback - 1,
            whole_history=self.about.whole_history,
            tickers=self.spec.tickers,
            starts=self.starts,
            fitted_until=self.fitted_until,
            follows=self._follows,
        )

    @property
    def _follows(self) -> bool:
        return self.calibration is not None and self.calibration.rate > 0

    def curve(self) -> pd.DataFrame:
        """Return the losses by epoch, empty for a model without epochs."""
        return pd.DataFrame(list(self.history))

    def summary(self) -> dict[str, float]:
        """Return the epoch whose weights were kept and its losses; nothing for a model without epochs."""
        if not self.history:
            return {}
        if "val_loss" not in self.history[-1]:
            last = self.history[-1]
            return {"final_train_loss": last["train_loss"], "converged_epoch": last["epoch"]}
        kept = min(self.history, key=lambda entry: entry["val_loss"])
        return {
            "final_train_loss": kept["train_loss"], "final_val_loss": kept["val_loss"],
            "converged_epoch": kept["epoch"],
        }  # fmt: skip

    def quantiles(self, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Quantiles of the log returns from each origin, (n, h, q).

        Raises:
            InputError: the model cannot forecast from an origin, or returns something that is no forecast.
        """
        # Whatever overflows on the way shows in the end.
        with np.errstate(all="ignore"):
            return self._quantiles(panel, origins)

    def _quantiles(self, panel: Panel, origins: np.ndarray) -> np.ndarray:
        if self.calibration is None:
            return _within_prices(_own_quantiles(self._forecast(panel, origins)))
        walked = self._walked(panel, origins)
        rows = np.union1d(walked, origins)
        forecast = self._forecast(panel, rows)
        quantiles = self.calibration.apply(forecast, panel, rows)
        if len(walked):
            at = np.searchsorted(rows, walked)
            quantiles[at] = self.calibration.follow(quantiles[at], forecast.take(at), panel, walked)
        chosen = np.searchsorted(rows, origins)
        asked = _within_prices(quantiles[chosen])
        return self.calibration.smoothed(asked, forecast.take(chosen), panel, origins)

    def _forecast(self, panel: Panel, origins: np.ndarray) -> Forecast:
        shape = (len(origins), self.spec.horizon)
        return check_forecast(self.name, self.model.predict(panel, origins), shape)

    def _walked(self, panel: Panel, origins: np.ndarray) -> np.ndarray:
        # Not by way of `context`, which knows the models of this project alone.
        if not self._follows:
            return np.empty(0, int)
        return walked_rows(panel, origins, self.model.lookback, pd.Timestamp(self.fitted_until))

    def table(self, panel: Panel, origins: np.ndarray, last_close: np.ndarray) -> pd.DataFrame:
        """Return the forecasts table of origins (n,) in the units of `last_close` (n,), outcomes included."""
        return forecast_table(panel, origins, last_close, self.quantiles(panel, origins), self.name)

    def predict_bars(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Forecast the next `horizon` trading days after the last bar of every ticker.

        Args:
            raw: date, ticker, open, high, low, close, volume, and adj_close where prices are not adjusted; open,
                high and low, or volume, only if it was trained with them. Date and ticker as columns or in the
                index, all as text, numbers, categories, Arrow's or pandas' types.
                At least `context.bars_needed` bars a ticker; where the calibration is updated after the fit, as
                many up to `context.follows_from` and all later ones.

        Returns:
            The forecasts table without `actual`, in the units of `close`.

        Raises:
            InputError: columns or bars are missing, or the bars are broken beyond repair.
        """
        bars = adjust(clean(raw, self.spec))
        if not has(self.spec.features, features.RANGE):
            bars = of_closes(bars)
        table = features.compute(bars, self.spec.target)
        complete = has_context(table, self.spec.features, self.model.lookback)
        last = ~table["ticker"].duplicated(keep="last")
        counts, until = self.context.counts(table)
        needed = self.context.bars_needed
        short = {*counts[counts < needed].index, *table["ticker"][last & ~complete]}
        if short:
            raise InputError(
                f"expected at least {needed} sound bars up to {until}, got "
                + ", ".join(f"{counts[ticker]} of {ticker}" for ticker in sorted(short))
                + ": give a longer history, or the recursive features would differ from those in training"
            )
        panel = Panel.build(bars, table, self.spec, self.scalers.X, self.scalers.y)
        origins = np.flatnonzero(last)
        return self.table(panel, origins, panel.quote[origins]).drop(columns="actual")

    def save(self, folder: Path) -> Path:
        """Write a folder of files that cannot run code, sealed with a manifest."""
        kept = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "past"}
        return saved.write(folder, **kept)

    @classmethod
    def load(cls, folder: Path) -> "Forecaster":
        """Verify and load a folder that `save` wrote, in this or an earlier version.

        Raises:
            InputError: a file is missing or damaged, or the format or the model is unknown.
        """
        return cls(**saved.read(folder))


def label(forecasters: list[Forecaster]) -> dict[str, Forecaster]:
    """Return forecasters by the name of their model, numbered where one model comes more than once."""
    labels: dict[str, Forecaster] = {}
    for forecaster in forecasters:
        taken = sum(other.name == forecaster.name for other in labels.values())
        labels[f"{forecaster.name}_{taken + 1}" if taken else forecaster.name] = forecaster
    return labels


def _within_prices(quantiles: np.ndarray) -> np.ndarray:
    # In units of a volatility gone wild, a sound forecast may end beyond any price.
    return np.clip(quantiles, -FARTHEST, FARTHEST)


def _own_quantiles(forecast: Forecast) -> np.ndarray:
    return conformal.normal_quantiles(forecast) if forecast.quantiles is None else forecast.quantiles
