"""Perturbations of bars: the dates at which they are cut, and the garbage that replaces their future."""

import numpy as np
import pandas as pd

# Ways to replace rows; the first three leave valid bars.
VALID_GARBAGE = ("scaled", "permuted", "huge")
GARBAGE = (*VALID_GARBAGE, "missing", "constant")
RANDOM_CUTS = 8


def cuts(bars: pd.DataFrame, n: int = RANDOM_CUTS, seed: int = 0) -> list[pd.Timestamp]:
    """Return random dates, and up to as many at which something happens, but never the last one.

    Something happens where a ticker starts or ends, and right before its largest move.
    """
    rng = np.random.default_rng(seed)
    dates = pd.DatetimeIndex(np.sort(bars["date"].unique()))
    position = {date: i for i, date in enumerate(dates)}
    special: set[int] = set()
    for _, group in bars.groupby("ticker", sort=False):
        largest = int(group["close"].pct_change(fill_method=None).abs().fillna(0.0).to_numpy().argmax())
        rows = (0, 1, largest - 1, len(group) - 2, len(group) - 1)
        special |= {position[group["date"].iloc[row]] for row in rows if 0 <= row < len(group)}
    usable = np.arange(len(dates) - 1)
    events = np.intersect1d(usable, sorted(special))
    chosen = {
        *rng.choice(usable, min(n, len(usable)), replace=False).tolist(),
        *rng.choice(events, min(n, len(events)), replace=False).tolist(),
    }
    return [dates[i] for i in sorted(chosen)]


def replace_rows(bars: pd.DataFrame, rows: np.ndarray, how: str, seed: int = 0) -> pd.DataFrame:
    """Replace every number of some rows (a mask); the others stay.

    `scaled` multiplies each row by a factor of its own, `permuted` shuffles the rows, `huge` takes them times a
    million, `missing` empties them, `constant` sets them to 1e12.
    """
    rng = np.random.default_rng(seed)
    names, chosen = numeric_columns(bars), np.flatnonzero(rows)
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


def plain(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the bars with floats for numbers, so that any garbage fits in, and rows numbered from 0."""
    return bars.reset_index(drop=True).astype(dict.fromkeys(numeric_columns(bars), float))


def numeric_columns(bars: pd.DataFrame) -> list[str]:
    """Return the columns of numbers, which garbage replaces."""
    return [str(name) for name in bars.columns if pd.api.types.is_numeric_dtype(bars[name])]
