"""Parts of a dataset that are small enough to be tried many times, and datasets of other bars."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pricecast import defaults
from pricecast.dataset import features, splits
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.spec import Spec

# Dates behind the end of a fit, where its calibration goes on.
AFTER = 120


def rebuilt(dataset: Dataset, bars: pd.DataFrame) -> Dataset:
    """Return the dataset of other bars under the same spec: features, spans and scalers made anew."""
    bounds = (pd.Timestamp(day) for day in (dataset.spec.valid_start, dataset.spec.test_start))
    return unspanned(dataset, bars).as_of(*bounds)


def unspanned(dataset: Dataset, bars: pd.DataFrame) -> Dataset:
    """Return the same without spans, for bars that may lie in one of them, and with the scalers as they are."""
    table = features.compute(bars, dataset.spec.target)
    table = table[["date", "ticker", *dataset.spec.features, "close", "scale"]].assign(split="")
    return replace(dataset, bars=bars, features=table)


def prices(bars: pd.DataFrame) -> pd.DataFrame:
    """Adjusted bars as a prices table, in units of the adjusted close: to adjust it again changes no bit."""
    return bars.drop(columns="quote").assign(adj_close=bars["close"])


def quoted(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the prices table as it was before its adjustment, but for rounding."""
    factor = bars["quote"] / bars["close"]
    names = ["open", "high", "low", "close"]
    raw = bars.drop(columns="quote").assign(adj_close=bars["close"], volume=bars["volume"] / factor)
    return raw.assign(**{name: bars[name] * factor for name in names})


def length(spec: Spec) -> int:
    """Bars a ticker that a fit, its calibration and a forecast from its last bars need, with room to spare."""
    return 700 + round(1.25 * (spec.warmup + spec.max_lookback + spec.horizon))


def fullest(dataset: Dataset, count: int, bars: int) -> list[str]:
    """Return the tickers with the most of the newest bars."""
    dates = np.sort(dataset.bars["date"].unique())
    recent = dataset.bars[dataset.bars["date"] >= dates[-min(bars, len(dates))]]
    counts = recent.groupby("ticker").size().sort_index().sort_values(ascending=False, kind="stable")
    return sorted(map(str, counts.index[:count]))


def part(dataset: Dataset, tickers: Sequence[str], bars: int) -> Dataset:
    """Return the newest bars of some tickers as a dataset with spans of its own; all of them keep theirs."""
    own = dataset.bars[dataset.bars["ticker"].isin(tickers)]
    dates = np.sort(own["date"].unique())
    own = own[own["date"] >= dates[-min(bars, len(dates))]]
    if len(own) == len(dataset.bars):
        return dataset
    bounds = splits.bounds_by_share(own["date"], defaults.VALID_SIZE, defaults.TEST_SIZE)
    spec = replace(dataset.spec, tickers=tuple(tickers), dropped={}, **bounds.texts())
    return rebuilt(replace(dataset, spec=spec), own.reset_index(drop=True))


def newest(dataset: Dataset, tickers: Sequence[str], bars: int) -> Dataset:
    """Return the newest bars of some tickers, too few perhaps for spans."""
    own = dataset.bars[dataset.bars["ticker"].isin(tickers)]
    own = own.groupby("ticker", sort=False).tail(bars).reset_index(drop=True)
    spec = replace(dataset.spec, tickers=tuple(tickers))
    return unspanned(replace(dataset, spec=spec), own)


def around(dataset: Dataset, tickers: Sequence[str], last_fit: str, bars: int, whole: bool) -> pd.DataFrame:
    """Return the bars of some tickers around the end of a fit: some behind it, the most before it, or all of those."""
    own = dataset.bars[dataset.bars["ticker"].isin(tickers)]
    dates = pd.DatetimeIndex(np.sort(own["date"].unique()))
    end = min(len(dates), int(dates.searchsorted(pd.Timestamp(last_fit))) + AFTER)
    first = dates[0] if whole else dates[max(0, end - bars)]
    return own[own["date"].between(first, dates[end - 1])].reset_index(drop=True)
