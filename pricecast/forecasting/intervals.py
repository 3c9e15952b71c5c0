"""Intervals of any coverage and the chance of a rise, from the quantiles of a forecasts table."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.schema import INTERVALS, QUANTILE_COLUMNS
from pricecast.statistics import density
from pricecast.text import short

SHOWN = tuple(percent for percent, *_ in INTERVALS)  # levels of reports


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
    percents = check_levels(levels)
    returns = 100 * np.log(forecasts[list(QUANTILE_COLUMNS)].to_numpy(float) / _last(forecasts))
    ends = np.array([[50 - level / 2, 50 + level / 2] for level in percents]).ravel() / 100
    prices = _last(forecasts) * np.exp(density.ppf(returns, ends) / 100)
    names = [f"{end}_{level:g}" for level in percents for end in ("lower", "upper")]
    shown = forecasts.drop(columns=list(QUANTILE_COLUMNS))
    return shown.assign(
        **dict(zip(names, prices.T, strict=True)), p_rise=p_above(forecasts, forecasts["last_close"])
    )


def for_people(forecasts: pd.DataFrame, above: float = 0.0) -> pd.DataFrame:
    """Return a forecast of the coming days with the intervals that reports show, and the chance beyond a price.

    Args:
        forecasts: a forecasts table without `actual`.
        above: price to give the chance of a close above it; zero for none.

    Returns:
        Result of `with_intervals` at 50, 80 and 90 %; with a price, `level` (the price) and `p_above`, too.
    """
    table = with_intervals(forecasts, SHOWN)
    return table.assign(level=above, p_above=p_above(forecasts, above)) if above else table


def p_above(forecasts: pd.DataFrame, level: "pd.Series[float] | float") -> np.ndarray:
    """Return the probability of a close above a price, (n,), by the distribution that the quantiles imply.

    Args:
        forecasts: table with `last_close` and the quantile columns.
        level: price in the units of the table, above zero; one for all rows, or one each.

    >>> row = {"last_close": 100.0, "q05": 98, "q10": 98.5, "q25": 99.3, "q50": 100, "q75": 100.7, "q90": 101.5,
    ...        "q95": 102}
    >>> p_above(pd.DataFrame([row]), 102.0).round(2).tolist()
    [0.05]
    """
    last = _last(forecasts)
    quantiles = 100 * np.log(forecasts[list(QUANTILE_COLUMNS)].to_numpy(float) / last)
    levels = np.broadcast_to(np.asarray(level, float), len(last))
    return 1 - density.cdf(quantiles, 100 * np.log(levels / last[:, 0]))


def check_levels(levels: Sequence[float]) -> list[float]:
    """Return levels as numbers if each is a coverage in percent.

    Raises:
        InputError: one is not, or there is none.

    >>> check_levels((50, 97.5))
    [50.0, 97.5]
    """
    wanted = "expected levels in percent above 0 and below 100, such as"
    try:
        given = [] if isinstance(levels, str) else list(levels)
    except TypeError:
        given = []
    if not given:
        raise InputError(f"{wanted} (50, 97.5), got {short(levels)}: give one or more in a list")
    for level in given:
        if not isinstance(level, Real) or isinstance(level, bool) or not 0 < level < 100:
            raise InputError(f"{wanted} 50 or 97.5, got {short(level)}: correct it")
    return [float(level) for level in given]


def _last(forecasts: pd.DataFrame) -> np.ndarray:
    return forecasts[["last_close"]].to_numpy(float)
