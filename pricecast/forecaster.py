"""A forecaster: a fitted model with its calibration, scalers and feature spec, as one thing to keep and to use."""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricecast import calendars, calibration, features, models, quality
from pricecast.adjust import adjust
from pricecast.dataset import Dataset, has_context
from pricecast.errors import InputError
from pricecast.models import Forecast, Model, Report
from pricecast.objects import check_object
from pricecast.panel import Panel
from pricecast.scalers import Scalers
from pricecast.schema import (
    FORECASTER_FILE,
    FORECASTER_KEYS,
    FORECASTS,
    MEDIAN,
    PRICE_COLUMNS,
    QUANTILE_COLUMNS,
    YEARS,
    require,
    short,
)
from pricecast.spec import Spec, check_scalers
from pricecast.storage import read_json, seal, verify, write_json

_NEVER = pd.Timestamp(YEARS[1] + 1, 1, 31)  # after every date that is taken
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forecaster:
    """What predicts.

    Attributes:
        name: of the model.
        model: fitted.
        offsets: (h, q) calibration, None for a model that keeps its own quantiles.
        spec: of the dataset it learned from.
        scalers: of that dataset.
        fitted_until: the last date whose close it has seen, in fit or in calibration.
        history: one entry per epoch: epoch, train_loss, val_loss.
    """

    name: str
    model: Model
    offsets: np.ndarray | None
    spec: Spec
    scalers: Scalers
    fitted_until: str
    history: tuple[dict[str, float], ...] = ()

    @property
    def params(self) -> dict[str, Any]:
        """The model's hyperparameters."""
        return models.params_of(self.name, self.model)

    @property
    def bars_needed(self) -> int:
        """Bars per ticker up to the cutoff that make its forecast the one of the full history."""
        return self.spec.warmup + self.model.lookback - 1

    def curve(self) -> pd.DataFrame:
        """The losses by epoch, empty for a model without epochs."""
        return pd.DataFrame(list(self.history))

    def summary(self) -> dict[str, float]:
        """Losses of the epoch whose weights were kept, and that epoch; nothing for a model without epochs."""
        if not self.history:
            return {}
        kept = min(self.history, key=lambda entry: entry["val_loss"])
        return {
            "final_train_loss": kept["train_loss"], "final_val_loss": kept["val_loss"],
            "converged_epoch": kept["epoch"],
        }  # fmt: skip

    def quantiles(self, panel: Panel, origins: np.ndarray) -> np.ndarray:
        """Quantiles of the log returns from each origin, (n, h, q)."""
        forecast = self.model.predict(panel, origins)
        if self.offsets is None:
            return _own_quantiles(forecast)
        return calibration.apply(forecast, self.offsets, panel.unit(origins))

    def table(self, panel: Panel, origins: np.ndarray, last_close: np.ndarray) -> pd.DataFrame:
        """The forecasts of origins in the units of `last_close` (n,), `actual` where it is known."""
        n, horizon = len(origins), self.spec.horizon
        prices = last_close[:, None, None] * np.exp(self.quantiles(panel, origins))
        flat = prices.reshape(n * horizon, -1)
        table = pd.DataFrame({
            "ticker": np.repeat(panel.tickers[origins], horizon),
            "cutoff": np.repeat(panel.dates[origins], horizon),
            "horizon": np.tile(np.arange(1, horizon + 1), n),
            "date": forecast_dates(panel, origins).ravel(),
            "model": self.name,
            "last_close": np.repeat(last_close, horizon),
            "forecast": flat[:, MEDIAN],
            **dict(zip(QUANTILE_COLUMNS, flat.T, strict=True)),
            "actual": (last_close[:, None] * np.exp(panel.returns(origins))).ravel(),
        })  # fmt: skip
        return table[list(FORECASTS)]

    def predict_bars(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Forecasts the next `horizon` trading days after the last bar of every ticker.

        Args:
            raw: date, ticker, open, high, low, close, volume, and adj_close where prices are not adjusted.
                At least `bars_needed` bars a ticker.

        Returns:
            The forecasts table without `actual`, in the units of `close`.

        Raises:
            InputError: columns or bars are missing, or the bars are broken beyond repair.
        """
        bars = adjust(_clean(raw, self.spec.allow_splits))
        table = features.compute(bars, self.spec.target)
        context = has_context(table, self.spec.features, self.model.lookback)
        last = ~table["ticker"].duplicated(keep="last")
        counts = table.groupby("ticker", sort=False).size()
        short = {*counts[counts < self.bars_needed].index, *table["ticker"][last & ~context]}
        if short:
            raise InputError(
                f"expected at least {self.bars_needed} sound bars up to the cutoff, got "
                + ", ".join(f"{counts[ticker]} of {ticker}" for ticker in sorted(short))
                + ": give a longer history, or the recursive features would differ from those in training"
            )
        panel = Panel.build(bars, table, self.spec, self.scalers.X, self.scalers.y)
        origins = np.flatnonzero(last)
        return self.table(panel, origins, panel.quote[origins]).drop(columns="actual")

    def save(self, folder: Path) -> Path:
        """Writes the folder in formats that cannot run code, and seals it with a manifest."""
        self.model.save(folder / "model")
        self.scalers.save(folder)
        about = {
            "name": self.name, "params": self.params, "spec": asdict(self.spec), "fitted_until": self.fitted_until,
            "offsets": None if self.offsets is None else self.offsets.tolist(), "history": list(self.history),
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
        model = models.create(about["name"], about["params"])
        offsets = _check_offsets(about["offsets"], model.calibrate, spec.horizon)
        scalers = check_scalers(Scalers.load(folder), spec)
        return cls(
            about["name"], model.load(folder / "model"), offsets, spec, scalers,
            about["fitted_until"], _check_history(about["history"]),
        )  # fmt: skip


def fit(name: str, params: dict[str, Any], dataset: Dataset, report: Report | None = None) -> Forecaster:
    """Fits a model on the training origins and calibrates it on the validation origins.

    Raises:
        InputError: the model or a parameter is not known, or does not fit the dataset.
    """
    panel = dataset.panel()
    train, valid = dataset.origins("train"), dataset.origins("valid")
    history: list[dict[str, float]] = []

    def remember(epoch: int, metrics: dict[str, float]) -> None:
        history.append({"epoch": epoch, **metrics})
        if report:
            report(epoch, metrics)

    model = models.create(name, params).fit(panel, train, valid, remember)
    offsets = _calibrate(model, panel, valid) if model.calibrate else None
    until = panel.dates[valid + dataset.spec.horizon].max()
    return Forecaster(name, model, offsets, dataset.spec, dataset.scalers, _day(until), tuple(history))


def refit(judged: Forecaster, dataset: Dataset, report: Report | None = None) -> Forecaster:
    """Fits the model once more on every origin with known labels, for as many epochs as were best before.

    Its calibration is the judged model's on validation and test rows, both of which that model had not trained on;
    residuals of the refitted model would be in sample. The scalers stay.
    """
    panel = dataset.panel(judged.scalers)
    rows = np.flatnonzero(has_context(dataset.features, dataset.spec.features, dataset.spec.max_lookback))
    known = rows[panel.ahead[rows] >= dataset.spec.horizon]
    best = getattr(judged.model, "best_epoch_", None)
    params = judged.params if best is None else {**judged.params, "epochs": best}
    model = models.create(judged.name, params).fit(panel, known, known[:0], report)
    offsets = judged.offsets
    if offsets is not None:
        unseen = np.sort(np.concatenate([dataset.origins("valid"), dataset.origins("test")]))
        unseen = unseen[panel.ahead[unseen] >= dataset.spec.horizon]
        offsets = _calibrate(judged.model, panel, unseen)
    return replace(judged, model=model, offsets=offsets, fitted_until=_day(panel.dates.max()))


def forecast_dates(panel: Panel, origins: np.ndarray) -> np.ndarray:
    """The trading days that are forecast, (n, horizon): the panel's own where known, then the calendar's."""
    horizon = panel.spec.horizon
    steps = np.arange(1, horizon + 1)
    ahead = panel.ahead[origins, None]
    later = np.where(steps <= ahead, origins[:, None] + steps, origins[:, None])
    dates = panel.dates[later]
    for ticker in np.unique(panel.tickers[origins[panel.ahead[origins] < horizon]]):
        rows = panel.tickers[origins] == ticker
        last = panel.dates[origins[rows] + panel.ahead[origins[rows]]].max()
        coming = calendars.next_sessions(ticker, pd.Timestamp(last), horizon).to_numpy().astype(dates.dtype)
        beyond = steps - ahead[rows] - 1
        dates[rows] = np.where(beyond >= 0, coming[np.maximum(beyond, 0)], dates[rows])
    return dates


def _calibrate(model: Model, panel: Panel, origins: np.ndarray) -> np.ndarray:
    return calibration.fit(model.predict(panel, origins), panel.returns(origins), panel.unit(origins))


def _own_quantiles(forecast: Forecast) -> np.ndarray:
    return calibration.normal_quantiles(forecast) if forecast.quantiles is None else forecast.quantiles


def _check_offsets(given: list[list[float]] | None, calibrate: bool, horizon: int) -> np.ndarray | None:
    sizes = None if given is None else [len(row) for row in given]
    if sizes != ([len(QUANTILE_COLUMNS)] * horizon if calibrate else None):
        raise InputError(
            f"expected {horizon} rows of {len(QUANTILE_COLUMNS)} calibration offsets (none for a model that keeps "
            f"its own quantiles) in {FORECASTER_FILE}, got rows of {short(sizes)}: run the step that writes it"
        )
    return None if given is None else np.array(given, dtype=float)


def _check_history(given: list[dict[str, float]]) -> tuple[dict[str, float], ...]:
    if odd := [entry for entry in given if not entry.keys() >= {"epoch", "train_loss", "val_loss"}]:
        raise InputError(
            f"expected epoch, train_loss and val_loss by epoch in {FORECASTER_FILE}, got {short(odd[0])}: "
            "run the step that writes it"
        )
    return tuple(given)


def _clean(raw: pd.DataFrame, allow_splits: bool) -> pd.DataFrame:
    require(raw, ["date", "ticker", *PRICE_COLUMNS, "volume"], "the bars")
    bars = raw if "adj_close" in raw.columns else raw.assign(adj_close=np.nan)
    # A forecaster has no clock: the last bar is the cutoff, whenever it is.
    prices, report = quality.clean(bars, as_of=_NEVER, strict=False, allow_splits=allow_splits)
    for finding in report["findings"]:
        if finding["action"] in ("dropped", "repaired"):
            _log.warning("%s: %d bars %s", finding["kind"], finding["count"], finding["action"])
    return prices


def _day(moment: Any) -> str:
    return str(pd.Timestamp(moment).date())
