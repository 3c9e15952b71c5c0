"""The usual of a ticker: its volatility, its volume and its tick, at some of its rows."""

import numpy as np
import pandas as pd

from pricecast.data.quality.rows import Rows

MONTH = 20  # bars
CROWDED = 3  # times the usual volume: news, where splits have none


def before(rows: Rows, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the values of the bars before some rows, (n, MONTH); NaN before a ticker's first."""
    earlier = at[:, None] - np.arange(1, MONTH + 1)
    own = (earlier >= 0) & (rows.code[np.maximum(earlier, 0)] == rows.code[at, None])
    return np.where(own, values[np.maximum(earlier, 0)], np.nan)


def median(values: np.ndarray) -> np.ndarray:
    """Median of each row of a matrix without its NaN; NaN where there are fewer than three values."""
    return pd.DataFrame(values).median(axis=1).where((~np.isnan(values)).sum(axis=1) >= 3).to_numpy()


def noise(rows: Rows, moves: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Robust volatility of the moves at some rows: of all bars of the ticker or of those just before, if larger."""
    size = np.abs(moves)
    overall = pd.Series(size).groupby(rows.code).median().reindex(rows.code[at]).to_numpy()
    return 1.4826 * np.fmax(np.nan_to_num(overall), median(before(rows, at, size)))


def is_crowded(rows: Rows, night: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Mark rows whose volume, in shares as they were before, is far above the usual one."""
    usual = np.nan_to_num(median(before(rows, at, rows.columns["volume"])))
    return rows.columns["volume"][at] > CROWDED * usual * np.maximum(1, np.exp(-night[at]))


def ticker(rows: Rows, row: int) -> slice:
    """Return all rows of the ticker of one row."""
    return slice(*np.searchsorted(rows.code, [rows.code[row], rows.code[row] + 1]))


def tick(prices: np.ndarray) -> float:
    """Return the power of ten whose multiples all prices are; 0 where there is none down to 1e-8.

    >>> tick(np.array([0.0002, 0.001])), tick(np.array([1 / 3, 0.1]))
    (0.0001, 0.0)
    """
    for digits in range(9):
        if np.allclose(prices, np.round(prices, digits), rtol=1e-9, atol=0):
            return float(10**-digits)
    return 0.0


def usual_volume(rows: Rows, at: np.ndarray) -> np.ndarray:
    """Median volume of the bars before some rows; of all bars of the ticker where there are too few."""
    volume = rows.columns["volume"]
    recent = median(before(rows, at, volume))
    overall = pd.Series(volume).groupby(rows.code).median().reindex(rows.code[at]).to_numpy()
    return np.where(np.isnan(recent), overall, recent)
