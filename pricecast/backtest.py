"""Walk forward: learn from the past of each fold, forecast the fold, calibrate on all forecasts before it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricecast import forecaster, outoffold
from pricecast.dataset import Dataset
from pricecast.forecaster import DEFAULTS, Settings
from pricecast.outoffold import OutOfFold
from pricecast.splits import Fold


def folds(dataset: Dataset, count: int, share: float) -> list[Fold]:
    """Cuts the newest share of the dates into folds of about equal length, each with all of its past behind it."""
    dates = np.sort(dataset.features["date"].unique())
    first = round((1 - share) * len(dates))
    starts = [pd.Timestamp(dates[int(at)]) for at in np.linspace(first, len(dates), count + 1)[:-1]]
    return outoffold.cut(dataset, starts)


def walk_forward(
    name: str, params: dict[str, Any], dataset: Dataset, walked: Sequence[Fold], settings: Settings = DEFAULTS
) -> pd.DataFrame:
    """Forecasts every fold by a model, scalers and calibration that know nothing of it.

    The first fold is calibrated on folds of its own past, each later one on the forecasts of those before it, too.

    Args:
        name: of the model.
        params: of the model.
        dataset: to walk through; its own spans do not matter.
        walked: folds in order, as `folds` makes them.
        settings: how to make the forecasters.

    Returns:
        The forecasts table, in units of the adjusted close.
    """
    past, tables = None, []
    for fold in walked:
        own = dataset.as_of(fold.valid_start, fold.start)
        panel = own.panel()
        fitted = forecaster.fit(name, params, own, settings=settings, past=past)
        tables.append(fitted.table(panel, fold.origins, panel.close[fold.origins]))
        if fitted.past is not None:
            known = fold.origins[panel.ahead[fold.origins] >= own.spec.horizon]
            past = outoffold.join([fitted.past, OutOfFold(known, fitted.model.predict(panel, known))])
    return pd.concat(tables, ignore_index=True)
