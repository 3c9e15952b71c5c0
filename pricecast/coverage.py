"""Do the intervals keep their promise: by level, horizon, volatility regime, year and ticker."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.schema import INTERVALS
from pricecast.significance import block_error

REGIME_NAMES = ("calm", "middle", "wild")
GROUPINGS = ("all", "regime", "year", "ticker")
PERCENTS = tuple(percent for percent, _, _ in INTERVALS)


def coverage(forecasts: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Counts how often outcomes fell inside the central intervals.

    A regime is a tercile of the ticker's own `scale` over the judged cutoffs, so that each holds a third of them.
    The errors are block-bootstrap standard errors over days (tickers averaged first, since they move together).

    Args:
        forecasts: the forecasts table; rows without an actual are left out.
        features: date, ticker and scale, one row for every cutoff.

    Returns:
        Columns `model`, `horizon`, `by` (one of `GROUPINGS`), `group`, `n_rows`, `n_days`, and `coverage_50`,
        `error_50` and so on in percent.

    Raises:
        InputError: a cutoff has no scale.
    """
    known = forecasts[forecasts["actual"].notna()]
    table = known.merge(_groups(known, features), on=["ticker", "cutoff"], how="left", validate="many_to_one")
    if table["regime"].isna().any():
        raise InputError(
            "expected a scale for every cutoff of the forecasts, got none for some: give their dataset"
        )
    for percent, low, high in INTERVALS:
        table[f"inside_{percent}"] = 100.0 * table["actual"].between(table[low], table[high])
    rows = [
        {"model": model, "horizon": horizon, "by": by, "group": group, **_counts(part)}
        for (model, horizon), own in table.groupby(["model", "horizon"], sort=False)
        for by, group, part in _parts(own)
    ]
    return pd.DataFrame(rows)


def _groups(known: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Regime and year of every judged cutoff."""
    cutoffs = known[["ticker", "cutoff"]].drop_duplicates()
    scale = features[["date", "ticker", "scale"]].rename(columns={"date": "cutoff"})
    table = cutoffs.merge(scale, on=["ticker", "cutoff"], how="left").dropna()
    place = table.groupby("ticker")["scale"].rank(method="first") - 1
    tercile = (len(REGIME_NAMES) * place // table.groupby("ticker")["scale"].transform("size")).astype(int)
    year = table["cutoff"].dt.year.astype(str)
    return table.assign(regime=np.array(REGIME_NAMES)[tercile], year=year).drop(columns="scale")


def _parts(own: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    yield "all", "all", own
    for by in GROUPINGS[1:]:
        order = REGIME_NAMES if by == "regime" else sorted(own[by].unique())
        for group in order:
            part = own[own[by] == group]
            if len(part):
                yield by, group, part


def _counts(part: pd.DataFrame) -> dict[str, float]:
    names = {percent: f"inside_{percent}" for percent in PERCENTS}
    daily = part.groupby("cutoff")[list(names.values())].mean()
    found: dict[str, float] = {"n_rows": len(part), "n_days": len(daily)}
    for percent, name in names.items():
        found[f"coverage_{percent}"] = float(part[name].mean())
        found[f"error_{percent}"] = block_error(daily[name].to_numpy())
    return found
