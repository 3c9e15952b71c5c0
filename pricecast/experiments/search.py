"""What a setting is worth on the past alone: the objective of a search for hyperparameters.

A setting is judged where it has learned nothing from: on the validation span, or on every fold of the past. Where a
model stops early, it does so on the newest part of what comes before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.stats import norm

from pricecast import models
from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.evaluation.metrics import METRICS, Slice
from pricecast.forecasting import fitting, out_of_fold
from pricecast.forecasting.table import forecast_table
from pricecast.forecasting.walk_plan import Candidate, prototype
from pricecast.models import Forecast
from pricecast.schema import QUANTILE_LEVELS
from pricecast.statistics import conformal

LOOKBACK = "lookback"
# Told the fold, the epoch and its losses.
Told = Callable[[int, int, dict[str, float]], None]
_NORMAL = norm.ppf(np.array(QUANTILE_LEVELS))


class Trial(Protocol):
    """What suggests hyperparameters, as Optuna's trials do."""

    def suggest_int(self, name: str, low: int, high: int, **more: Any) -> int:
        """Return a whole number."""
        ...

    def suggest_float(self, name: str, low: float, high: float, **more: Any) -> float:
        """Return a number."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of several."""
        ...


@dataclass(frozen=True)
class Assessed:
    """What came of a trial.

    Attributes:
        scores: by name of a metric, its mean over folds and horizons.
        best_epochs: of each fold, for a model that stops early.
    """

    scores: dict[str, float]
    best_epochs: tuple[int, ...] = ()

    @property
    def epochs(self) -> int | None:
        """The median of the best epochs: how long to train where there is nothing to stop on."""
        return round(median(self.best_epochs)) if self.best_epochs else None


def past_of(dataset: Dataset) -> Dataset:
    """Return the dataset without the rows of its test span: what a search may see."""
    known = (dataset.features["date"] < pd.Timestamp(dataset.spec.test_start)).to_numpy()
    return replace(
        dataset,
        bars=dataset.bars[known].reset_index(drop=True),
        features=dataset.features[known].reset_index(drop=True),
    )


def folds(past: Dataset, walk: bool) -> list[Fold]:
    """Return the validation span, or all folds of the past, each forecast from what comes before it."""
    found = out_of_fold.past_folds(past)
    return found if walk else found[-1:]


def tunable(names: Sequence[str]) -> list[str]:
    """Those of the models that say what to search.

    Raises:
        InputError: none does.
    """
    found = [name for name in names if hasattr(models.load(name), "space")]
    if not found:
        raise InputError(f"expected a model with something to tune, got {', '.join(names)}: lstm and har have")
    return found


def defaults(name: str, longest: int) -> dict[str, Any]:
    """Return a model's own parameters, with a lookback that every origin has context for."""
    known = models.parameters(name)
    return known | ({LOOKBACK: min(known[LOOKBACK], longest)} if LOOKBACK in known else {})


def suggest(name: str, trial: Trial, given: Mapping[str, Any], longest: int, timesteps: int) -> dict[str, Any]:
    """Return a model's parameters for a trial.

    Args:
        name: of the model.
        trial: that suggests what its `space` asks for.
        given: parameters that are not searched.
        longest: days of context that every origin has.
        timesteps: the lookback, 0 to let the trial choose it.
    """
    fixed = {**given, **({LOOKBACK: timesteps} if timesteps and LOOKBACK in models.parameters(name) else {})}
    found = models.load(name).space(_Partly(trial, fixed, longest))  # type: ignore[attr-defined]
    return {**found, **fixed}


class _Partly:
    """A trial that is not asked for what is fixed, nor for more context than there is."""

    def __init__(self, trial: Trial, fixed: Mapping[str, Any], longest: int) -> None:
        self._trial, self._fixed, self._longest = trial, fixed, longest

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def suggested(name: str, *args: Any, **more: Any) -> Any:
            if name in self._fixed:
                return self._fixed[name]
            if name == LOOKBACK and self._longest < max(args):
                # Without a step: the longest that there is context for need not be on one.
                return self._trial.suggest_int(name, *(min(bound, self._longest) for bound in args))
            return getattr(self._trial, kind)(name, *args, **more)

        return suggested


def check(candidate: Candidate, longest: int) -> None:
    """Refuse what no trial could be made with.

    Args:
        candidate: with the parameters that are not searched.
        longest: days of context that every origin has.

    Raises:
        InputError: a parameter is not known, or the lookback is longer than the context.
    """
    prototype(candidate)
    if (lookback := candidate.params.get(LOOKBACK, 0)) > longest:
        raise InputError(
            f"expected a lookback of at most {longest} days for {candidate.name}, got {lookback}: give a longer "
            "--max-lookback"
        )


def assess(
    candidate: Candidate,
    past: Dataset,
    walked: Sequence[Fold],
    metrics: Sequence[str],
    report: Told | None = None,
) -> Assessed:
    """Fit a candidate in every fold and scores its forecasts, before any calibration.

    Args:
        candidate: the model with its parameters.
        past: of `past_of`.
        walked: of `folds`.
        metrics: keys of `METRICS`.
        report: told about every epoch of every fold; what it raises ends the trial.
    """
    parts, epochs = [], []
    for number, fold in enumerate(walked):
        panel = past.panel(fit_scalers(past.features, past.spec, fold.train))
        stops = candidate.settings.stops(candidate.name)
        told = partial(report, number) if report else None
        model = fitting.learn(prototype(candidate), stops, panel, fold, told)
        parts.append(_scores(model.predict(panel, fold.origins), panel, fold.origins, metrics))
        if stops:
            epochs.append(model.best_epoch_)  # type: ignore[attr-defined]
    return Assessed({name: float(np.mean([part[name] for part in parts])) for name in metrics}, tuple(epochs))


def _scores(forecast: Forecast, panel: Panel, origins: np.ndarray, metrics: Sequence[str]) -> dict[str, float]:
    """Mean over the horizons."""
    with np.errstate(all="ignore"):
        # As quoted on the day: a later dividend moves adjusted closes, and with them a ticker's part of an RMSE.
        table = forecast_table(panel, origins, panel.quote[origins], quantiles(forecast, panel, origins), "trial")
    slices = [Slice.of(rows) for _, rows in table.groupby("horizon")]
    found = {name: float(np.mean([METRICS[name](each) for each in slices])) for name in metrics}
    if not np.isfinite(list(found.values())).all():
        raise InputError(f"expected scores that are numbers, got {found}: the forecasts are none")
    return found


def quantiles(forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
    """Return a forecast's own quantiles (n, h, q), or normal ones of its volatility, or of EWMA's, around its centre."""
    offsets = np.zeros(len(_NORMAL)) if forecast.quantiles is not None else _NORMAL
    horizon = panel.spec.horizon
    return conformal.apply(forecast, np.tile(offsets, (horizon, 1)), panel.unit(origins))
