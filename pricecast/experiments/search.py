"""The objective of a search for hyperparameters: the score of a candidate on the past alone.

A candidate is scored on rows that it has not learned from: on the validation span, or on every fold of the past. A
model that stops early does so on the newest part of what comes before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
import pandas as pd
from scipy.stats import norm

from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.evaluation.metrics import METRICS
from pricecast.evaluation.scored_rows import Slice
from pricecast.forecasting import fitting, out_of_fold
from pricecast.forecasting.table import forecast_table
from pricecast.forecasting.walk_plan import Candidate, prototype
from pricecast.models import Forecast
from pricecast.schema import QUANTILE_LEVELS
from pricecast.statistics import conformal

# Called with the fold, the epoch and its losses.
OnFoldEpoch = Callable[[int, int, dict[str, float]], None]
_NORMAL = norm.ppf(np.array(QUANTILE_LEVELS))


@dataclass(frozen=True)
class TrialScores:
    """Scores of a candidate in a trial.

    Attributes:
        scores: mean over folds and horizons, by name of the metric.
        best_epochs: the best epoch of each fold, for a model that stops early.
    """

    scores: dict[str, float]
    best_epochs: tuple[int, ...] = ()

    @property
    def epochs(self) -> int | None:
        """Median of the best epochs: how long to train where there is nothing to stop on."""
        return round(median(self.best_epochs)) if self.best_epochs else None


def past_of(dataset: Dataset) -> Dataset:
    """Return the dataset without the rows of its test span, which no search may see."""
    known = (dataset.features["date"] < pd.Timestamp(dataset.spec.test_start)).to_numpy()
    return replace(
        dataset,
        bars=dataset.bars[known].reset_index(drop=True),
        features=dataset.features[known].reset_index(drop=True),
    )


def search_folds(past: Dataset, walk: bool) -> list[Fold]:
    """Return all folds of the past, or the validation span alone.

    Args:
        past: result of `past_of`.
        walk: whether to take all folds.
    """
    folds = out_of_fold.past_folds(past)
    return folds if walk else folds[-1:]


def score_candidate(
    candidate: Candidate,
    past: Dataset,
    folds: Sequence[Fold],
    metrics: Sequence[str],
    on_epoch: OnFoldEpoch | None = None,
) -> TrialScores:
    """Fit a candidate in every fold, and score its forecasts before any calibration.

    Args:
        candidate: model with its parameters.
        past: result of `past_of`.
        folds: result of `search_folds`.
        metrics: keys of `METRICS`.
        on_epoch: called after every epoch of every fold; what it raises ends the trial.
    """
    parts, epochs = [], []
    for number, fold in enumerate(folds):
        panel = past.panel(fit_scalers(past.features, past.spec, fold.train))
        stops = candidate.settings.stops(candidate.name)
        fold_epoch = partial(on_epoch, number) if on_epoch else None
        model = fitting.learn(prototype(candidate), stops, panel, fold, fold_epoch)
        parts.append(_scores(model.predict(panel, fold.origins), panel, fold.origins, metrics))
        if stops:
            epochs.append(model.best_epoch_)  # type: ignore[attr-defined]
    return TrialScores({name: float(np.mean([part[name] for part in parts])) for name in metrics}, tuple(epochs))


def _scores(forecast: Forecast, panel: Panel, origins: np.ndarray, metrics: Sequence[str]) -> dict[str, float]:
    """Return the mean of each metric over the horizons."""
    with np.errstate(all="ignore"):
        # As quoted on the day: a later dividend moves adjusted closes, and with them a ticker's part of an RMSE.
        table = forecast_table(panel, origins, panel.quote[origins], quantiles(forecast, panel, origins), "trial")
    slices = [Slice.of(rows) for _, rows in table.groupby("horizon")]
    scores = {name: float(np.mean([METRICS[name](s) for s in slices])) for name in metrics}
    if not np.isfinite(list(scores.values())).all():
        raise InputError(f"expected scores that are numbers, got {scores}: the forecasts are none")
    return scores


def quantiles(forecast: Forecast, panel: Panel, origins: np.ndarray) -> np.ndarray:
    """Return the quantiles of a forecast (n, h, q), or normal ones around its centre with its sigma or EWMA's."""
    offsets = np.zeros(len(_NORMAL)) if forecast.quantiles is not None else _NORMAL
    horizon = panel.spec.horizon
    return conformal.apply(forecast, np.tile(offsets, (horizon, 1)), panel.unit(origins))
