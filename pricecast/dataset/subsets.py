"""Small parts of a dataset, and datasets of other bars under the same spec."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pricecast import defaults
from pricecast.dataset import features, splits
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.spec import Spec

# Dates after the end of a fit, where its calibration goes on.
AFTER = 120


def rebuilt(dataset: Dataset, bars: pd.DataFrame) -> Dataset:
    """Return the dataset of other bars under the same spec, with features, spans and scalers computed anew."""
    bounds = (pd.Timestamp(day) for day in (dataset.spec.valid_start, dataset.spec.test_start))
    return unspanned(dataset, bars).as_of(*bounds)


def unspanned(dataset: Dataset, bars: pd.DataFrame) -> Dataset:
    """Return the dataset of other bars under the same spec and scalers, without spans: they may lie in one."""
    table = features.compute(bars, dataset.spec.target)
    table = table[["date", "ticker", *dataset.spec.features, "close", "scale"]].assign(split="")
    return replace(dataset, bars=bars, features=table)


def prices(bars: pd.DataFrame) -> pd.DataFrame:
    """Return adjusted bars as a prices table in units of the adjusted close; `adjust` leaves it as it is."""
    return bars.drop(columns="quote").assign(adj_close=bars["close"])


def quoted(bars: pd.DataFrame) -> pd.DataFrame:
    """Return adjusted bars as the prices table that they were made of, but for rounding."""
    factor = bars["quote"] / bars["close"]
    names = ["open", "high", "low", "close"]
    raw = bars.drop(columns="quote").assign(adj_close=bars["close"], volume=bars["volume"] / factor)
    return raw.assign(**{name: bars[name] * factor for name in names})


def length(spec: Spec) -> int:
    """Return the bars per ticker that a fit, its calibration and a forecast need, with some to spare."""
    return 700 + round(1.25 * (spec.warmup + spec.max_lookback + spec.horizon))


def fullest(dataset: Dataset, count: int, bars: int) -> list[str]:
    """Return the `count` tickers with the most bars on the newest `bars` dates, sorted by name."""
    dates = np.sort(dataset.bars["date"].unique())
    recent = dataset.bars[dataset.bars["date"] >= dates[-min(bars, len(dates))]]
    counts = recent.groupby("ticker").size().sort_index().sort_values(ascending=False, kind="stable")
    return sorted(map(str, counts.index[:count]))


def part(dataset: Dataset, tickers: Sequence[str], bars: int) -> Dataset:
    """Return the newest `bars` dates of some tickers as a dataset with spans of its own.

    A part that would be the whole dataset is the dataset itself, with its spans.
    """
    chosen = dataset.bars[dataset.bars["ticker"].isin(tickers)]
    dates = np.sort(chosen["date"].unique())
    chosen = chosen[chosen["date"] >= dates[-min(bars, len(dates))]]
    if len(chosen) == len(dataset.bars):
        return dataset
    bounds = splits.bounds_by_share(chosen["date"], defaults.VALID_SIZE, defaults.TEST_SIZE)
    spec = replace(dataset.spec, tickers=tuple(tickers), dropped={}, **bounds.texts())
    return rebuilt(replace(dataset, spec=spec), chosen.reset_index(drop=True))


def newest(dataset: Dataset, tickers: Sequence[str], bars: int) -> Dataset:
    """Return the newest `bars` bars of each of some tickers as a dataset without spans."""
    chosen = dataset.bars[dataset.bars["ticker"].isin(tickers)]
    chosen = chosen.groupby("ticker", sort=False).tail(bars).reset_index(drop=True)
    spec = replace(dataset.spec, tickers=tuple(tickers))
    return unspanned(replace(dataset, spec=spec), chosen)


def around(dataset: Dataset, tickers: Sequence[str], last_fit: str, bars: int, whole: bool) -> pd.DataFrame:
    """Return the bars of some tickers around the end of a fit.

    Args:
        dataset: with the bars.
        tickers: to take.
        last_fit: date of the last close that the fit has seen; up to `AFTER` dates after it are taken.
        bars: number of dates in all.
        whole: take all dates before the fit's end, however many.
    """
    chosen = dataset.bars[dataset.bars["ticker"].isin(tickers)]
    dates = pd.DatetimeIndex(np.sort(chosen["date"].unique()))
    end = min(len(dates), int(dates.searchsorted(pd.Timestamp(last_fit))) + AFTER)
    first = dates[0] if whole else dates[max(0, end - bars)]
    return chosen[chosen["date"].between(first, dates[end - 1])].reset_index(drop=True)
