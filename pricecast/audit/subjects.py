"""Subjects of the audit: models, and features, fits and forecasters as the plain functions that the checks call."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricecast.audit.checks import Compute
from pricecast.data.adjust import adjust
from pricecast.dataset import features
from pricecast.dataset.checks import has_context
from pricecast.dataset.dataset import Dataset, build
from pricecast.dataset.panel import Panel
from pricecast.dataset.subsets import rebuilt
from pricecast.files import digest_text, digests
from pricecast.forecasting.fitting import fit
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.settings import DEFAULTS, Settings
from pricecast.schema import QUANTILE_COLUMNS


@dataclass(frozen=True, eq=False)
class Subject:
    """Model to audit.

    Attributes:
        label: name in the audit.
        name: name of the model.
        params: hyperparameters of the model.
        settings: how its forecaster is made.
        forecaster: the fitted forecaster; None for a model that is to be fitted here.
    """

    label: str
    name: str
    params: dict[str, Any]
    settings: Settings = DEFAULTS
    forecaster: Forecaster | None = None

    @classmethod
    def of(cls, label: str, forecaster: Forecaster) -> "Subject":
        """Return the subject of a fitted forecaster."""
        return cls(label, forecaster.name, forecaster.params, forecaster.settings, forecaster)


def recipe(target: str) -> Compute:
    """Return the function that computes a target's features and the scale from a prices table."""
    names = [*features.FEATURES[target], "scale"]
    return lambda prices: features.compute(adjust(prices), target)[names]


def fitting(name: str, params: dict[str, Any], **spans: Any) -> Callable[[pd.DataFrame], str]:
    """Return the function that fits everything on prices and returns its digest (see `digest`).

    Args:
        name: name of the model.
        params: hyperparameters of the model.
        spans: arguments of `dataset.build`.
    """
    return lambda prices: digest(fit(name, params, build(prices, **spans)))


def refitting(
    name: str, params: dict[str, Any], settings: Settings, dataset: Dataset
) -> Callable[[pd.DataFrame], str]:
    """Return the function of `fitting` that takes adjusted bars, under the spec of a dataset."""
    return lambda bars: digest(fit(name, params, rebuilt(dataset, bars), settings=settings))


def digest(forecaster: Forecaster) -> str:
    """Return the SHA-256 of the files of a forecaster: scalers, model, calibration, losses."""
    with tempfile.TemporaryDirectory() as folder:
        files = digests(forecaster.save(Path(folder) / "forecaster"))
    return digest_text(json.dumps(files, sort_keys=True))


def forecasting(forecaster: Forecaster, since: pd.Timestamp | None = None) -> Compute:
    """Return the function from prices to a fixed forecaster's quantiles of log returns.

    Rows that are no origins are NaN.

    Args:
        forecaster: fitted forecaster.
        since: first date to forecast from, None for all.
    """
    spec, scalers = forecaster.spec, forecaster.scalers

    def compute(prices: pd.DataFrame) -> pd.DataFrame:
        bars = adjust(prices)
        table = features.compute(bars, spec.target)
        panel = Panel.build(bars, table, spec, scalers.X, scalers.y)
        usable = has_context(table, spec.features, spec.max_lookback)
        origins = np.flatnonzero(usable if since is None else usable & (table["date"] >= since))
        names = [f"{name}_h{step}" for step in range(1, spec.horizon + 1) for name in QUANTILE_COLUMNS]
        values = np.full((len(prices), len(names)), np.nan)
        if len(origins):
            values[origins] = forecaster.quantiles(panel, origins).reshape(len(origins), -1)
        return pd.DataFrame(values, columns=names)

    return compute
