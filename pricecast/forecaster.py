"""A forecaster: a fitted model with its calibration, scalers and feature spec, as one thing to keep and to use."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from pricecast import calendars, conformal, features, models, outoffold, quality
from pricecast.adjust import adjust
from pricecast.calibration import Calibration, calibrate
from pricecast.dataset import Dataset, has_context
from pricecast.errors import InputError
from pricecast.models import About, Forecast, Model, Report
from pricecast.models._per_ticker import PerTicker
from pricecast.objects import check_object
from pricecast.outoffold import OutOfFold
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
from pricecast.spec import Spec, check_scalers, is_day
from pricecast.splits import Fold
from pricecast.storage import read_json, seal, verify, write_json

# A price that moves farther is none, and its square no number any more.
_FARTHEST = 300.0
_NEVER = pd.Timestamp(YEARS[1] + 1, 1, 31)  # after every date that is taken
Progress = Callable[[str], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How a forecaster is made of a model.

    Attributes:
        per_ticker: one model for each ticker instead of one for all.
        mondrian: calibrate each volatility regime by itself.
        online: let the calibration go on after the fit.
        early_stopping: let a model that can stop where the loss on the newest part of its past is lowest; without,
            it learns from all of its past for all of its epochs.
    """

    per_ticker: bool = False
    mondrian: bool = True
    online: bool = True
    early_stopping: bool = True

    def stops(self, name: str) -> bool:
        """Whether a model so made holds out a part of its past to stop on."""
        return self.early_stopping and models.about(name).stops_early


DEFAULTS = Settings()


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
        model = _check_lookback(make(about["name"], about["params"], settings), spec)
        calibrated = _check_calibration(about["calibration"], models.about(about["name"]).calibrate, spec.horizon)
        scalers = check_scalers(Scalers.load(folder), spec)
        return cls(
            about["name"], model.load(folder / "model"), calibrated, spec, scalers,
            _check_day(about["fitted_until"]), _check_history(about["history"]), settings,
            _check_starts(about["starts"]),
        )  # fmt: skip


def fit(
    name: str,
    params: dict[str, Any],
    dataset: Dataset,
    report: Report | None = None,
    settings: Settings = DEFAULTS,
    progress: Progress | None = None,
    past: OutOfFold | None = None,
) -> Forecaster:
    """Calibrates a model on forecasts of the past that it made fold by fold, and fits it on all of the past.

    Args:
        name: of the model.
        params: of the model.
        dataset: to learn from.
        report: called once an epoch of the final fit.
        settings: how to make it.
        progress: told which fit is going on.
        past: earlier forecasts to calibrate on, instead of those of folds that are walked for it.

    Raises:
        InputError: the model or a parameter is not known, or does not fit the dataset.
    """
    panel, main, stops = dataset.panel(), dataset.fold(), settings.stops(name)
    history: list[dict[str, float]] = []

    def remember(epoch: int, metrics: dict[str, float]) -> None:
        history.append({"epoch": epoch, **metrics})
        if report:
            report(epoch, metrics)

    calibrated = None
    if models.about(name).calibrate:
        past = past or _walk_past(name, params, dataset, settings, progress)
        before = past.before(dataset, main.start)
        calibrated = calibrate(before.forecast, panel, before.origins, settings.mondrian, settings.online)
    if progress:
        progress(name)
    model = learn(make(name, params, settings), stops, panel, main, remember)
    until = seen_until(panel, main)
    starts = {str(ticker): _day(date) for ticker, date in dataset.bars.groupby("ticker")["date"].min().items()}
    return Forecaster(
        name, model, calibrated, dataset.spec, dataset.scalers, until, tuple(history), settings, starts, past
    )


def refit(judged: Forecaster, dataset: Dataset, report: Report | None = None) -> Forecaster:
    """Fits the model once more on every origin with known labels, for as many epochs as were best before.

    It is calibrated on what the judged model was calibrated on and on that model's forecasts of the test span: it
    had trained on neither; residuals of the refitted model would be in sample. The scalers stay.

    Raises:
        InputError: the judged forecaster comes from a file, without the forecasts that it was calibrated on.
    """
    if judged.calibration is not None and judged.past is None:
        raise InputError(
            f"expected {judged.name} as it was fitted, with the forecasts that it was calibrated on, got one that "
            "was loaded or refitted: fit it again"
        )
    panel = dataset.panel(judged.scalers)
    rows = np.flatnonzero(dataset.usable)
    known = rows[panel.ahead[rows] >= dataset.spec.horizon]
    best = getattr(judged.model, "best_epoch_", None)
    params = judged.params if best is None else {**judged.params, "epochs": best}
    model = make(judged.name, params, judged.settings).fit(panel, known, known[:0], report)
    calibrated = None
    if judged.past:
        test = dataset.origins("test")
        test = test[panel.ahead[test] >= dataset.spec.horizon]
        past = outoffold.join([judged.past, OutOfFold(test, judged.model.predict(panel, test))])
        switches = judged.settings.mondrian, judged.settings.online
        calibrated = calibrate(past.forecast, panel, past.origins, *switches)
    return replace(judged, model=model, calibration=calibrated, fitted_until=_day(panel.dates.max()), past=None)


