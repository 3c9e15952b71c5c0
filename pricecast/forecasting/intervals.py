"""Intervals of any coverage and the chance of a rise, from the quantiles of a forecasts table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.schema import QUANTILE_COLUMNS
from pricecast.statistics import density
from pricecast.text import short


def with_intervals(forecasts: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """Return a forecasts table with central intervals instead of quantiles.

    Args:
        forecasts: a forecasts table, with `actual` or without.
        levels: coverages in percent, above 0 and below 100; between the table's own quantiles they are interpolated
            and beyond them extrapolated, as `statistics.density` says.

    Returns:
        The same rows without quantiles; then `lower_<level>` and `upper_<level>` for each level, in prices, and
        `p_rise`, the chance of a close above `last_close`.

    Raises:
        InputError: a level is no such coverage.
    """
    check_levels(levels)
    returns = 100 * np.log(forecasts[list(QUANTILE_COLUMNS)].to_numpy(float) / _last(forecasts))
    ends = np.array([[50 - level / 2, 50 + level / 2] for level in levels]).ravel() / 100
    prices = _last(forecasts) * np.exp(density.ppf(returns, ends) / 100)
    names = [f"{end}_{level:g}" for level in levels for end in ("lower", "upper")]
    rise = 1 - density.cdf(returns, np.zeros(len(returns)))
    shown = forecasts.drop(columns=list(QUANTILE_COLUMNS))
    return shown.assign(**dict(zip(names, prices.T, strict=True)), p_rise=rise)


def check_levels(levels: Sequence[float]) -> None:
    """Refuse levels of which one is no coverage in percent.

    Raises:
        InputError: one is not.
    """
    if wrong := [level for level in levels if not (isinstance(level, int | float) and 0 < level < 100)]:
        raise InputError(
            f"expected levels in percent above 0 and below 100, such as 50 or 97.5, got {short(wrong[0])}: "
            "correct it"
        )


def _last(forecasts: pd.DataFrame) -> np.ndarray:
    return forecasts[["last_close"]].to_numpy(float)
