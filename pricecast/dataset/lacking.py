"""Bars without open, high and low, or without volume: what they lack, and the features that are left."""

from collections.abc import Collection, Sequence

import pandas as pd

from pricecast.dataset.features import FEATURES, NEEDS, RANGE, VOLUME
from pricecast.schema import RANGE_COLUMNS


def lacking(bars: pd.DataFrame, until: pd.Timestamp) -> dict[str, list[str]]:
    """Return what the bars before a date lack, and the tickers that lack it.

    A range is lacking if any ticker has none, as all tickers share their features; a volume, if all have none.

    Args:
        bars: adjusted bars.
        until: first date that does not count, so that nothing is decided by what models are judged on.

    >>> bars = pd.DataFrame({"ticker": ["A", "B"], "date": pd.Timestamp("2024-06-03"), "volume": [0.0, 5.0]})
    >>> bars = bars.assign(open=1.0, high=[1.0, 2.0], low=1.0, close=1.0)
    >>> lacking(bars, pd.Timestamp("2024-06-04"))
    {'open, high and low': ['A']}
    """
    known = bars[bars["date"] < until]
    has_range = (known["high"] > known["low"]).groupby(known["ticker"], sort=False).any()
    has_volume = (known["volume"] > 0).groupby(known["ticker"], sort=False).any()
    found = {RANGE: [str(ticker) for ticker in has_range.index[~has_range]]}
    found[VOLUME] = [] if has_volume.any() else [str(ticker) for ticker in has_volume.index]
    return {name: tickers for name, tickers in found.items() if tickers}


def left(target: str, lacks: Collection[str]) -> list[str]:
    """Return the names of a target's features that do not need what is lacking.

    >>> left("price", [RANGE])
    ['price_close', 'price_volume']
    """
    gone = {feature for name in lacks for feature in NEEDS[name]}
    return [name for name in FEATURES[target] if name not in gone]


def has(features: Sequence[str], name: str) -> bool:
    """Return True if any of a spec's features needs `RANGE` or `VOLUME`.

    >>> has(["ret_1", "volume_z_20"], RANGE)
    False
    """
    return not set(features).isdisjoint(NEEDS[name])


def of_closes(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars whose open, high and low are the close, so that no model learns from a range that others lack."""
    return bars.assign(**dict.fromkeys(RANGE_COLUMNS, bars["close"]))
