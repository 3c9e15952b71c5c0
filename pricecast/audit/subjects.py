"""What the guard watches, as the plain functions that it calls: our features, a fit, a fitted forecaster."""

import json
import tempfile
from collections.abc import Callable
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
from pricecast.forecasting.settings import Settings
from pricecast.schema import QUANTILE_COLUMNS


def recipe(target: str) -> Compute:
    """Return the features of a target's recipe and the scale, from a prices table."""
    names = [*features.FEATURES[target], "scale"]
    return lambda prices: features.compute(adjust(prices), target)[names]


def fitting(name: str, params: dict[str, Any], **spans: Any) -> Callable[[pd.DataFrame], str]:
    """Return a digest of everything that is fitted on prices: scalers, model, calibration, losses.

    Args:
        name: of the model.
        params: of the model.
        spans: of `dataset.build`.
    """
    return lambda prices: digest(fit(name, params, build(prices, **spans)))


def refitting(
    name: str, params: dict[str, Any], settings: Settings, dataset: Dataset
) -> Callable[[pd.DataFrame], str]:
    """Return the same from adjusted bars, under the spec of a dataset."""
    return lambda bars: digest(fit(name, params, rebuilt(dataset, bars), settings=settings))


def digest(forecaster: Forecaster) -> str:
    """SHA-256 over every byte that a forecaster would be kept as."""
    with tempfile.TemporaryDirectory() as folder:
        files = digests(forecaster.save(Path(folder) / "forecaster"))
    return digest_text(json.dumps(files, sort_keys=True))


def forecasting(forecaster: Forecaster, since: pd.Timestamp | None = None) -> Compute:
    """Return a fixed forecaster's quantiles of log returns beside each origin of a prices table, NaN elsewhere.

    Args:
        forecaster: fitted.
        since: the first date to forecast from, None for all.
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
