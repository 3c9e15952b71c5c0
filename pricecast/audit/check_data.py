"""The checks of a dataset: its features, spans, windows and scalers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pricecast.audit import checks, protocol, results
from pricecast.audit.checks import ROUNDING, Compute
from pricecast.audit.perturb import GARBAGE, cuts, replaced
from pricecast.audit.results import Check, left_out, tried
from pricecast.audit.violations import Violation, moved
from pricecast.data.adjust import adjust
from pricecast.dataset import features, splits, subsets
from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import targets
from pricecast.schema import SPLITS

DATA = "data"
WAYS = "noise, shuffled, times a million, empty, constant at 1e12"


def computed(dataset: Dataset) -> Compute:
    """Return the dataset's features and the scale, from adjusted bars."""
    names = [*dataset.spec.features, "scale"]
    return lambda bars: features.compute(bars, dataset.spec.target)[names]


def look_at_features(dataset: Dataset, n: int, quick: bool, seed: int = 0) -> Iterator[Check]:
    """Whether the features of some bars know the future or their neighbours.

    Args:
        dataset: a part that is small enough to be computed a hundred times.
        n: how many random cuts, and how many at most of those that matter.
        quick: only what is cut off and what is replaced.
        seed: of cuts and garbage.
    """
    compute, bars = computed(dataset), dataset.bars
    dates = cuts(bars, n, seed)
    names = ", ".join(dataset.spec.tickers)
    where = f"{len(dates)} cuts of {len(bars):,} bars of {names}"
    yield tried(results.PREFIX, DATA, where, lambda: checks.prefix(compute, bars, dates))
    ways = f"{where}: {WAYS}"
    yield tried(results.FUTURE, DATA, ways, lambda: checks.future(compute, bars, dates, GARBAGE, seed))
    if quick:
        return
    yield tried(results.HOLES, DATA, where, lambda: checks.boundary(compute, bars, dates))
    company = _in_company(bars)
    beside = f"{names} alone, and {'beside a made-up ticker' if company is not bars else 'with the others'}: {WAYS}"
    yield tried(results.ISOLATION, DATA, beside, lambda: checks.isolation(compute, company, GARBAGE, seed))
    yield _adjustment(dataset)


def _in_company(bars: pd.DataFrame) -> pd.DataFrame:
    """One ticker alone has nobody to look at, so it gets a neighbour."""
    if bars["ticker"].nunique() > 1:
        return bars
    other = replaced(bars.assign(ticker=f"{bars['ticker'].iloc[0][:20]}-0"), np.ones(len(bars), bool), "scaled")
    return pd.concat([bars, other], ignore_index=True)


def _adjustment(dataset: Dataset) -> Check:
    if dataset.spec.target == "price":
        reason = "price levels move with every later dividend: so it is with the textbook recipe"
        return left_out(results.ADJUSTMENT, DATA, reason)
    compute = computed(dataset)
    raw = subsets.quoted(dataset.bars)
    how = "adj_close of all rows times " + ", ".join(f"{factor:g}" for factor in checks.READJUSTMENTS)
    return tried(
        results.ADJUSTMENT, DATA, how, lambda: checks.adjustment(lambda prices: compute(adjust(prices)), raw)
    )


def look_at_tables(dataset: Dataset) -> Iterator[Check]:
    """Whether the dataset holds what the code makes of its bars, and spans that keep apart."""
    rows = f"all {len(dataset.bars):,} rows"
    yield tried(results.STORED, DATA, f"{rows}, computed again", lambda: _stored(dataset))
    yield tried(results.PURGE, DATA, rows, lambda: _spans(dataset))
    origins = f"all {(dataset.features['split'] != '').sum():,} origins, {dataset.spec.max_lookback} days each"
    yield tried(results.WINDOWS, DATA, origins, lambda: _windows(dataset))
    yield tried(results.SCALERS, DATA, "fitted again on the training rows", lambda: _scalers(dataset))


def _stored(dataset: Dataset) -> list[Violation]:
    again = computed(dataset)(dataset.bars)
    how = "not what the bars give"
    return moved("stored", dataset.features[list(again)], again, dataset.bars, how, tolerance=ROUNDING)


def _spans(dataset: Dataset) -> list[Violation]:
    spec, table = dataset.spec, dataset.features
    bounds = splits.Bounds(pd.Timestamp(spec.valid_start), pd.Timestamp(spec.test_start))
    expected = splits.assign(table, bounds, spec.horizon, dataset.usable)
    how = f"not the spans of {spec.valid_start} and {spec.test_start}"
    others = moved("purge", table[["split"]], expected.to_frame("split"), table, how)
    return [*protocol.spans(table, spec.horizon), *others]


def _windows(dataset: Dataset) -> list[Violation]:
    tickers = dataset.features["ticker"].to_numpy()
    return [
        violation
        for split in SPLITS
        for violation in protocol.windows(tickers, dataset.origins(split), dataset.spec.max_lookback)
    ]


def _scalers(dataset: Dataset) -> list[Violation]:
    spec, table, train = dataset.spec, dataset.features, dataset.origins("train")
    again = fit_scalers(table, spec, train)
    X = table[list(spec.features)].to_numpy()[train]
    y = targets(table, train, spec.horizon, spec.target)
    stored, expected = (np.hstack([made.X.transform(X), made.y.transform(y)]) for made in (dataset.scalers, again))
    names = [*spec.features, *(f"target {step}" for step in range(1, spec.horizon + 1))]
    left, right = (pd.DataFrame(values, columns=names) for values in (stored, expected))
    return moved(
        "scaler", left, right, table.iloc[train], "not scaled as the training rows ask", tolerance=ROUNDING
    )
