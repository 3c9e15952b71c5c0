"""A check of the spans of a flow against the dates of its bars, before its run is opened."""

from typing import Any

import pandas as pd

from flow_steps.pipeline.chain import Planned
from flow_steps.runs import artifacts
from pricecast.dataset.dataset import bounds
from pricecast.files import read_parquet


def check(download: Planned, params: dict[str, Any]) -> None:
    """Refuse spans that the bars do not have; those of a live source come later.

    Raises:
        InputError: the bounds lie outside the dates, or leave nothing to train on.
    """
    if download.reused:
        prices = read_parquet(artifacts.fetch(f"runs:/{download.reused}/prices.parquet"))
    elif download.prepared:
        _, prices, _ = download.prepared
    else:
        return
    starts = (pd.Timestamp(params[name]) if params[name] else None for name in ("valid_start", "test_start"))
    bounds(prices["date"], params["valid_size"], params["test_size"], *starts)