def label(forecasters: list[Forecaster]) -> dict[str, Forecaster]:
    """Names forecasters by their model, numbered where one model comes more than once."""
    labels: dict[str, Forecaster] = {}
    for forecaster in forecasters:
        taken = sum(other.name == forecaster.name for other in labels.values())
        labels[f"{forecaster.name}_{taken + 1}" if taken else forecaster.name] = forecaster
    return labels


def _walk_past(
    name: str, params: dict[str, Any], dataset: Dataset, settings: Settings, progress: Progress | None
) -> OutOfFold:
    folds = outoffold.folds(dataset)

    def each(panel: Panel, fold: Fold) -> Model:
        if progress:
            progress(f"{name}, out of fold {folds.index(fold) + 1} of {len(folds)}")
        return learn(make(name, params, settings), settings.stops(name), panel, fold)

    return outoffold.collect(each, dataset, folds)


def make(name: str, params: dict[str, Any], settings: Settings) -> Model:
    """A model that is not fitted yet: one for all tickers, or one for each."""
    return PerTicker(name, params) if settings.per_ticker else models.create(name, params)


def learn(model: Model, stops: bool, panel: Panel, fold: Fold, report: Report | None = None) -> Model:
    """A model that has nothing to stop on learns from all of the past."""
    rows = (fold.train, fold.valid) if stops else (fold.past, fold.past[:0])
    return model.fit(panel, *rows, report)


def seen_until(panel: Panel, fold: Fold) -> str:
    """The last date whose close a forecaster of a fold has seen."""
    return _day(panel.dates[fold.past + panel.spec.horizon].max())


def walked_rows(panel: Panel, origins: np.ndarray, lookback: int, since: pd.Timestamp) -> np.ndarray:
    """The rows since a fit, up to each ticker's last origin, whose outcomes may move the quantiles; (n,)."""
    rows = np.flatnonzero(panel.context(lookback) & (panel.dates >= since.to_datetime64()))
    last = pd.Series(origins).groupby(panel.tickers[origins]).max()
    ends = last.reindex(panel.tickers[rows], fill_value=-1).to_numpy()
    return rows[rows <= ends]


def forecast_table(
    panel: Panel, origins: np.ndarray, last_close: np.ndarray, quantiles: np.ndarray, name: str
) -> pd.DataFrame:
    """The forecasts table of quantiles of log returns (n, h, q), in the units of `last_close` (n,)."""
    n, horizon = quantiles.shape[:2]
    flat = (last_close[:, None, None] * np.exp(quantiles)).reshape(n * horizon, -1)
    table = pd.DataFrame({
        "ticker": np.repeat(panel.tickers[origins], horizon),
        "cutoff": np.repeat(panel.dates[origins], horizon),
        "horizon": np.tile(np.arange(1, horizon + 1), n),
        "date": forecast_dates(panel, origins).ravel(),
        "model": name,
        "last_close": np.repeat(last_close, horizon),
        "forecast": flat[:, MEDIAN],
        **dict(zip(QUANTILE_COLUMNS, flat.T, strict=True)),
        "actual": (last_close[:, None] * np.exp(panel.returns(origins))).ravel(),
    })  # fmt: skip
    return table[list(FORECASTS)]


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


def _own_quantiles(forecast: Forecast) -> np.ndarray:
    return conformal.normal_quantiles(forecast) if forecast.quantiles is None else forecast.quantiles


def _check_calibration(given: dict[str, Any] | None, calibrate: bool, horizon: int) -> Calibration | None:
    if (given is None) == calibrate:
        raise InputError(
            f"expected a calibration (none for a model that keeps its own quantiles) in {FORECASTER_FILE}, got "
            f"{short(given)}: run the step that writes it"
        )
    return None if given is None else Calibration.from_json(given, horizon)


def _check_starts(given: dict[str, str]) -> dict[str, str]:
    try:
        pd.to_datetime(list(given.values()), format="%Y-%m-%d")
    except ValueError as error:
        raise InputError(
            f"expected dates as starts in {FORECASTER_FILE}, got {short(given)}: run the step that writes it"
        ) from error
    return given


def _check_day(given: str) -> str:
    if not is_day(given):
        raise InputError(
            f"expected a date as fitted_until in {FORECASTER_FILE}, got {short(given)}: run the step that writes it"
        )
    return given


def _check_lookback(model: Model, spec: Spec) -> Model:
    if not 1 <= model.lookback <= spec.max_lookback:
        raise InputError(
            f"expected a lookback of 1 to {spec.max_lookback} days in {FORECASTER_FILE}, got {model.lookback}: "
            "run the step that writes it"
        )
    return model


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


def _check_history(given: list[dict[str, float]]) -> tuple[dict[str, float], ...]:
    # One set of keys, or as a table the entries would be as wide as they are many.
    alike = {"epoch", "train_loss"}.union(*given[:1])
    if odd := [entry for entry in given if entry.keys() != alike]:
        raise InputError(
            f"expected epoch, train_loss and perhaps val_loss by epoch in {FORECASTER_FILE}, got {short(odd[0])}: "
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
