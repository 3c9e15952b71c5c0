"""Where bars are cut, and what stands in for their future."""

import numpy as np
import pandas as pd

# How rows are replaced; the first three leave valid bars.
VALID_GARBAGE = ("scaled", "permuted", "huge")
GARBAGE = (*VALID_GARBAGE, "missing", "constant")
RANDOM_CUTS = 8


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


def replaced(bars: pd.DataFrame, rows: np.ndarray, how: str, seed: int = 0) -> pd.DataFrame:
    """Replace every number of some rows (a mask); all else stays.

    `scaled` multiplies each row by a factor of its own, `permuted` shuffles the rows, `huge` takes them times a
    million, `missing` empties them, `constant` sets them to 1e12.
    """
    rng = np.random.default_rng(seed)
    names, chosen = numbers(bars), np.flatnonzero(rows)
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
    """Numbers as floats, so that garbage has room, and rows numbered."""
    return bars.reset_index(drop=True).astype(dict.fromkeys(numbers(bars), float))


def numbers(bars: pd.DataFrame) -> list[str]:
    """Return the columns that garbage goes into."""
    return [str(name) for name in bars.columns if pd.api.types.is_numeric_dtype(bars[name])]
