"""Checks of any function from bars to a table of the same rows: features, or a fixed model's forecasts."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from pricecast.audit.perturb import GARBAGE, RANDOM_CUTS, VALID_GARBAGE, cuts, numeric_columns, plain, replace_rows
from pricecast.audit.violations import Violation, compare_tables, day
from pricecast.errors import InputError

# From bars (date, ticker and numbers; sorted by ticker and date) to a table of the same rows in the same order.
Compute = Callable[[pd.DataFrame], pd.DataFrame]

TICKERS = 8
READJUSTMENTS = (0.5, 20.0, 0.987)  # a split, a reverse split, a dividend
ROUNDING = 1e-9
# A factor so near one that a level moves by less than the tolerance, and what is left is other rounding; how much
# further than with it a column may move.
NEAR_ONE, MARGIN = 1 + 1e-13, 10
_EXACT: Mapping[str, float] = MappingProxyType({})


def features(compute: Compute, bars: pd.DataFrame, n: int = RANDOM_CUTS, seed: int = 0) -> list[Violation]:
    """Run every check on the columns of a feature table: `prefix`, `boundary`, `future` and `isolation`.

    Args:
        compute: function that computes the table; it may not change the rows or their order.
        bars: date, ticker and numbers, sorted by ticker and date.
        n: number of random cuts, and the most of those at which something happens.
        seed: seed of cuts and garbage.

    Raises:
        InputError: the table has other rows than the bars.
    """
    dates = cuts(bars, n, seed)
    return [
        *prefix(compute, bars, dates),
        *boundary(compute, bars, dates),
        *future(compute, bars, dates, GARBAGE, seed),
        *isolation(compute, bars, GARBAGE, seed),
    ]


def forecasts(
    compute: Compute, prices: pd.DataFrame, n: int = RANDOM_CUTS, seed: int = 0, across: bool = False
) -> list[Violation]:
    """Run `prefix`, `future` and `isolation` on the forecasts of a fixed model.

    A model may refuse broken bars, so all garbage is valid here.

    Args:
        compute: function that returns the forecasts of each origin in its row, NaN where there is none.
        prices: prices table, sorted by ticker and date.
        n: number of random cuts, and the most of those at which something happens.
        seed: seed of cuts and garbage.
        across: whether the model may depend on the past of other tickers; then isolation is not checked.
    """
    dates = cuts(prices, n, seed)
    return [
        *prefix(compute, prices, dates),
        *future(compute, prices, dates, VALID_GARBAGE, seed),
        *([] if across else isolation(compute, prices, VALID_GARBAGE, seed)),
    ]


def prefix(compute: Compute, bars: pd.DataFrame, dates: Sequence[pd.Timestamp]) -> list[Violation]:
    """Drop all rows after each cut, of all tickers at once: the values left have the same bits."""
    bars = plain(bars)
    whole = _whole(compute, bars)
    violations: list[Violation] = []
    for cut in dates:
        known = _known(bars, cut)
        violations += _watch("prefix", compute, whole, bars, known, bars[known], "later rows dropped", cut)
    return violations


def boundary(compute: Compute, bars: pd.DataFrame, dates: Sequence[pd.Timestamp]) -> list[Violation]:
    """Check as `prefix` does, with the last two rows of every ticker before each cut empty.

    A gap is filled from behind only where there is one: on whole bars `bfill` and `interpolate` do nothing.
    """
    bars = plain(bars)
    columns = numeric_columns(bars)
    violations: list[Violation] = []
    for i, cut in enumerate(dates):
        known = _known(bars, cut)
        recent = bars[known].groupby("ticker", sort=False).tail(2).index
        # All columns together, then one alone, each in its turn: others may decide what is filled.
        for names in (columns, columns[i % len(columns) :][:1]):
            broken = bars.copy()
            broken.loc[recent, names] = np.nan
            how = f"later rows dropped, {', '.join(names)} missing right before"
            whole, failed = _run(compute, broken, how, cut)
            violations += failed
            if whole is not None:
                violations += _watch("boundary", compute, whole, broken, known, broken[known], how, cut)
    return violations


def future(
    compute: Compute, bars: pd.DataFrame, dates: Sequence[pd.Timestamp], ways: Sequence[str], seed: int = 0
) -> list[Violation]:
    """Replace all rows after each cut: no value at or before it moves."""
    bars = plain(bars)
    whole = _whole(compute, bars)
    violations: list[Violation] = []
    for cut in dates:
        known = _known(bars, cut)
        for way in ways:
            changed = replace_rows(bars, ~known, way, seed)
            violations += _watch("future", compute, whole, bars, known, changed, f"later rows {way}", cut)
    return violations


def isolation(compute: Compute, bars: pd.DataFrame, ways: Sequence[str], seed: int = 0) -> list[Violation]:
    """Compute a ticker alone, and beside others full of garbage: its values have the same bits."""
    bars = plain(bars)
    whole = _whole(compute, bars)
    tickers = bars["ticker"].unique()
    violations: list[Violation] = []
    for ticker in np.random.default_rng(seed).permutation(tickers)[: TICKERS if len(tickers) > 1 else 0]:
        rows = (bars["ticker"] == ticker).to_numpy()
        violations += _watch("isolation", compute, whole, bars, rows, bars[rows], "without other tickers")
        for way in ways:
            changed = replace_rows(bars, ~rows, way, seed)
            violations += _watch("isolation", compute, whole, bars, rows, changed, f"other tickers {way}")
    return violations


def adjustment(compute: Compute, prices: pd.DataFrame, least: float = 0.0) -> list[Violation]:
    """Rescale `adj_close` of all rows, as a source does after a later split or dividend.

    Columns that stand for returns, ratios or volatilities stay within rounding; price levels cannot. How far
    rounding moves a column depends on the bars: a ratio of moves next to nothing is made of little else.

    Args:
        compute: function of a prices table that adjusts it first.
        prices: prices table with `adj_close`.
        least: smallest move that counts, where all columns have a known size.
    """
    prices = plain(prices)
    whole, every = _whole(compute, prices), np.ones(len(prices), bool)
    slack = dict.fromkeys(whole.columns, least) | _moved_by_rounding(compute, prices, least)
    violations: list[Violation] = []
    for factor in READJUSTMENTS:
        changed = _rescaled(prices, factor)
        how = f"adj_close times {factor:g}, as after a later split or dividend"
        violations += _watch("adjustment", compute, whole, prices, every, changed, how, None, ROUNDING, slack)
    return violations


def _moved_by_rounding(compute: Compute, prices: pd.DataFrame, least: float) -> dict[str, float]:
    """Return by name how far each column may move, `least` or more, because prices are rounded otherwise."""
    slack: dict[str, float] = {}
    for factor in READJUSTMENTS:
        table, _ = _run(compute, _rescaled(prices, factor), "rescaled", None)
        again, _ = _run(compute, _rescaled(prices, factor * NEAR_ONE), "rounded otherwise", None)
        if table is None or again is None:
            continue
        for name in table.columns.intersection(numeric_columns(again)):
            step = np.abs(table[name].to_numpy(float) - again[name].to_numpy(float))
            largest = float(step.max(initial=0.0, where=np.isfinite(step)))
            slack[name] = max(slack.get(name, least), MARGIN * largest)
    return slack


def _rescaled(prices: pd.DataFrame, factor: float) -> pd.DataFrame:
    return prices.assign(adj_close=prices["adj_close"] * factor)


def _watch(
    check: str,
    compute: Compute,
    whole: pd.DataFrame,
    bars: pd.DataFrame,
    kept: np.ndarray,
    changed: pd.DataFrame,
    how: str,
    cut: pd.Timestamp | None = None,
    tolerance: float = 0.0,
    slack: Mapping[str, float] = _EXACT,
) -> list[Violation]:
    """Compute on changed bars, either all rows or the kept ones alone, and compare the kept rows."""
    table, failed = _run(compute, changed, how, cut)
    if table is None:
        return failed
    if len(table) == len(bars):
        table = table[kept]
    return compare_tables(check, table, whole[kept], bars[kept], how, cut, tolerance, slack)


def _whole(compute: Compute, bars: pd.DataFrame) -> pd.DataFrame:
    table = compute(bars.copy())
    if len(table) != len(bars):
        raise InputError(
            f"expected a table with the {len(bars)} rows of the bars, got {len(table)}: keep every row, empty "
            "where the past is too short"
        )
    return table


def _run(
    compute: Compute, bars: pd.DataFrame, how: str, cut: pd.Timestamp | None
) -> tuple[pd.DataFrame | None, list[Violation]]:
    """Compute on changed bars; a failure there becomes a violation."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            table = compute(bars.reset_index(drop=True))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        if len(table) == len(bars):
            return table, []
        reason = f"{len(table)} rows out of {len(bars)}"
    return None, [Violation("computes", "(all)", cut=day(cut), how=f"{how}: {reason}")]


def _known(bars: pd.DataFrame, cut: pd.Timestamp) -> np.ndarray:
    return (bars["date"] <= cut).to_numpy()
