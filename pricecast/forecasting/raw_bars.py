"""Raw bars as a forecaster is sent them: the columns that it needs, and their cleaning."""

import numpy as np
import pandas as pd

from pricecast.data import quality
from pricecast.dataset import features
from pricecast.dataset.lacking import has
from pricecast.dataset.spec import Spec
from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.schema import PRICES, RANGE_COLUMNS
from pricecast.table_checks import require
from pricecast.text import listed

_NEVER = pd.Timestamp(YEARS[1] + 1, 1, 31)  # after every date that is taken


def columns_of(spec: Spec) -> list[str]:
    """Return the columns of raw bars that a forecaster trained on a dataset needs."""
    lacks = {*RANGE_COLUMNS} if not has(spec.features, features.RANGE) else set()
    lacks |= set() if has(spec.features, features.VOLUME) else {"volume"}
    return [name for name in PRICES if name not in lacks | {"adj_close"}]


def clean(raw: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Clean raw bars as the download does; what may lack, and does, is NaN before.

    Raises:
        InputError: columns that training had are missing, or the bars are broken beyond repair.
    """
    raw = _without_index(raw)
    needed = columns_of(spec)
    _require(raw, needed)
    absent = [name for name in PRICES if name not in raw.columns]
    # A forecaster has no clock: the last bar is the cutoff, whenever it is.
    prices, report = quality.clean(
        raw.assign(**dict.fromkeys(absent, np.nan)), as_of=_NEVER, strict=False, allow_splits=spec.allow_splits
    )
    quality.warn(report)
    for finding in report["findings"]:
        if finding["kind"] == "close_only" and "open" in needed:
            raise InputError(
                f"expected open, high and low of {listed(finding['tickers'])}, as in training, got none: add them, "
                "or train on bars without them"
            )
    return prices


def _without_index(raw: pd.DataFrame) -> pd.DataFrame:
    """Return bars with date and ticker as columns, where they stand in the index."""
    inside = [name for name in ("date", "ticker") if name in raw.index.names and name not in raw.columns]
    return raw.reset_index(inside) if inside else raw


def _require(raw: pd.DataFrame, needed: list[str]) -> None:
    """Refuse bars without a column; say so, if training could have done without."""
    missing = [name for name in needed if name not in raw.columns]
    if missing and not {"date", "ticker", "close"} & {*missing}:
        raise InputError(
            f"expected the columns {', '.join(needed)}, as in training, missing: {', '.join(missing)}: add them, "
            "or train on bars without them"
        )
    require(raw, needed, "the bars")
