"""A forecaster: a fitted model with its calibration, scalers and feature spec, as one thing to keep and to use."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from pricecast import conformal, features, models, quality
from pricecast.adjust import adjust
from pricecast.calibration import Calibration
from pricecast.dataset import has_context
from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.forecast_table import forecast_table
from pricecast.forecaster_file import check_calibration, check_day, check_history, check_lookback, check_starts
from pricecast.models import About, Forecast, Model
from pricecast.objects import check_object
from pricecast.outoffold import OutOfFold
from pricecast.panel import Panel
from pricecast.scalers import Scalers
from pricecast.schema import FORECASTER_FILE, FORECASTER_KEYS, PRICE_COLUMNS, QUANTILE_COLUMNS, require
from pricecast.settings import DEFAULTS, Settings, make
from pricecast.spec import Spec, check_scalers
from pricecast.storage import read_json, seal, verify, write_json

# A price that moves farther is none, and its square no number any more.
_FARTHEST = 300.0
_NEVER = pd.Timestamp(YEARS[1] + 1, 1, 31)  # after every date that is taken
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forecaster:
    """What predicts.

    Attributes:
        name: of the model.
        model: fitted.
        calibration: None for a model that keeps its own quantiles.
        spec: of the dataset it learned from.
        scalers: of that dataset.
        fitted_until: the last date whose close it has seen, in fit or in calibration.
        history: one entry per epoch: epoch, train_loss, and val_loss where there was something to stop on.
        settings: how it was made.
        starts: the first bar of each ticker that it learned from.
        past: the forecasts it was calibrated on; not kept in files.
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
        """The facts of its model, and of the members that it may have."""
        parts = [models.about(name) for name in models.parts(self.name, self.params)]
        return replace(
            parts[0],
            whole_history=any(part.whole_history for part in parts),
            across=any(part.across for part in parts),
        )

    @property
    def params(self) -> dict[str, Any]:
        """The model's hyperparameters."""
        return models.params_of(self.name, self.model)

    @property
    def bars_needed(self) -> int:
        """Bars per ticker that make the forecast from the last of them the one of the full history."""
        return self.spec.warmup + self.model.lookback - 1

    @property
    def follows_from(self) -> pd.Timestamp | None:
        """The first cutoff whose outcome moves later quantiles; None if none does."""
        follows = self.calibration is not None and self.calibration.rate > 0
        return pd.Timestamp(self.fitted_until) if follows else None

    def needed(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars that a forecast from each ticker's last one needs, without the tickers that have too few."""
        counts, _ = self._counts(bars)
        enough = bars["ticker"].map(counts) >= self.bars_needed
        if self.about.whole_history:
            return bars[enough]
        early, since = bars["date"].notna(), self.follows_from
        if since is not None:
            ends = bars.groupby("ticker", sort=False)["date"].transform("max")
            early = bars["date"] <= ends.where(ends <= since, since)
        # How many there are from each bar on.
        later = early[::-1].astype(int).groupby(bars["ticker"], sort=False).cumsum()[::-1]
        recent = later.le(self.bars_needed) | self._is_whole(bars)
        return bars[enough & recent]

    def curve(self) -> pd.DataFrame:
        """The losses by epoch, empty for a model without epochs."""
        return pd.DataFrame(list(self.history))

    def summary(self) -> dict[str, float]:
        """Losses of the epoch whose weights were kept, and that epoch; nothing for a model without epochs."""
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
            InputError: the model does not forecast there, or something that is no forecast.
        """
        # Whatever overflows on the way shows in the end.
        with np.errstate(all="ignore"):
            # In units of a volatility gone wild, a sound forecast may end beyond any price.
            return np.clip(self._quantiles(panel, origins), -_FARTHEST, _FARTHEST)

    def _quantiles(self, panel: Panel, origins: np.ndarray) -> np.ndarray:
        if self.calibration is None:
            return _own_quantiles(self._forecast(panel, origins))
        walked = self._walked(panel, origins)
        rows = np.union1d(walked, origins)
        forecast = self._forecast(panel, rows)
        quantiles = self.calibration.apply(forecast, panel, rows)
        if len(walked):
            at = np.searchsorted(rows, walked)
            quantiles[at] = self.calibration.follow(quantiles[at], forecast.take(at), panel, walked)
        return quantiles[np.searchsorted(rows, origins)]

    def _forecast(self, panel: Panel, origins: np.ndarray) -> Forecast:
        shape = (len(origins), self.spec.horizon)
        return _check_forecast(self.name, self.model.predict(panel, origins), shape)

    def _walked(self, panel: Panel, origins: np.ndarray) -> np.ndarray:
        since = self.follows_from
        return np.empty(0, int) if since is None else walked_rows(panel, origins, self.model.lookback, since)

    def table(self, panel: Panel, origins: np.ndarray, last_close: np.ndarray) -> pd.DataFrame:
        """The forecasts of origins in the units of `last_close` (n,), `actual` where it is known."""
        return forecast_table(panel, origins, last_close, self.quantiles(panel, origins), self.name)

    def predict_bars(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Forecasts the next `horizon` trading days after the last bar of every ticker.

        Args:
            raw: date, ticker, open, high, low, close, volume, and adj_close where prices are not adjusted.
                At least `bars_needed` bars a ticker; where the calibration goes on, as many up to
                `follows_from` and all later ones.

        Returns:
            The forecasts table without `actual`, in the units of `close`.

        Raises:
            InputError: columns or bars are missing, or the bars are broken beyond repair.
        """
        bars = adjust(_clean(raw, self.spec.allow_splits))
        table = features.compute(bars, self.spec.target)
        context = has_context(table, self.spec.features, self.model.lookback)
        last = ~table["ticker"].duplicated(keep="last")
        counts, until = self._counts(table)
        short = {*counts[counts < self.bars_needed].index, *table["ticker"][last & ~context]}
        if short:
            raise InputError(
                f"expected at least {self.bars_needed} sound bars up to {until}, got "
                + ", ".join(f"{counts[ticker]} of {ticker}" for ticker in sorted(short))
                + ": give a longer history, or the recursive features would differ from those in training"
            )
        panel = Panel.build(bars, table, self.spec, self.scalers.X, self.scalers.y)
        origins = np.flatnonzero(last)
        return self.table(panel, origins, panel.quote[origins]).drop(columns="actual")

    def _counts(self, table: pd.DataFrame) -> tuple[pd.Series, str]:
        """Bars of each ticker up to where its first forecast is needed, and that moment in words."""
        since = self.follows_from
        ends = table.groupby("ticker", sort=False)["date"].transform("max")
        # A ticker that was not there to be calibrated on starts where its own bars allow it.
        follows = table["ticker"].isin(self.spec.tickers) & ~self._is_whole(table)
        if since is None or not (follows & (ends > since)).any():
            return table.groupby("ticker", sort=False).size(), "the cutoff"
        rows = table[~follows | (table["date"] <= since)]
        counts = rows.groupby("ticker", sort=False).size().reindex(table["ticker"].unique(), fill_value=0)
        return counts, f"{self.fitted_until}, from where on its calibration follows the outcomes"

    def _is_whole(self, table: pd.DataFrame) -> pd.Series:
        """Rows of tickers whose bars are all there: from fewer of them, some came of what is missing now."""
        first = table.groupby("ticker", sort=False)["date"].transform("min")
        counts = table[table["date"] <= pd.Timestamp(self.fitted_until)].groupby("ticker", sort=False).size()
        few = table["ticker"].map(counts).fillna(0) < self.bars_needed
        return few & (first <= pd.to_datetime(table["ticker"].map(self.starts)))

    def save(self, folder: Path) -> Path:
        """Writes the folder in formats that cannot run code, and seals it with a manifest."""
        self.model.save(folder / "model")
        self.scalers.save(folder)
        about = {
            "name": self.name, "params": self.params, "spec": asdict(self.spec), "fitted_until": self.fitted_until,
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "settings": asdict(self.settings), "starts": dict(self.starts), "history": list(self.history),
        }  # fmt: skip
        write_json(about, folder / FORECASTER_FILE)
        seal(folder)
        return folder

    @classmethod
    def load(cls, folder: Path) -> "Forecaster":
        """Verifies and loads what `save` wrote.

        Raises:
            InputError: a file is missing or damaged, or the model is not known here.
        """
        verify(folder)
        about = check_object(read_json(folder / FORECASTER_FILE), FORECASTER_KEYS, FORECASTER_FILE)
        spec = Spec.from_json(about["spec"])
        settings = Settings(**check_object(about["settings"], get_type_hints(Settings), "the settings"))
        model = check_lookback(make(about["name"], about["params"], settings), spec)
        calibrated = check_calibration(about["calibration"], models.about(about["name"]).calibrate, spec.horizon)
        scalers = check_scalers(Scalers.load(folder), spec)
        return cls(
            about["name"], model.load(folder / "model"), calibrated, spec, scalers,
            check_day(about["fitted_until"]), check_history(about["history"]), settings,
            check_starts(about["starts"]),
        )  # fmt: skip


def label(forecasters: list[Forecaster]) -> dict[str, Forecaster]:
    """Names forecasters by their model, numbered where one model comes more than once."""
    labels: dict[str, Forecaster] = {}
    for forecaster in forecasters:
        taken = sum(other.name == forecaster.name for other in labels.values())
        labels[f"{forecaster.name}_{taken + 1}" if taken else forecaster.name] = forecaster
    return labels


def walked_rows(panel: Panel, origins: np.ndarray, lookback: int, since: pd.Timestamp) -> np.ndarray:
    """The rows since a fit, up to each ticker's last origin, whose outcomes may move the quantiles; (n,)."""
    rows = np.flatnonzero(panel.context(lookback) & (panel.dates >= since.to_datetime64()))
    last = pd.Series(origins).groupby(panel.tickers[origins]).max()
    ends = last.reindex(panel.tickers[rows], fill_value=-1).to_numpy()
    return rows[rows <= ends]


def _own_quantiles(forecast: Forecast) -> np.ndarray:
    return conformal.normal_quantiles(forecast) if forecast.quantiles is None else forecast.quantiles


def _check_forecast(name: str, forecast: Forecast, shape: tuple[int, int]) -> Forecast:
    """Refuses what no model of ours forecasts: other shapes, moves beyond any price, NaN."""
    sizes = {"center": shape, "sigma": shape, "quantiles": (*shape, len(QUANTILE_COLUMNS))}
    parts = {part: getattr(forecast, part) for part in sizes}
    sound = all(
        part is None or (part.shape == sizes[key] and (np.abs(part) < _FARTHEST).all())
        for key, part in parts.items()
    )
    if not sound:
        raise InputError(
            f"expected forecasts of {name} that are log returns within {_FARTHEST:g}, got others: train it again"
        )
    return forecast


def _clean(raw: pd.DataFrame, allow_splits: bool) -> pd.DataFrame:
    require(raw, ["date", "ticker", *PRICE_COLUMNS, "volume"], "the bars")
    bars = raw if "adj_close" in raw.columns else raw.assign(adj_close=np.nan)
    # A forecaster has no clock: the last bar is the cutoff, whenever it is.
    prices, report = quality.clean(bars, as_of=_NEVER, strict=False, allow_splits=allow_splits)
    for finding in report["findings"]:
        if finding["action"] in ("dropped", "repaired"):
            _log.warning("%s: %d bars %s", finding["kind"], finding["count"], finding["action"])
    return prices
