"""The leak guard: does a value at some close depend on anything that came later, or on another ticker?

Every check takes a function and watches it from outside: it is run on the bars as they are and on bars whose
future is missing or replaced, and whatever moves at or before the cut has looked ahead. No check raises for a leak;
all return what they found.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricecast.errors import InputError

# From bars (date, ticker and numbers; sorted by ticker and date) to a table of the same rows in the same order.
Compute = Callable[[pd.DataFrame], pd.DataFrame]

# How rows are replaced; the first three leave valid bars.
VALID_GARBAGE = ("scaled", "permuted", "huge")
GARBAGE = (*VALID_GARBAGE, "missing", "constant")
RANDOM_CUTS = 8
TICKERS = 8
READJUSTMENTS = (0.5, 20.0, 0.987)  # a split, a reverse split, a dividend
ROUNDING = 1e-9


@dataclass(frozen=True)
class Violation:
    """One column that knows what it cannot know.

    Attributes:
        check: which check found it; `computes` if the function failed on the changed bars, so that it says nothing.
        column: the column that moved.
        ticker: of the first row that moved.
        date: of that row.
        cut: the last date that was left alone, where there is one.
        size: the largest move relative to the column's largest value; infinite where a value came or went.
        how: what was done, and how many rows it moved.
    """

    check: str
    column: str
    ticker: str = ""
    date: str = ""
    cut: str = ""
    size: float = float("inf")
    how: str = ""

    def __str__(self) -> str:
        where = f" of {self.ticker} on {self.date}" if self.ticker else ""
        since = f" (known until {self.cut})" if self.cut else ""
        return f"{self.check}: {self.column}{where} moves by {self.size:.2g}{since}: {self.how}"


def features(compute: Compute, bars: pd.DataFrame, n: int = RANDOM_CUTS, seed: int = 0) -> list[Violation]:
    """Runs every check on the columns of a feature table: `prefix`, `boundary`, `future` and `isolation`.

    Args:
        compute: computes the table; it may not change its rows or their order.
        bars: date, ticker and numbers, sorted by ticker and date.
        n: how many random cuts, and how many at most of those that matter.
        seed: of the cuts and of the garbage.

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


def forecasts(compute: Compute, prices: pd.DataFrame, n: int = RANDOM_CUTS, seed: int = 0) -> list[Violation]:
    """The same for a fixed model: `compute` lays its forecasts beside their origins, NaN where there is none.

    A model may refuse broken bars, so all garbage is valid here.
    """
    dates = cuts(prices, n, seed)
    return [
        *prefix(compute, prices, dates),
        *future(compute, prices, dates, VALID_GARBAGE, seed),
        *isolation(compute, prices, VALID_GARBAGE, seed),
    ]


def cuts(bars: pd.DataFrame, n: int = RANDOM_CUTS, seed: int = 0) -> list[pd.Timestamp]:
    """Random dates, and up to as many at which something happens; never the last one, behind which nothing comes.

    Something happens where a ticker starts or ends, and right before its largest move.
    """
    rng = np.random.default_rng(seed)
    dates = pd.DatetimeIndex(np.sort(bars["date"].unique()))
    position = {date: i for i, date in enumerate(dates)}
    special: set[int] = set()
    for _, own in bars.groupby("ticker", sort=False):
        largest = int(own["close"].pct_change(fill_method=None).abs().fillna(0.0).to_numpy().argmax())
        rows = (0, 1, largest - 1, len(own) - 2, len(own) - 1)
        special |= {position[own["date"].iloc[row]] for row in rows if 0 <= row < len(own)}
    usable = np.arange(len(dates) - 1)
    events = np.intersect1d(usable, sorted(special))
    chosen = {
        *rng.choice(usable, min(n, len(usable)), replace=False).tolist(),
        *rng.choice(events, min(n, len(events)), replace=False).tolist(),
    }
    return [dates[i] for i in sorted(chosen)]


def prefix(compute: Compute, bars: pd.DataFrame, dates: Sequence[pd.Timestamp]) -> list[Violation]:
    """Drops all rows after each cut, of all tickers at once: what is left has the same bits."""
    bars = _plain(bars)
    whole = _whole(compute, bars)
    found: list[Violation] = []
    for cut in dates:
        known = _known(bars, cut)
        found += _watch("prefix", compute, whole, bars, known, bars[known], "later rows dropped", cut)
    return found


def boundary(compute: Compute, bars: pd.DataFrame, dates: Sequence[pd.Timestamp]) -> list[Violation]:
    """The same with nothing known of the last two rows of every ticker before each cut.

    A gap is filled from behind only where there is one: on whole bars `bfill` and `interpolate` do nothing.
    """
    bars = _plain(bars)
    columns = _numbers(bars)
    found: list[Violation] = []
    for i, cut in enumerate(dates):
        known = _known(bars, cut)
        recent = bars[known].groupby("ticker", sort=False).tail(2).index
        # All columns together, then one alone, each in its turn: others may decide what is filled.
        for names in (columns, columns[i % len(columns) :][:1]):
            broken = bars.copy()
            broken.loc[recent, names] = np.nan
            how = f"later rows dropped, {', '.join(names)} missing right before"
            whole, failed = _run(compute, broken, how, cut)
            found += failed
            if whole is not None:
                found += _watch("boundary", compute, whole, broken, known, broken[known], how, cut)
    return found


def future(
    compute: Compute, bars: pd.DataFrame, dates: Sequence[pd.Timestamp], ways: Sequence[str], seed: int = 0
) -> list[Violation]:
    """Replaces all rows after each cut: no value at or before it moves."""
    bars = _plain(bars)
    whole = _whole(compute, bars)
    found: list[Violation] = []
    for cut in dates:
        known = _known(bars, cut)
        for way in ways:
            changed = replaced(bars, ~known, way, seed)
            found += _watch("future", compute, whole, bars, known, changed, f"later rows {way}", cut)
    return found


