"""Forecasts as people read them: median, central intervals and chances, a row for each day ahead."""

import numpy as np
import pandas as pd

from pricecast.schema import INTERVALS, QUANTILE_COLUMNS
from pricecast.statistics import density

KEYS = ("ticker", "cutoff", "horizon", "date", "model", "last_close")


def interval_table(forecasts: pd.DataFrame, above: float = 0.0) -> pd.DataFrame:
    """Return a forecasts table with intervals instead of quantiles, and the chance of a rise.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`; `actual` may be missing.
        above: price to give the chance of a close above it; zero for none.

    Returns:
        `ticker`, `cutoff`, `horizon`, `date`, `model`, `last_close`, `median`, `lower_50`, `upper_50` and so on for
        80 and 90 %, and `chance_of_rise`, the probability (0 to 1) of a close above the last one; with a price,
        `level` (the price) and `chance_above`.
    """
    bounds: dict[str, pd.Series[float]] = {}
    for percent, low, high in INTERVALS:
        bounds |= {f"lower_{percent}": forecasts[low], f"upper_{percent}": forecasts[high]}
    table = forecasts[list(KEYS)].assign(
        median=forecasts["forecast"], **bounds, chance_of_rise=chance_above(forecasts, forecasts["last_close"])
    )
    return table.assign(level=above, chance_above=chance_above(forecasts, above)) if above else table


def chance_above(forecasts: pd.DataFrame, level: "pd.Series[float] | float") -> np.ndarray:
    """Return the probability that the close ends above a price, (n,), by the distribution between the quantiles.

    Args:
        forecasts: table with `last_close` and the quantile columns.
        level: price in the units of the table, above zero; one for all rows, or one each.

    >>> row = {"last_close": 100.0, "q05": 98, "q10": 98.5, "q25": 99.3, "q50": 100, "q75": 100.7, "q90": 101.5,
    ...        "q95": 102}
    >>> chance_above(pd.DataFrame([row]), 102.0).round(2).tolist()
    [0.05]
    """
    last = forecasts["last_close"].to_numpy(float)
    quantiles = 100 * np.log(forecasts[list(QUANTILE_COLUMNS)].to_numpy(float) / last[:, None])
    returns = 100 * np.log(np.broadcast_to(np.asarray(level, float), last.shape) / last)
    return 1 - density.cdf(quantiles, returns)
