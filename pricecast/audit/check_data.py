"""Checks of a dataset: its features, spans, windows and scalers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pricecast.audit import checks, protocol, results
from pricecast.audit.checks import ROUNDING, Compute
from pricecast.audit.perturb import GARBAGE, cuts, replace_rows
from pricecast.audit.results import Check, left_out, run_check
from pricecast.audit.violations import Violation, compare_tables
from pricecast.data.adjust import adjust
from pricecast.dataset import features, splits, subsets
from pricecast.dataset.dataset import Dataset, fit_scalers
from pricecast.dataset.panel import targets
from pricecast.schema import SPLITS

DATA = "data"
# Features of returns are around one. Where a series hardly moves, rounding is divided by next to nothing, and moves
# them by a hundredth of this.
LEAST = 1e-6
WAYS = "noise, shuffled, times a million, empty, constant at 1e12"


def computed(dataset: Dataset) -> Compute:
    """Return the function that computes the dataset's features and the scale from adjusted bars."""
    names = [*dataset.spec.features, "scale"]
    return lambda bars: features.compute(bars, dataset.spec.target)[names]


def feature_checks(dataset: Dataset, n: int, quick: bool, seed: int = 0) -> Iterator[Check]:
    """Check that features depend on no later bar, and on no other ticker.

    Args:
        dataset: a part that is small enough to be computed a hundred times.
        n: number of random cuts, and the most of those at which something happens.
        quick: whether to check only bars that are cut off and bars that are replaced.
        seed: seed of cuts and garbage.
    """
    compute, bars = computed(dataset), dataset.bars
    dates = cuts(bars, n, seed)
    names = ", ".join(dataset.spec.tickers)
    where = f"{len(dates)} cuts of {len(bars):,} bars of {names}"
    yield run_check(results.PREFIX, DATA, where, lambda: checks.prefix(compute, bars, dates))
    ways = f"{where}: {WAYS}"
    yield run_check(results.FUTURE, DATA, ways, lambda: checks.future(compute, bars, dates, GARBAGE, seed))
    if quick:
        return
    yield run_check(results.HOLES, DATA, where, lambda: checks.boundary(compute, bars, dates))
    neighbours = _with_neighbour(bars)
    beside = (
        f"{names} alone, and {'beside a made-up ticker' if neighbours is not bars else 'with the others'}: {WAYS}"
    )
    yield run_check(results.ISOLATION, DATA, beside, lambda: checks.isolation(compute, neighbours, GARBAGE, seed))
    yield _adjustment(dataset)


def _with_neighbour(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the bars, with a made-up ticker where there is only one: it alone has no other to depend on."""
    if bars["ticker"].nunique() > 1:
        return bars
    other = replace_rows(bars.assign(ticker=f"{bars['ticker'].iloc[0][:20]}-0"), np.ones(len(bars), bool), "scaled")
    return pd.concat([bars, other], ignore_index=True)


def _adjustment(dataset: Dataset) -> Check:
    if dataset.spec.target == "price":
        reason = "price levels move with every later dividend: so it is with the textbook recipe"
        return left_out(results.ADJUSTMENT, DATA, reason)
    compute = computed(dataset)
    raw = subsets.quoted(dataset.bars)
    how = "adj_close of all rows times " + ", ".join(f"{factor:g}" for factor in checks.READJUSTMENTS)
    return run_check(
        results.ADJUSTMENT, DATA, how, lambda: checks.adjustment(lambda prices: compute(adjust(prices)), raw, LEAST)
    )


def table_checks(dataset: Dataset) -> Iterator[Check]:
    """Check that the dataset holds what the code makes of its bars, and spans that do not overlap."""
    rows = f"all {len(dataset.bars):,} rows"
    yield run_check(results.STORED, DATA, f"{rows}, computed again", lambda: _stored(dataset))
    yield run_check(results.PURGE, DATA, rows, lambda: _spans(dataset))
    origins = f"all {(dataset.features['split'] != '').sum():,} origins, {dataset.spec.max_lookback} days each"
    yield run_check(results.WINDOWS, DATA, origins, lambda: _windows(dataset))
    yield run_check(results.SCALERS, DATA, "fitted again on the training rows", lambda: _scalers(dataset))


def _stored(dataset: Dataset) -> list[Violation]:
    again = computed(dataset)(dataset.bars)
    how = "not what the bars give"
    return compare_tables("stored", dataset.features[list(again)], again, dataset.bars, how, tolerance=ROUNDING)


def _spans(dataset: Dataset) -> list[Violation]:
    spec, table = dataset.spec, dataset.features
    bounds = splits.Bounds(pd.Timestamp(spec.valid_start), pd.Timestamp(spec.test_start))
    expected = splits.assign(table, bounds, spec.horizon, dataset.usable)
    how = f"not the spans of {spec.valid_start} and {spec.test_start}"
    others = compare_tables("purge", table[["split"]], expected.to_frame("split"), table, how)
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
    stored, expected = (
        np.hstack([scalers.X.transform(X), scalers.y.transform(y)]) for scalers in (dataset.scalers, again)
    )
    names = [*spec.features, *(f"target {step}" for step in range(1, spec.horizon + 1))]
    left, right = (pd.DataFrame(values, columns=names) for values in (stored, expected))
    return compare_tables(
        "scaler", left, right, table.iloc[train], "not scaled as the training rows ask", tolerance=ROUNDING
    )