def isolation(compute: Compute, bars: pd.DataFrame, ways: Sequence[str], seed: int = 0) -> list[Violation]:
    """Leaves a ticker alone, and beside others full of garbage: it has the same bits in any company."""
    bars = _plain(bars)
    whole = _whole(compute, bars)
    tickers = bars["ticker"].unique()
    found: list[Violation] = []
    for ticker in np.random.default_rng(seed).permutation(tickers)[: TICKERS if len(tickers) > 1 else 0]:
        own = (bars["ticker"] == ticker).to_numpy()
        found += _watch("isolation", compute, whole, bars, own, bars[own], "without other tickers")
        for way in ways:
            changed = replaced(bars, ~own, way, seed)
            found += _watch("isolation", compute, whole, bars, own, changed, f"other tickers {way}")
    return found


def adjustment(compute: Compute, prices: pd.DataFrame) -> list[Violation]:
    """Rescales `adj_close` of all rows, as a source does after a later split or dividend.

    Columns that stand for returns, ratios or volatilities stay within rounding; price levels cannot.

    Args:
        compute: from a prices table, before its adjustment.
        prices: with `adj_close`.
    """
    prices = _plain(prices)
    whole, every = _whole(compute, prices), np.ones(len(prices), bool)
    found: list[Violation] = []
    for factor in READJUSTMENTS:
        changed = prices.assign(adj_close=prices["adj_close"] * factor)
        how = f"adj_close times {factor:g}, as after a later split or dividend"
        found += _watch("adjustment", compute, whole, prices, every, changed, how, tolerance=ROUNDING)
    return found


def replaced(bars: pd.DataFrame, rows: np.ndarray, how: str, seed: int = 0) -> pd.DataFrame:
    """Replaces every number of some rows (a mask); all else stays.

    `scaled` multiplies each row by a factor of its own, `permuted` shuffles the rows, `huge` takes them times a
    million, `missing` empties them, `constant` sets them to 1e12.
    """
    rng = np.random.default_rng(seed)
    names, chosen = _numbers(bars), np.flatnonzero(rows)
    values = bars[names].to_numpy(float, copy=True)
    if how == "scaled":
        values[chosen] *= np.exp(rng.normal(0, 0.5, (len(chosen), 1)))
    elif how == "permuted":
        values[chosen] = values[rng.permutation(chosen)]
    elif how == "huge":
        values[chosen] *= 1e6
    else:
        values[chosen] = np.nan if how == "missing" else 1e12
    return bars.assign(**dict(zip(names, values.T, strict=True)))


def moved(
    check: str,
    found: pd.DataFrame,
    expected: pd.DataFrame,
    rows: pd.DataFrame,
    how: str,
    cut: pd.Timestamp | None = None,
    tolerance: float = 0.0,
) -> list[Violation]:
    """Compares two tables over the same rows (their date and ticker), bit for bit unless a tolerance is given.

    A missing value equals a missing value only, and -0.0 is not 0.0.
    """
    violations = []
    for name in expected.columns.union(found.columns, sort=False):
        if name not in expected or name not in found:
            violations.append(Violation(check, str(name), cut=_day(cut), how=f"{how}: the column comes or goes"))
            continue
        differs, size = _difference(found[name], expected[name], tolerance)
        if differs.any():
            first = rows.iloc[int(differs.argmax())]
            place = (str(first["ticker"]), _day(first["date"]), _day(cut))
            violations.append(Violation(check, str(name), *place, size, f"{how}, {differs.sum()} rows move"))
    return violations


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
) -> list[Violation]:
    """Computes on changed bars, either all rows or the kept ones alone, and compares the kept rows."""
    table, failed = _run(compute, changed, how, cut)
    if table is None:
        return failed
    if len(table) == len(bars):
        table = table[kept]
    return moved(check, table, whole[kept], bars[kept], how, cut, tolerance)


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
    """Computes on bars of our making: a failure there is something to report, not to die of."""
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
    return None, [Violation("computes", "(all)", cut=_day(cut), how=f"{how}: {reason}")]


def _difference(found: pd.Series, expected: pd.Series, tolerance: float) -> tuple[np.ndarray, float]:
    if not all(pd.api.types.is_numeric_dtype(column) for column in (found, expected)):
        differs = found.astype(str).to_numpy() != expected.astype(str).to_numpy()
        return differs, float("inf")
    a, b = (column.to_numpy(float, na_value=np.nan) for column in (found, expected))
    holes = np.isnan(a) | np.isnan(b)
    with np.errstate(invalid="ignore"):
        step = np.where(a == b, 0.0, np.abs(a - b))
    largest = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    differs = (step > tolerance * largest) if tolerance else (a != b) | (np.signbit(a) != np.signbit(b))
    differs = np.where(holes, np.isnan(a) != np.isnan(b), differs)
    if (holes & differs).any():
        return differs, float("inf")
    return differs, float(step.max(initial=0.0, where=differs) / (largest or 1.0))


def _plain(bars: pd.DataFrame) -> pd.DataFrame:
    """Numbers as floats, so that garbage has room, and rows numbered."""
    return bars.reset_index(drop=True).astype(dict.fromkeys(_numbers(bars), float))


def _numbers(bars: pd.DataFrame) -> list[str]:
    return [str(name) for name in bars.columns if pd.api.types.is_numeric_dtype(bars[name])]


def _known(bars: pd.DataFrame, cut: pd.Timestamp) -> np.ndarray:
    return (bars["date"] <= cut).to_numpy()


def _day(moment: pd.Timestamp | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"
