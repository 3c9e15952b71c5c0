"""Parts of a bundle besides the forecaster: code, signature, example and requirements."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType

from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.raw_bars import columns_of
from pricecast.schema import PRICE_COLUMNS, QUANTILE_COLUMNS

_ROOT = Path(__file__).resolve().parent.parent
# The model file first, then the packages that it imports.
CODE = [_ROOT / "serving" / "model.py", _ROOT / "pricecast"]
_CORE = (
    "mlflow", "numpy", "pandas", "polars", "pyarrow", "scipy", "scikit-learn", "skops", "exchange_calendars",
)  # fmt: skip
# Of the example, which is there to be looked at: a hundred tickers of two years.
_MOST_ROWS = 50_000

SIGNATURE = ModelSignature(
    # Of any type, and none required: MLflow would refuse whole numbers, categories, time zones and what is in the
    # index, and would guess at 05/03/2024. The forecaster takes what it understands, and names what is missing.
    inputs=Schema([
        ColSpec(AnyType(), name, required=False)
        for name in ("date", "ticker", *PRICE_COLUMNS, "volume", "adj_close")
    ]),
    outputs=Schema([
        ColSpec(DataType.string, "ticker"),
        ColSpec(DataType.datetime, "cutoff"),
        ColSpec(DataType.long, "horizon"),
        ColSpec(DataType.datetime, "date"),
        ColSpec(DataType.string, "model"),
        *(ColSpec(DataType.double, name) for name in ("last_close", "forecast", *QUANTILE_COLUMNS)),
    ]),
)  # fmt: skip


def example(forecaster: Forecaster, dataset: Dataset) -> pd.DataFrame | None:
    """Return the bars of a forecast for the ticker with the longest history, all bars for a model across tickers.

    None where they are too few for a forecast or too many to be looked at.
    """
    bars = dataset.bars
    if not forecaster.about.across:
        bars = bars[bars["ticker"] == bars["ticker"].value_counts().idxmax()]
    needed = forecaster.context.needed(bars)[columns_of(forecaster.spec)]
    return needed.reset_index(drop=True) if 0 < len(needed) <= _MOST_ROWS else None


def requirements(forecaster: Forecaster) -> list[str]:
    """Return exact pins of what the bundle imports, without local build tags such as +cpu, which no index has."""
    parts = models.parts(forecaster.name, forecaster.params)
    needed = dict.fromkeys([*_CORE, *(package for name in parts for package in models.about(name).requires)])
    return [f"{name}=={version(name).partition('+')[0]}" for name in needed]
