"""Bars of the benchmarks: those of a file, or the embedded sample."""

from pathlib import Path

import pandas as pd

from pricecast.data import sources
from pricecast.data.quality import clean
from pricecast.data.sources import Request

# After every bar of any file: none of them is unfinished.
AS_OF = pd.Timestamp("2199-12-31")


def bars(path: str) -> pd.DataFrame:
    """Return the bars of a csv or parquet file as they are, or of the sample where the path is empty."""
    if path and not Path(path).exists():
        raise SystemExit(f"expected a file of bars, got {path}: it is not there")
    tickers = () if path else ("AAPL", "GOOG", "IBM", "MSFT")
    return sources.load(Request("csv" if path else "sample", tickers, None, None, path, AS_OF, 0))


def prices(path: str) -> pd.DataFrame:
    """Return the clean prices of a csv or parquet file, or of the sample where the path is empty."""
    return clean(bars(path), as_of=AS_OF, strict=False, allow_splits=True)[0]
